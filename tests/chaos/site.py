"""An installation for a fault test: a data folder, a database, a project with a run, and real worker processes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from app.config import Settings, child_environment
from app.db.migrate import upgrade
from app.db.run_models import Run
from app.db.session import Database
from app.domain.recipe import Recipe
from app.services import jobs
from app.storage import LocalStore
from tests.jobs import processes

QUICK_LEASE: dict[str, Any] = {"lease_seconds": 3.0, "resend_seconds": 2.0}
LONG_LEASE = 30.0  # where no worker gets lost: none shall be taken for lost when the machine pauses for a moment


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a process these settings."""
    usual = Settings()
    named = {item.name: getattr(settings, item.name) for item in fields(Settings)}
    changed = {name: value for name, value in named.items() if value != getattr(usual, name)}
    return {f"MIWAKE_{name.upper()}": str(value) for name, value in changed.items()}


class Process:
    """A process of the product with a log of its own, which ends when this test does."""

    def __init__(
        self, words: Sequence[str], settings: Settings, log: Path, prefix: Sequence[str], more: Mapping[str, str]
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, *words],
                cwd=processes.ROOT,
                env={**child_environment(), **environment(settings), **more},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM; a frozen process hears it, too."""
        if self.process.poll() is None:
            self.process.terminate()
            processes.thaw(self.pid)

    def end(self) -> None:
        """In good order where that is possible."""
        self.ask_to_end()
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        if self.process.poll() is None:
            self.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()


@dataclass
class Site:
    """The parts of an installation; ``more`` are environment variables of its processes."""

    folder: Path
    settings: Settings
    database: Database
    store: LocalStore
    more: dict[str, str]
    started: list[Process]

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def start(self, *words: str, prefix: Sequence[str] = (), **changes: Any) -> Process:
        """Start ``python <words>`` with the settings, changed where ``changes`` says so."""
        settings = replace(self.settings, **changes)
        log = self.folder / f"log-{len(self.started)}"
        self.started.append(Process(words, settings, log, prefix, self.more))
        return self.started[-1]

    def ledger_workers(self, count: int) -> list[Process]:
        """Workers whose explanations only keep a ledger; returns when all of them have said that they are alive."""
        made = [self.ledger_worker() for _ in range(count)]
        names = {f":{one.pid}" for one in made}

        def alive() -> bool:
            assert all(one.process.poll() is None for one in made), "a worker ended by itself"
            with self.database.read() as session:
                known = [worker.name for worker in jobs.workers_alive(session)]
            return all(any(name.endswith(end) for name in known) for end in names)

        processes.wait_for(f"{count} workers", alive)
        return made

    def ledger_worker(self, prefix: Sequence[str] = (), **changes: Any) -> Process:
        """One such worker, not waited for."""
        words = ("-m", "tests.chaos.ledger_worker", "--end-with-parent")
        return self.start(*words, prefix=prefix, start_method="spawn", warm=0, **changes)

    def worker(self, **changes: Any) -> Process:
        """A worker that trains; without the process that is kept for predictions, its one child is the training."""
        return self.start("-m", "worker", "--end-with-parent", warm=0, **changes)

    def wait_for_workers(self, count: int) -> None:
        def alive() -> bool:
            with self.database.read() as session:
                return len(jobs.workers_alive(session)) >= count

        processes.wait_for(f"{count} workers", alive)

    def add_run(self, recipe: Recipe = processes.QUICK) -> Run:
        """A project with pictures and a queued training."""
        return processes.add_run(self.database, processes.add_project(self.database, self.store), recipe)

    def run_without_job(self) -> int:
        """A run whose training nobody shall do: rows of ledger jobs belong to it. Returns its id."""
        run = self.add_run()
        processes.cancel(self.database, run.job_id)
        return run.id

    def logs(self) -> str:
        """The ends of all logs."""
        texts = [f"--- {one.log.name}\n{one.log.read_text(errors='replace')[-5000:]}" for one in self.started]
        return "\n".join(texts)


@contextlib.contextmanager
def site(
    folder: Path, *, more: Mapping[str, str] | None = None, own_database: str = "", **changes: Any
) -> Iterator[Site]:
    """An empty installation below ``folder`` with short leases; the logs of its processes are shown after an error.

    ``own_database`` is how this process, not those of the installation, reaches the database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    usual = replace(Settings(data_dir=folder / "data", user="tester"), **QUICK_LEASE)
    settings = replace(usual, **changes)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(own_database or settings.database)
    upgrade(database)
    made = Site(folder, settings, database, LocalStore(settings.data_dir / "store"), dict(more or {}), [])
    try:
        yield made
    except BaseException:
        sys.stderr.write(made.logs() + os.linesep)
        raise
    finally:
        for process in made.started:
            process.ask_to_end()
        for process in made.started:
            process.end()
        database.dispose()
