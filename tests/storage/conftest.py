"""The two kinds of stores, and a small disk."""

import dataclasses
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.storage import LocalStore
from app.storage.bucket import ObjectStore
from tests import servers

NUMBERS = itertools.count()


@pytest.fixture
def bucket_settings(s3_endpoint: str, tmp_path: Path) -> Settings:
    """Settings with an empty bucket of their own."""
    made = servers.bucket(s3_endpoint, f"bucket-{next(NUMBERS)}")
    return dataclasses.replace(made, data_dir=tmp_path / "data")


@pytest.fixture
def bucket(bucket_settings: Settings) -> ObjectStore:
    """A store in an empty bucket, with a cache."""
    return ObjectStore(bucket_settings.store_address)


@pytest.fixture(params=["local", pytest.param("bucket", marks=pytest.mark.s3)])
def any_store(request: pytest.FixtureRequest) -> LocalStore | ObjectStore:
    """The test runs on a folder and, marked "s3", on a bucket."""
    made: LocalStore | ObjectStore = request.getfixturevalue("store" if request.param == "local" else "bucket")
    return made


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
