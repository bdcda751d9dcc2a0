"""Blobs of a bucket, kept in a folder of this host so that each is fetched once.

Any number of threads and processes use one folder. A file is there whole or not at all, its bytes are checked against
its name each time it is read, and whatever goes wrong here only means that the blob is fetched again.
"""

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.storage.base import key, sha256
from app.storage.local import FLOOR_BYTES

if sys.platform != "win32":
    import fcntl

STEP = 20  # a process looks at the size of the folder after it has added this part of the limit
FULL, TARGET = 0.9, 0.8  # of the limit: from where on files are removed, and down to where
LEFT_SECONDS = 3600.0  # a file that was begun so long ago and has no name yet was left behind by a crash
TOUCH_SECONDS = 60.0  # a file that was used within this time need not be marked as used again
log = logging.getLogger(__name__)


class Cache:
    """A folder of at most ``limit`` bytes; what was not read for longest goes first."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._lock = threading.Lock()
        self._added = limit  # what other processes and earlier ones left is looked at with the first file

    def get(self, digest: str, fetch: Callable[[str], bytes]) -> bytes:
        """The bytes of a blob, from here or else by ``fetch``, which has checked them."""
        path = self.folder / key(digest)
        data = self._read(path, digest)
        if data is None:
            data = fetch(digest)
            self._keep(path, data)
        return data

    def forget(self, digest: str) -> None:
        """The blob is to be fetched when it is asked for again."""
        with contextlib.suppress(OSError):
            (self.folder / key(digest)).unlink()

    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size, _ in self._files())

    def trim(self) -> None:
        """Remove what was not read for longest, when the folder is nearly full.

        One at a time does it, and whoever wants to add more waits: otherwise many readers would outrun the removal.
        """
        with self._alone():
            files = sorted(self._files())
            total = sum(size for _, size, _ in files)
            if total <= self.limit * FULL:
                return
            for _, size, path in files:
                path.unlink(missing_ok=True)
                total -= size
                if total <= self.limit * TARGET:
                    return

    def _read(self, path: Path, digest: str) -> bytes | None:
        try:
            with path.open("rb") as file:
                data = file.read()
                old = time.time() - os.fstat(file.fileno()).st_mtime > TOUCH_SECONDS
        except OSError:
            return None
        if sha256(data) != digest:
            log.warning("The cached copy of blob %s was damaged and is fetched again.", digest)
            self.forget(digest)
            return None
        if old:
            with contextlib.suppress(OSError):  # another process has just removed it; we have its bytes
                os.utime(path)
        return data

    def _keep(self, path: Path, data: bytes) -> None:
        if len(data) * STEP > self.limit:
            return  # one file would push out too many others
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < FLOOR_BYTES + len(data):
                return  # the rest of the disk is for what has no other copy
            handle, part = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(part, path)
            except BaseException:
                os.unlink(part)
                raise
            self._grow(len(data))
        except OSError as error:
            log.warning("A blob could not be kept in the cache: %s", error)

    def _grow(self, size: int) -> None:
        with self._lock:
            self._added += size
            if self._added * STEP < self.limit:
                return
            self._added = 0
        self.trim()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """(time of the last use, bytes, path) of each file; what a crash left behind is removed."""
        left = time.time() - LEFT_SECONDS
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if path.name.startswith(".new-"):
                    if found.st_mtime < left:
                        path.unlink()
                    continue
                yield found.st_mtime, found.st_size, path

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process removes files meanwhile; where there are no such locks, they may."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform != "win32":
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
