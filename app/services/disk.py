"""How much room everything takes."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Checkpoint
from app.services import figures
from app.storage import Store

CACHE = "cache"  # folder of blobs that a worker has fetched from a bucket
UPLOADS = "uploads"


@dataclass(frozen=True)
class Space:
    """What is known at once, in bytes."""

    free: int
    total: int
    database: int
    checkpoints: int


@dataclass(frozen=True)
class Use:
    """What has to be counted file by file; None where it could not be.

    ``at`` is the moment (``time.monotonic``) at which it had been counted, within ``seconds``.
    """

    store: int | None
    files: int | None
    cache: int | None
    at: float
    seconds: float


def space(session: Session, data_dir: Path) -> Space:
    """Free space and the size of the database. Tens of megabytes of change are no news, so they are rounded away."""
    disk = shutil.disk_usage(data_dir)
    step = max(disk.total // 1000, 1)
    checkpoints = int(session.scalar(sa.select(sa.func.sum(Checkpoint.size))) or 0)
    return Space(disk.free // step * step, disk.total, _rounded(figures.database_bytes(session)), checkpoints)


def measure(store: Store, data_dir: Path) -> Use:
    """Count the store and the cache; seconds for hundreds of thousands of files."""
    files, size, started = 0, 0, time.monotonic()
    for entry in store.entries():
        files, size = files + 1, size + entry.size
    cache = folder_bytes(data_dir / CACHE)
    return Use(size, files, cache, time.monotonic(), time.monotonic() - started)


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder; 0 when it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def _rounded(size: int) -> int:
    """Two digits: the page shows no more, and it must not change with every row."""
    step: int = 10 ** max(len(str(size)) - 2, 0)
    return size // step * step
