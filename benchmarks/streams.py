"""What open pages cost the server: 200 event streams, quiet and while a training reports twice a second.

A server of its own on a data folder of its own, as ``python -m app web`` starts it, and as many real connections.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.db.migrate import upgrade
from app.db.run_models import Run
from app.db.session import Database
from app.domain.enums import JobKind, Lane
from app.services import jobs, projects
from benchmarks.records import Record, machine, write

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python -m benchmarks.streams"
PAGES = 200
SECONDS = 20.0
TICKS = os.sysconf("SC_CLK_TCK")
CPU_TARGET, MEMORY_TARGET, DELAY_TARGET, STOP_TARGET = 25.0, 400.0, 1.5, 5.0


class Reader:
    """All connections; counts the events and remembers when the newest came."""

    def __init__(self, port: int, path: str, count: int) -> None:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        self.events = 0
        self.data = 0
        self.last = [0.0] * count
        for one in self.sockets:
            one.sendall(request)
        self.threads = [threading.Thread(target=self._read, args=(number,), daemon=True) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def _read(self, number: int) -> None:
        with contextlib.suppress(OSError):
            while data := self.sockets[number].recv(65536):
                self.data += len(data)
                if b"event: " in data:
                    self.events += data.count(b"event: ")
                    self.last[number] = time.monotonic()

    def close(self) -> None:
        """Go away, as a browser does whose tab is closed."""
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> float:
    """Megabytes of memory that a process has for itself and in common."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """``python -m app web`` on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "web", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "MIWAKE_DATA_DIR": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                break
            time.sleep(0.1)
        yield process, port
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def prepare(folder: Path) -> tuple[Database, int, str]:
    """A project with a running training; the database, the id of its job and the address of the run's stream."""
    database = Database(f"sqlite:///{folder / 'miwake.sqlite3'}")
    upgrade(database)
    with database.write() as session:
        project = projects.create(session, name="streams")
        job = jobs.create(session, project_id=project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})
        recipe = {"epochs": 100}
        run = Run(project_id=project.id, number=1, kind="holdout", recipe=recipe, job_id=job.id, actor="bench")
        session.add(run)
    with database.write() as session:
        jobs.claim(session, job.id, "bench:1", 3600.0)
    return database, job.id, f"/p/{project.slug}/runs/1/events"


def measure(pid: int, database: Database, job_id: int, reader: Reader, *, busy: bool) -> tuple[float, float]:
    """Percent of one processor, and the longest time from a change to the last page, over ``SECONDS``."""
    used, begun = processor(pid), time.monotonic()
    delays, done = [], 0
    while time.monotonic() - begun < SECONDS:
        changed = time.monotonic()
        if busy:
            done += 1
            with database.write() as session:
                values = {"phase": "train", "epoch": 3, "epochs": 100, "done": done, "total": 1000}
                jobs.set_progress(session, job_id, 1, values)
        time.sleep(2.0 if busy else SECONDS)
        if busy:
            delays.append(max(reader.last) - changed)
    seconds = time.monotonic() - begun
    return (processor(pid) - used) / seconds * 100, max(delays, default=0.0)


def kind(name: str, path: str, folder: Path) -> list[Record]:
    """The figures of one kind of page."""
    database, job_id, run_path = prepare(folder)
    with server(folder) as (process, port):
        time.sleep(2.0)
        empty = memory(process.pid)
        reader = Reader(port, path or run_path, PAGES)
        time.sleep(5.0)
        quiet, _ = measure(process.pid, database, job_id, reader, busy=False)
        busy, delay = measure(process.pid, database, job_id, reader, busy=True)
        full = memory(process.pid)
        begun = time.monotonic()
        process.terminate()
        process.wait(30)
        stop = time.monotonic() - begun
        reader.close()
    database.dispose()

    def record(what: str, value: float, unit: str, target: float | None, note: str = "") -> Record:
        met = None if target is None else value <= target
        return Record(f"{PAGES} open {name}: {what}", round(value, 2), unit, target, met, COMMAND, note)

    events = f"{reader.events} events, {reader.data / 1e6:.1f} MB in all"
    return [
        record("processor while nothing happens", quiet, "% of one core", CPU_TARGET),
        record("processor while a training reports", busy, "% of one core", CPU_TARGET, events),
        record("longest time from a change to the last page", delay, "s", DELAY_TARGET),
        record("memory of the server", full, "MB", MEMORY_TARGET, f"{empty:.0f} MB without pages"),
        record("from SIGTERM to the end of the server", stop, "s", STOP_TARGET),
    ]


def main(_arguments: Sequence[str] | None = None) -> int:
    """Measure both kinds of pages and write the figures."""
    records: list[Record] = []
    for name, path in (("run pages", ""), ("jobs pages", "/jobs/events")):
        with tempfile.TemporaryDirectory(prefix="miwake-streams-") as folder:
            records += kind(name, path, Path(folder))
    write("streams", records, machine())
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
