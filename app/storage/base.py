"""What the product needs of a store, and the only place that makes paths out of names."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from app.domain.errors import AppError, NotFound

HASH = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")
UPLOADS = "uploads"  # the folder of the uploads; blobs lie in folders of two letters


class StoreError(AppError):
    """The store does not answer, or refuses us: nothing that the person did, and it may pass."""

    status = 503


def sha256(data: bytes) -> str:
    """The name of ``data`` in the store."""
    return hashlib.sha256(data).hexdigest()


def key(digest: str) -> str:
    """The path of a blob inside the store.

    Raises:
        NotFound: ``digest`` is not a SHA-256 in hexadecimal.
    """
    if not HASH.fullmatch(digest):
        raise NotFound("blob_missing", hash=digest[:64])
    return f"{digest[:2]}/{digest}"


def upload_key(name: str) -> str:
    """The path of an upload inside the store.

    Raises:
        NotFound: ``name`` is none of ours.
    """
    if not _UPLOAD.fullmatch(name):
        raise NotFound("upload_missing", name=name[:80])
    return f"{UPLOADS}/{name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One blob of a store. ``modified`` is in seconds since 1970: when it was put for the last time."""

    digest: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that waits for a job. ``modified`` is in seconds since 1970."""

    name: str
    size: int
    modified: float


class Batch(Protocol):
    """Many blobs that become durable together. Safe to use from several threads."""

    def put(self, data: bytes) -> str:
        """Take ``data`` and return its hash; the blob is there and durable once the batch has ended well."""


class Store(Protocol):
    """What the product needs of a store."""

    def batch(self) -> AbstractContextManager[Batch]:
        """A batch that ends with the ``with`` block; after an error its new blobs are dropped or left for cleaning."""

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

    def sweep(self, older_than: float = 3600.0) -> int:
        """Put in order what was interrupted ``older_than`` seconds ago; return how many files that were."""

    def check_space(self) -> None:
        """Raises OutOfSpace when nothing more should be accepted."""

    def keep_upload(self, name: str, path: Path) -> None:
        """Move the file at ``path`` into the store, durably; an upload of the same name is replaced."""

    def put_upload(self, name: str, data: bytes) -> None:
        """Keep some bytes under a name, durably; an upload of the same name is replaced."""

    def open_upload(self, name: str) -> BinaryIO:
        """An upload as a file that can be read at any place. Raises NotFound."""

    def drop_upload(self, name: str) -> None:
        """Remove an upload; a missing one is no error."""

    def uploads(self) -> Iterator[Upload]:
        """All uploads, in no order."""
