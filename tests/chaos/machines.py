"""What breaks: a broker and a database that can be stopped and started, full disks, cut cables, a clock that jumps."""

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from tests import servers

ROOM = 250 * 2**20  # a new disk: what the product asks for as reserve, and something to work with
CLOCK_SOURCE = Path(__file__).with_name("clock.c")


def run(*words: object) -> str:
    """Run a command and return its output; an error is raised with all that it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


class Broker:
    """A Redis-protocol server on one port that can be stopped, started empty, and flushed."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", prefix: Sequence[str] = ()) -> None:
        self._folder, self._host, self._prefix = folder, host, prefix
        self._port = servers.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://{host}:{self._port}/0"

    def start(self) -> None:
        program = servers._redis_program()
        words = ["--port", str(self._port), "--bind", self._host, "--dir", str(self._folder), "--save", ""]
        # Inside a network namespace of a test there is no loopback to protect.
        words += ["--appendonly", "no", "--protected-mode", "no"]
        self._process = subprocess.Popen([*self._prefix, program, *words], stdout=subprocess.DEVNULL)
        if not self._prefix:
            servers._wait_for(self._port, self._process)

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and takes new ones, but answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextlib.contextmanager
def broker(host: str = "127.0.0.1", prefix: Sequence[str] = ()) -> Iterator[Broker]:
    with servers._folder() as folder:
        made = Broker(folder, host, prefix)
        made.start()
        try:
            yield made
        finally:
            made.stop()


class Postgres:
    """A PostgreSQL that can be stopped in good order or not, and started again; it keeps its data."""

    def __init__(self, folder: Path, host: str, prefix: Sequence[str], environment: dict[str, str]) -> None:
        self._tools, self._person = servers._postgres_tools(), servers._person()
        self._folder, self._data = folder, folder / "data"
        self._host, self._prefix, self._environment = host, prefix, environment
        self.port = servers.free_port()
        self.url = f"postgresql+psycopg://miwake@{host}:{self.port}/miwake"
        self.socket_url = f"postgresql+psycopg://miwake@/miwake?host={folder}&port={self.port}"

    def make(self) -> None:
        if self._person:
            shutil.chown(self._folder, **self._person)
        self._tool("initdb", "-D", self._data, "-U", "miwake", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        (self._data / "pg_hba.conf").write_text("local all all trust\nhost all all 0.0.0.0/0 trust\n")
        self.start()
        with psycopg.connect(f"host={self._folder} port={self.port} user=miwake dbname=postgres") as connection:
            connection.autocommit = True
            connection.execute("CREATE DATABASE miwake")

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses={self._host} -c fsync=off"
        self._tool("pg_ctl", "-D", self._data, "-l", self._folder / "log", "-o", options, "-w", "start")

    def stop(self, how: str = "fast") -> None:
        """``how``: "fast" ends connections in good order, "immediate" as a crash would."""
        self._tool("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")

    def cut(self) -> None:
        """End all connections, as a firewall or a failover would."""
        with psycopg.connect(f"host={self._folder} port={self.port} user=miwake dbname=postgres") as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'miwake'")

    def _tool(self, tool: str, *words: object) -> None:
        as_person: Any = self._person and {
            "user": self._person["user"],
            "group": self._person["group"],
            "extra_groups": [],
        }
        command = [str(self._tools / tool), *map(str, words)]
        if self._prefix:  # entering a namespace needs root, so the person is changed after it
            command = [*self._prefix, "setpriv", f"--reuid={self._person['user']}", "--clear-groups", *command]
            as_person = {}
        environment = {**os.environ, **self._environment}
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, env=environment, timeout=60, **as_person
        )


@contextlib.contextmanager
def postgres(
    host: str = "127.0.0.1", prefix: Sequence[str] = (), environment: dict[str, str] | None = None
) -> Iterator[Postgres]:
    with servers._folder() as folder:
        made = Postgres(folder, host, prefix, environment or {})
        made.make()
        try:
            yield made
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # the test may have stopped it
                made.stop("immediate")


def need_root(what: str) -> None:
    """Skip, and say so."""
    if os.geteuid() != 0:
        pytest.skip(f"NOT TESTED: {what} needs root")


class Disk:
    """A small disk of its own that can be filled and emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take all room, also what others make or take at this moment."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (2**20, 2**12):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def disk(size: int = ROOM) -> Iterator[Disk]:
    need_root("a full disk")
    folder = Path(tempfile.mkdtemp(prefix="mw-disk-", dir="/tmp"))
    try:
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder)
    except subprocess.CalledProcessError:  # root of a container may not
        folder.rmdir()
        pytest.skip("NOT TESTED: a full disk needs the right to mount one")
    try:
        yield Disk(folder)
    finally:
        run("umount", "-l", folder)
        folder.rmdir()


class Hosts:
    """Two hosts, each in a network namespace of its own, with a cable between them."""

    def __init__(self) -> None:
        mark = os.getpid()
        self._names = (f"mw{mark}a", f"mw{mark}b")
        self.addresses = ("10.99.7.1", "10.99.7.2")

    def prefix(self, host: int) -> list[str]:
        """The words that run a command on a host."""
        return ["ip", "netns", "exec", self._names[host]]

    def build(self) -> None:
        for name in self._names:
            run("ip", "netns", "add", name)
        first, second = self._names
        run("ip", "link", "add", "wire", "netns", first, "type", "veth", "peer", "name", "wire", "netns", second)
        for host, address in enumerate(self.addresses):
            for words in (("addr", "add", f"{address}/24", "dev", "wire"), ("link", "set", "wire", "up")):
                run(*self.prefix(host), "ip", *words)
            run(*self.prefix(host), "ip", "link", "set", "lo", "up")

    def cut(self) -> None:
        """Nothing comes through any more, and nobody is told: each host sends to an address that nobody has."""
        self._tell(["02:00:00:00:00:99"] * 2)

    def join(self) -> None:
        """Everything comes through again."""
        self._tell([self._card(1), self._card(0)])

    def _card(self, host: int) -> str:
        words: list[dict[str, str]] = json.loads(run(*self.prefix(host), "ip", "-json", "link", "show", "dev", "wire"))
        return words[0]["address"]

    def _tell(self, cards: list[str]) -> None:
        for host, card in enumerate(cards):
            other = self.addresses[1 - host]
            words = ("neigh", "replace", other, "lladdr", card, "dev", "wire", "nud", "permanent")
            run(*self.prefix(host), "ip", *words)

    def remove(self) -> None:
        for name in self._names:
            run("ip", "netns", "delete", name)


@contextlib.contextmanager
def hosts() -> Iterator[Hosts]:
    need_root("two hosts in network namespaces")
    if shutil.which("ip") is None:
        pytest.skip("NOT TESTED: two hosts in network namespaces need ip: apt-get install iproute2")
    made = Hosts()
    made.build()
    try:
        yield made
    finally:
        made.remove()


class Clock:
    """A wall clock that processes started with ``environment`` believe."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("NOT TESTED: a clock that jumps needs a C compiler: apt-get install gcc libc6-dev")
        library, self._file = folder / "clock.so", folder / "clock"
        run(compiler, "-O2", "-shared", "-fPIC", "-o", library, CLOCK_SOURCE)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Put the clock ``seconds`` before the true time."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))


@contextlib.contextmanager
def clock() -> Iterator[Clock]:
    with servers._folder() as folder:
        folder.chmod(0o755)  # PostgreSQL runs as somebody else
        yield Clock(folder)
