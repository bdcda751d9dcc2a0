"""Content-addressed files: the name of a blob is the SHA-256 of its bytes.

``LocalStore`` is the default. ``ObjectStore`` keeps the same layout in an S3-compatible bucket through obstore.
``Store.key`` is the only place that makes a path out of a hash.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import from_url

from app.domain.errors import NotFound, OutOfSpace

_HASH = re.compile(r"[0-9a-f]{64}")
SYNC_THREADS = 8
FRESH_SECONDS = 3600.0  # a blob of a bucket that was put since then is not sent again
FLOOR_BYTES = 64 * 2**20  # below this much free space nothing more is accepted


def sha256(data: bytes) -> str:
    """The name of ``data`` in the store."""
    return hashlib.sha256(data).hexdigest()


def key(digest: str) -> str:
    """The path of a blob inside the store.

    Raises:
        NotFound: ``digest`` is not a SHA-256 in hexadecimal.
    """
    if not _HASH.fullmatch(digest):
        raise NotFound("blob_missing", hash=digest[:64])
    return f"{digest[:2]}/{digest}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One blob of a store. ``modified`` is in seconds since 1970: when it was put for the last time."""

    digest: str
    size: int
    modified: float


class Batch(Protocol):
    """Many blobs that become durable together. Safe to use from several threads."""

    def put(self, data: bytes) -> str:
        """Take ``data`` and return its hash; the blob is there and durable once the batch has ended well."""


class Store(Protocol):
    """What the product needs of a store."""

    def batch(self) -> AbstractContextManager[Batch]:
        """A batch that ends with the ``with`` block; after an error in the block its new blobs are dropped."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its hash; putting the same bytes again costs nothing."""

    def get(self, digest: str) -> bytes:
        """The bytes of a blob. Raises NotFound."""

    def exists(self, digest: str) -> bool:
        """True when the blob is there."""

    def delete(self, digest: str) -> None:
        """Remove a blob; a missing one is no error."""

    def entries(self) -> Iterator[Entry]:
        """All blobs, in no order."""

    def drop_old(self, digest: str, before: float) -> bool:
        """Remove a blob that was not put since ``before`` (seconds since 1970); False when it is younger or gone.

        Whoever puts the same bytes at this very moment finds them there afterwards.
        """

    def check_space(self) -> None:
        """Raises OutOfSpace when nothing more should be accepted."""


class LocalStore:
    """A folder on a local disk. A blob that ``put`` returned from survives a power cut."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the blob lies."""
        return self.root / key(digest)

    def put(self, data: bytes) -> str:
        with self.batch() as batch:
            return batch.put(data)

    @contextlib.contextmanager
    def batch(self) -> Iterator["LocalBatch"]:
        batch = LocalBatch(self)
        try:
            yield batch
            batch.commit()
        except OSError as error:
            batch.drop()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutOfSpace(folder=str(self.root)) from error
            raise
        except BaseException:
            batch.drop()
            raise

    def get(self, digest: str) -> bytes:
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound("blob_missing", hash=digest) from None

    def exists(self, digest: str) -> bool:
        return self.path(digest).exists()

    def delete(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        for folder in os.scandir(self.root):
            if len(folder.name) != 2 or not folder.is_dir():
                continue
            for file in os.scandir(folder):
                if _HASH.fullmatch(file.name):
                    with contextlib.suppress(FileNotFoundError):  # it was dropped since the folder was read
                        found = file.stat()
                        yield Entry(file.name, found.st_size, found.st_mtime)

    def drop_old(self, digest: str, before: float) -> bool:
        path = self.path(digest)
        aside = path.with_name(f".dropped-{digest}")
        # Under its own name nobody can put it again between the look at its age and its end.
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False
        if aside.stat().st_mtime >= before:
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def check_space(self) -> None:
        if shutil.disk_usage(self.root).free < FLOOR_BYTES:
            raise OutOfSpace(folder=str(self.root))

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove what interrupted writes left behind ``older_than`` seconds ago; return how many files that were.

        Younger ones may belong to a batch that another process is just writing.
        """
        before = time.time() - older_than
        left = [path for path in self.root.glob("*/.new-*") if path.stat().st_mtime < before]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


class LocalBatch:
    """Blobs of a LocalStore: written under temporary names, then synced, renamed and their folders synced once each.

    The syncs of several files run at the same time, because a disk does many of them in one turn.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._new: dict[Path, str] = {}  # where a blob goes -> its temporary name
        self._folders: set[Path] = set()
        self._lock = threading.Lock()

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        path = self._store.path(digest)
        with self._lock:
            self._folders |= {path.parent, self._store.root}  # another batch may have made the folder just now
            if path in self._new or _touched(path):
                return digest
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
            handle, self._new[path] = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return digest

    def commit(self) -> None:
        """Make everything durable under its own name."""
        with ThreadPoolExecutor(min(SYNC_THREADS, len(self._new) or 1)) as threads:
            list(threads.map(sync, self._new.values()))
            for path, name in self._new.items():
                os.replace(name, path)
            list(threads.map(sync, self._folders))  # the names, new folders included, must be durable too

    def drop(self) -> None:
        """Remove what was not renamed."""
        for name in self._new.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


class ObjectStore:
    """An S3-compatible bucket (or any address obstore knows)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store: Any = from_url(url)

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        if self._modified(digest) < time.time() - FRESH_SECONDS:  # an old one is put again: it must not look unused
            obstore.put(self._store, key(digest), data)
        return digest

    def entries(self) -> Iterator[Entry]:
        for page in obstore.list(self._store):
            for found in page:
                digest = found["path"].rpartition("/")[2]
                if _HASH.fullmatch(digest):
                    yield Entry(digest, found["size"], found["last_modified"].timestamp())

    def drop_old(self, digest: str, before: float) -> bool:
        old = 0 < self._modified(digest) < before
        if old:
            self.delete(digest)
        return old

    def _modified(self, digest: str) -> float:
        """When the blob was put, in seconds since 1970; 0 when it is not there."""
        try:
            return float(obstore.head(self._store, key(digest))["last_modified"].timestamp())
        except FileNotFoundError:
            return 0.0

    @contextlib.contextmanager
    def batch(self) -> Iterator["ObjectStore"]:
        """A bucket keeps each object durably by itself."""
        yield self

    def get(self, digest: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, key(digest)).bytes())
        except FileNotFoundError:
            raise NotFound("blob_missing", hash=digest) from None

    def exists(self, digest: str) -> bool:
        return self._modified(digest) > 0

    def delete(self, digest: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key(digest))

    def check_space(self) -> None:
        """A bucket does not fill up."""


def _touched(path: Path) -> bool:
    """True when the file is there; it counts as put at this moment, so that no cleaning takes it for unused."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def sync(path: Path | str) -> None:
    """Wait until a file or the names in a folder are on the disk. Windows cannot sync a folder and need not."""
    if os.name == "nt" and Path(path).is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_store(url: str) -> Store:
    """The store at ``url``: ``file:///folder`` or an address of an object store such as ``s3://bucket/prefix``."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)))
    return ObjectStore(url)
