"""A project with pictures and its runs, as the worker leaves them. Made once, then copied into each test's folder."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db.migrate import upgrade
from app.db.run_models import RunFold
from app.db.session import Database
from app.services import packing, packs
from app.storage import LocalStore
from tests.inspect import factory


@pytest.fixture
def statements(database):
    """The SQL statements sent through ``database``, for counting."""
    seen: list[str] = []

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def note(*args):
        if args[2] != "BEGIN":
            seen.append(args[2])

    return seen


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Gives the folder in which a project and runs with the given numbers of folds were made."""
    known: dict[tuple[int, ...], Path] = {}

    def make(*folds):
        if folds not in known:
            folder = tmp_path_factory.mktemp("prepared")
            database, store = Database(f"sqlite:///{folder / 'data.sqlite3'}"), LocalStore(folder / "store")
            upgrade(database)
            with database.write() as session:
                made = factory.project(session, store)
                for number in folds:
                    factory.run(session, store, made, folds=number)
            database.dispose()
            known[folds] = folder
        return known[folds]

    return make


@pytest.fixture
def restore(prepared, settings, database, store):
    """Fills the test's database and store with what ``prepared`` made."""

    def fill(*folds):
        folder = prepared(*folds)
        with (
            closing(sqlite3.connect(folder / "data.sqlite3")) as source,
            closing(sqlite3.connect(settings.data_dir / "miwake.sqlite3")) as target,
        ):
            source.backup(target)
        for path in (folder / "store").rglob("*"):
            place = store.root / path.relative_to(folder / "store")
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            elif not place.exists():
                os.link(path, place)

    return fill


@pytest.fixture
def made(restore, database):
    """The project alone."""
    restore()
    with database.read() as session:
        return factory.known(session)


@pytest.fixture
def kfold(made, restore, database):
    """Run 1: five folds, finished."""
    restore(5)
    with database.read() as session:
        return factory.known_run(session, 1)


@pytest.fixture
def holdout(made, restore, database, request):
    """A finished hold-out run: number 1, or 2 beside ``kfold``."""
    both = "kfold" in request.fixturenames
    restore(*([5] if both else []), 0)
    with database.read() as session:
        return factory.known_run(session, 2 if both else 1)


@pytest.fixture
def trained(kfold, database):
    """Run 1 of five folds whose weights are said to be there."""
    with database.write() as session:
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))
    return kfold


@pytest.fixture
def packed(database, store, kfold):
    """The run of K folds with its files of arrays, as the worker leaves them."""
    with database.write() as session:
        assert packs.keep(session, kfold, packing.make(session, store, kfold))
    return kfold
