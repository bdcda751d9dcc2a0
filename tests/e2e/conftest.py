"""The whole product as a person starts it: one command, its own data folder, a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return bool(error.code == 200)
    except OSError:
        return False


@contextmanager
def started(command: str, folder: Path, said: str) -> Iterator[str]:
    """``python -m app <command>`` on a free port, once it said ``said``; ended by Ctrl-C, which must be clean."""
    address = f"http://127.0.0.1:{(port := _free_port())}"
    environment = os.environ | {"MIWAKE_DATA_DIR": str(folder / "data"), "MIWAKE_PORT": str(port)}
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", command], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + 180
            while not (_answers(f"{address}/readyz") and said in (folder / "output.txt").read_text()):
                assert process.poll() is None, (folder / "output.txt").read_text()
                assert time.monotonic() < deadline, "the server was not ready within three minutes"
                time.sleep(0.1)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(60) == 0, (folder / "output.txt").read_text()[-3000:]
            finally:
                process.kill()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A running product without projects."""
    with started("serve", tmp_path, "Miwake is ready") as found:
        yield found
