"""Projects with finished runs whose answers are given, made once and copied into each test's folder."""

import os
import sqlite3
from contextlib import closing

import pytest

from app.db.migrate import upgrade
from app.db.session import Database
from app.storage import LocalStore
from tests.compare import factory


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with the project "blood" and its runs 1 to 4, see ``factory.fill``."""
    folder = tmp_path_factory.mktemp("compared")
    database, store = Database(f"sqlite:///{folder / 'data.sqlite3'}"), LocalStore(folder / "store")
    upgrade(database)
    with database.write() as session:
        factory.fill(session, store)
    database.dispose()
    return folder


@pytest.fixture
def compared(prepared, settings, database, store):
    """The prepared project in the test's own database and store."""
    with (
        closing(sqlite3.connect(prepared / "data.sqlite3")) as source,
        closing(sqlite3.connect(settings.data_dir / "miwake.sqlite3")) as target,
    ):
        source.backup(target)
    for path in (prepared / "store").rglob("*"):
        place = store.root / path.relative_to(prepared / "store")
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif not place.exists():
            os.link(path, place)
