"""What the tests of ``python -m app check`` share."""

import shutil

import pytest

from app.db.session import Database
from app.services.checks import all as checks
from app.storage import LocalStore
from tests.ops.whole import make_whole


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, empty_sqlite):
    """A folder with what ``whole`` gives, made once."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(empty_sqlite, folder / "data.sqlite3")
    database, store = Database(f"sqlite:///{folder / 'data.sqlite3'}"), LocalStore(folder / "store")
    run = make_whole(database, store)
    database.dispose()
    return folder, run


@pytest.fixture
def whole(prepared, settings, database, store):
    """A project with labelled images and a training that is done, all made by the program's own functions."""
    folder, run = prepared
    shutil.copy(folder / "data.sqlite3", settings.data_dir / "miwake.sqlite3")
    shutil.copytree(folder / "store", store.root, dirs_exist_ok=True)
    return run


@pytest.fixture
def look(settings, database, store):
    def run(*, fix=False, read=True):
        found = []
        for one in checks.run(settings, database, store, settings.data_dir, lambda _done, _all: None, read=read):
            if fix:
                one.mend()
            found.append(one)
        return found

    return run
