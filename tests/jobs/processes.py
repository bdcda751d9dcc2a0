"""A real worker process, projects that it can train in a few seconds, and a way to wait for what it does."""

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import TypeVar

from app.config import Settings, child_environment
from app.db.models import Project
from app.db.run_models import Job, Run
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobState, Split
from app.domain.recipe import Recipe
from app.services import jobs, runs
from app.storage import LocalStore, Store
from tests import factories
from worker import child
from worker.parts import Parts
from worker.slots import Slots

ROOT = Path(__file__).resolve().parents[2]
QUICK = Recipe(architecture="conv2", image_size=32, epochs=2, patience=0, batch_size=16, precision="float32")
ENDLESS = QUICK.updated({"epochs": 2000})
WAIT_SECONDS = 150.0
T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], seconds: float = WAIT_SECONDS) -> T:
    """The first value of ``look`` that is true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := look():
            return value
        time.sleep(0.05)  # another process does it, and nothing announces it
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class WorkerProcess:
    """``python -m worker`` with its own log."""

    def __init__(self, settings: Settings, log: Path) -> None:
        changes = {
            "MIWAKE_DATA_DIR": str(settings.data_dir),
            "MIWAKE_DATABASE_URL": settings.database_url,
            "MIWAKE_BROKER_URL": settings.broker_url,
            "MIWAKE_LEASE_SECONDS": str(settings.lease_seconds),
            "MIWAKE_RESEND_SECONDS": str(settings.resend_seconds),
            "MIWAKE_JOB_MEMORY_MB": str(settings.job_memory_mb),
        }
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker", "--end-with-parent"],
                cwd=ROOT,
                env={**child_environment(), **{name: value for name, value in changes.items() if value}},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it as the system would: without a word."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """End it in good order; return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.kill()
            assert self.process.stdin is not None
            self.process.stdin.close()


@contextlib.contextmanager
def worker(settings: Settings, log: Path) -> Iterator[WorkerProcess]:
    """A worker for the length of a test; its log is shown when the test fails."""
    made = WorkerProcess(settings, log)
    try:
        yield made
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace")[-6000:])
        raise
    finally:
        made.end()


def add_project(database: Database, store: Store, name: str = "血球") -> int:
    """A project of two classes with 12 pictures for training and 4 for the test of each; returns its id."""
    with database.write() as session:
        made = factories.make_project(session, name, ("好中球", "単球"))
        for place, label_class in enumerate(made.classes):
            first = 100 * (place + 1)
            factories.add_images(session, store, made, 12, label_class=label_class, first=first)
            factories.add_images(session, store, made, 4, label_class=label_class, split=Split.TEST, first=first + 50)
        return made.id


def add_run(database: Database, project_id: int, recipe: Recipe = QUICK) -> Run:
    """Queue a training, as the page does but without a message."""
    with database.write() as session:
        project = session.get_one(Project, project_id)
        return runs.create(session, project, recipe, actor="tester")


def job_of(database: Database, job_id: int) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)


def ended(database: Database, job_id: int, seconds: float = WAIT_SECONDS) -> Job:
    """Wait for the end of a job."""

    def look() -> Job | None:
        job = job_of(database, job_id)
        return job if job.state in FINAL_STATES else None

    return wait_for(f"the end of job {job_id}", look, seconds)


def in_training(database: Database, job_id: int) -> Job:
    """Wait until the second epoch of a job has begun."""

    def look() -> Job | None:
        job = job_of(database, job_id)
        assert job.state not in FINAL_STATES, f"{job.state} {job.error_code} {job.error_trace}"
        return job if job.progress.get("phase") == "train" and job.progress["epoch"] > 1 else None

    return wait_for(f"training of job {job_id}", look)


def cancel(database: Database, job_id: int, *, keep_best: bool = False) -> None:
    with database.write() as session:
        jobs.cancel(session, job_id, keep_best=keep_best)


def running(database: Database, job_id: int) -> bool:
    return job_of(database, job_id).state == JobState.RUNNING


def descendants(pid: int) -> dict[int, str]:
    """Process ids below ``pid`` with their command lines, the fork server's children included."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                parents[int(folder.name)] = int(fields[1])
                names[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
    found: dict[int, str] = {}
    layer = {pid}
    while layer:
        layer = {child for child, parent in parents.items() if parent in layer and child not in found}
        found |= {child: names[child] for child in layer}
    return found


def child_of(process: WorkerProcess) -> int:
    """The process that trains: a child of the fork server, by the name it gives itself."""
    below = descendants(process.process.pid)
    children = [pid for pid in below if name_of(pid) == child.NAME]
    assert len(children) == 1, below
    return children[0]


def name_of(pid: int) -> str:
    """The short name of a process; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def gone(pid: int) -> bool:
    """True when the process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def send(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)


def stopped(pid: int) -> bool:
    """True when every thread of the process stands still."""
    states = [task.read_text().rsplit(")", 1)[1].split()[0] for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    return bool(states) and set(states) <= {"T", "t"}


def freeze(database: Database, family: list[int]) -> bool:
    """Freeze the processes, unless that would be in the middle of a write: SQLite's lock would be frozen with them."""
    for pid in family:
        send(pid, signal.SIGSTOP)
    while not all(stopped(pid) for pid in family):
        pass  # a signal is not an act: until every thread stands still, one may still take the lock
    connection = sqlite3.connect(str(database.engine.url.database), timeout=0.1, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        for pid in family:
            send(pid, signal.SIGCONT)
        return False
    finally:
        connection.close()
    return True


def thaw(pid: int) -> None:
    """Let a frozen process go on, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def parts(settings: Settings, database: Database, store: LocalStore) -> Parts:
    """The parts of a worker in this process; it can start no training."""
    return Parts(settings, database, store, "test:1", Slots(1, 1, 1), parts_context())


def parts_context() -> SpawnContext:
    """How a worker in this process would start others."""
    return multiprocessing.get_context("spawn")
