"""A decoder for all tests of imports, and the tools of an import on each database."""

from collections.abc import Iterator

import pytest

from app.db.models import Project
from app.db.session import Database
from app.decoder import Decoder
from app.services.imports import Tools
from app.storage import LocalStore
from tests.conftest import Client


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    """Two decoding processes, started once."""
    made = Decoder(2)
    yield made
    made.close()


@pytest.fixture
def tools(database: Database, store: LocalStore, decoder: Decoder) -> Tools:
    """The tools on SQLite."""
    return Tools(database, store, decoder)


@pytest.fixture
def any_tools(any_database: Database, store: LocalStore, decoder: Decoder) -> Tools:
    """The tools on SQLite and on PostgreSQL."""
    return Tools(any_database, store, decoder)


@pytest.fixture
def place(client: Client, project: Project) -> str:
    """The slug of an empty project that ``client`` can see."""
    return project.slug
