"""One worker beside a project that it can train in a second; for a whole module of tests, because it starts slowly."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.db.models import Project
from app.db.session import Database
from app.storage import LocalStore
from tests.jobs import processes


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
