"""Content-addressed files: the name of a blob is the SHA-256 of its bytes.

``LocalStore`` is the default. ``ObjectStore`` keeps the same layout in an S3-compatible bucket through obstore.
``Store.key`` is the only place that makes a path out of a hash.
"""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import from_url

from app.domain.errors import NotFound, OutOfSpace

_HASH = re.compile(r"[0-9a-f]{64}")
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
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


class Store(Protocol):
    """What the product needs of a store."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its hash; putting the same bytes again costs nothing."""

    def get(self, digest: str) -> bytes:
        """The bytes of a blob. Raises NotFound."""

    def exists(self, digest: str) -> bool:
        """True when the blob is there."""

    def delete(self, digest: str) -> None:
        """Remove a blob; a missing one is no error."""

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
        digest = sha256(data)
        path = self.path(digest)
        if path.exists():
            return digest
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutOfSpace(folder=str(self.root)) from error
            raise
        return digest

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            _sync_folder(folder)  # the names, new folders included, must be durable too

    def get(self, digest: str) -> bytes:
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound("blob_missing", hash=digest) from None

    def exists(self, digest: str) -> bool:
        return self.path(digest).exists()

    def delete(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def check_space(self) -> None:
        stat = os.statvfs(self.root)
        if stat.f_bavail * stat.f_frsize < FLOOR_BYTES:
            raise OutOfSpace(folder=str(self.root))

    def sweep(self) -> int:
        """Remove what interrupted writes left behind; return how many files that were."""
        left = list(self.root.glob("*/*/.new-*"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


class ObjectStore:
    """An S3-compatible bucket (or any address obstore knows)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store: Any = from_url(url)

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        if not self.exists(digest):
            obstore.put(self._store, key(digest), data)
        return digest

    def get(self, digest: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, key(digest)).bytes())
        except FileNotFoundError:
            raise NotFound("blob_missing", hash=digest) from None

    def exists(self, digest: str) -> bool:
        try:
            obstore.head(self._store, key(digest))
        except FileNotFoundError:
            return False
        return True

    def delete(self, digest: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key(digest))

    def check_space(self) -> None:
        """A bucket does not fill up."""


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
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
