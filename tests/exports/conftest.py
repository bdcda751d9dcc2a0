"""The decoder and the tools of imports, for sets that go out and come back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.session import Database
from app.decoder import Decoder
from app.services.imports import Tools
from app.storage import LocalStore
from tests.imports.conftest import any_tools, decoder, place, tools

__all__ = ["any_tools", "decoder", "place", "tools"]


@pytest.fixture(scope="module")
def made_tools(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, decoder: Decoder) -> Iterator[Tools]:
    """Tools for many examples of one property; each makes projects of its own."""
    folder = tmp_path_factory.mktemp("identity")
    shutil.copy(empty_sqlite, folder / "miwake.sqlite3")
    database = Database(f"sqlite:///{folder / 'miwake.sqlite3'}")
    yield Tools(database, LocalStore(folder / "store"), decoder)
    database.dispose()
