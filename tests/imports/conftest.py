"""A decoder for all tests of imports, and the tools of an import on each database."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

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
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB that is really full soon."""
    place = tmp_path / "small"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if not mount or not umount or os.geteuid():
        pytest.skip("NOT TESTED WITH A FULL DISK: only root may mount one")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"NOT TESTED WITH A FULL DISK: mount says {made.stderr.decode()}")
    yield place
    subprocess.run([umount, str(place)], check=True)


@pytest.fixture
def place(client: Client, project: Project) -> str:
    """The slug of an empty project that ``client`` can see."""
    return project.slug
