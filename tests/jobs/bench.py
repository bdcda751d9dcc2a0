"""One worker beside a project that it can train in a second; for a whole module of tests, because it starts slowly."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.db.models import Project
from app.db.session import Database
from app.services import jobs
from app.storage import LocalStore
from tests import servers
from tests.inspect import factory
from tests.jobs import processes, trained


@dataclass(frozen=True)
class Bench:
    """One worker, its database and store, a project to train, and a folder for what a test writes."""

    settings: Settings
    database: Database
    store: LocalStore
    worker: processes.WorkerProcess
    project_id: int
    folder: Path

    def project(self) -> Project:
        with self.database.read() as session:
            return session.get_one(Project, self.project_id)


@contextlib.contextmanager
def one_worker(folder: Path, empty_sqlite: Path, lease_seconds: float = 30.0) -> Iterator[Bench]:
    """With a database and a store of its own in ``folder``; it must end in order when nobody needs it any more."""
    settings = Settings(data_dir=folder / "data", lease_seconds=lease_seconds)
    settings.data_dir.mkdir()
    shutil.copy(empty_sqlite, settings.data_dir / "miwake.sqlite3")
    database, store = Database(settings.database), LocalStore(settings.data_dir / "store")
    project_id = processes.add_project(database, store)
    with processes.worker(settings, folder / "log") as worker:
        yield Bench(settings, database, store, worker, project_id, folder)
        assert worker.end() == 0
    database.dispose()


@dataclass(frozen=True)
class Desk:
    """Run 1 of two folds, whose models answer, with pages and a worker.

    Attributes:
        address: of the pages.
    """

    database: Database
    store: LocalStore
    worker: processes.WorkerProcess
    address: str


@contextlib.contextmanager
def answering(folder: Path, empty_sqlite: Path) -> Iterator[Desk]:
    """A desk with a database and a store of its own in ``folder``: one worker for all questions of a module."""
    settings = Settings(data_dir=folder / "data")
    settings.data_dir.mkdir()
    shutil.copy(empty_sqlite, settings.data_dir / "miwake.sqlite3")
    database, store = Database(settings.database), LocalStore(settings.data_dir / "store")
    with database.write() as session:
        trained.run(session, store, factory.project(session, store, train=4, test=2), folds=2)
    with servers.web(settings) as address, processes.worker(settings, folder / "log") as worker:
        processes.wait_for("a worker", lambda: _alive(database))  # maps come by themselves where one is alive
        yield Desk(database, store, worker, address)
    database.dispose()


def _alive(database: Database) -> object:
    with database.read() as session:
        return jobs.workers_alive(session)
