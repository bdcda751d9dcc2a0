"""An installation of our own for measurements: its processes, and what the system counts of them (Linux)."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.config import Settings

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 180.0
T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], pause: float = 0.002, limit: float = LIMIT_SECONDS) -> T:
    """The first value of ``look`` that is true."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if value := look():
            return value
        time.sleep(pause)
    raise TimeoutError(f"waited {limit} s in vain for {what}")


@dataclass
class Server:
    """``python -m app serve`` with a data folder of its own."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path

    def address(self) -> str:
        """Where the pages are, once they answer."""

        def look() -> str | None:
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text(errors="replace")[-3000:])
            found = re.search(r"Miwake is ready: (\S+)", self.log.read_text(errors="replace"))
            return found.group(1) if found else None

        return wait_for("the server", look, 0.02)


def _folder(keep: Path | None) -> contextlib.AbstractContextManager[str]:
    if keep:
        return contextlib.nullcontext(tempfile.mkdtemp(dir=keep))
    return tempfile.TemporaryDirectory(prefix="miwake-bench-", ignore_cleanup_errors=True)


@contextlib.contextmanager
def server(more: Mapping[str, str] | None = None, folder: Path = ROOT, keep: Path | None = None) -> Iterator[Server]:
    """A server on a free port.

    Args:
        more: settings by the names of their variables.
        folder: its checkout.
        keep: a folder that its data are left in; without one they are removed at the end.
    """
    with _folder(keep) as name:
        place = Path(name)
        own = {"MIWAKE_DATA_DIR": str(place / "data"), **(more or {})}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("MIWAKE_")}
        with (place / "log").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve", "--port", "0"],
                cwd=folder,
                env={**inherited, **own, "PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Server(Settings.from_env(own), process, place / "log")
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def family(pid: int) -> dict[int, str]:
    """The process and all below it with their command lines."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found, layer = {pid}, {pid}
    while layer := {child for child, parent in parents.items() if parent in layer and child not in found}:
        found |= layer
    return {one: words for one in found if (words := _words(one))}


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Memory of a process in MB, with its share of what it shares with others (PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
