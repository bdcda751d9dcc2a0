"""A database at the newest schema (made once, copied for each test) and a store, both in temporary folders."""

import shutil

import pytest
import sqlalchemy as sa

from app.db import migrate
from app.db.session import Database
from app.storage import LocalStore


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "empty.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.dispose()
    return path


@pytest.fixture
def data_dir(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "miwake.sqlite3")
    return tmp_path


@pytest.fixture
def database(data_dir):
    made = Database(f"sqlite:///{data_dir / 'miwake.sqlite3'}")
    yield made
    made.dispose()


@pytest.fixture
def store(data_dir):
    return LocalStore(data_dir / "store")


@pytest.fixture
def statements(database):
    """The SQL statements sent to the database, for counting."""
    seen: list[str] = []

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def note(*args):
        if args[2] != "BEGIN":
            seen.append(args[2])

    return seen
