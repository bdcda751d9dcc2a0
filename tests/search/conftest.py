"""A real worker beside a project that it can train in a second."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.config import Settings
from app.db.models import Project
from app.db.session import Database
from app.storage import LocalStore
from tests.jobs import processes


@dataclass(frozen=True)
class Bench:
    """One worker, its database and store, and a project to train."""

    settings: Settings
    database: Database
    store: LocalStore
    project_id: int

    def project(self) -> Project:
        with self.database.read() as session:
            return session.get_one(Project, self.project_id)


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("search")
    settings = Settings(data_dir=folder / "data", lease_seconds=8.0)
    settings.data_dir.mkdir()
    shutil.copy(empty_sqlite, settings.data_dir / "miwake.sqlite3")
    database, store = Database(settings.database), LocalStore(settings.data_dir / "store")
    project_id = processes.add_project(database, store)
    with processes.worker(settings, folder / "log"):
        yield Bench(settings, database, store, project_id)
    database.dispose()
