"""All blobs of one store into another, by several threads, and only those that are not there yet."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from app.domain.errors import AppError, NotFound
from app.storage import Entry, Store, sha256
from app.storage.base import StoreError

THREADS = 8
AT_ONCE = 64  # blobs that are in memory at the same time
COPY_BYTES = 2**20
Progress = Callable[[int, int], None]  # done, total


@dataclass
class Moved:
    """What came of it. ``bad``: hashes of blobs that are damaged in the source or, after a check, in the target."""

    count: int = 0
    size: int = 0
    copied: int = 0
    uploads: int = 0
    bad: list[str] = field(default_factory=list)


def copy(source: Store, target: Store, progress: Progress) -> Moved:
    """Copy what the target lacks; each blob is checked against its name on the way.

    May be broken off and begun again at any time.
    """
    entries, moved = list(source.entries()), Moved()
    there = {entry.digest: entry.size for entry in target.entries()}
    missing = [entry for entry in entries if there.get(entry.digest) != entry.size]
    moved.count, moved.size = len(entries), sum(entry.size for entry in entries)
    with ThreadPoolExecutor(THREADS) as threads:
        for part in _parts(missing):
            good = threads.map(lambda entry: _copy(source, target, entry), part)
            for entry, well in zip(part, good, strict=True):
                moved.copied += well
                moved.bad += [] if well else [entry.digest]
            progress(len(entries) - len(missing) + moved.copied + len(moved.bad), len(entries))
    moved.uploads = _copy_uploads(source, target)
    return moved


def verify(store: Store, entries: Iterable[Entry], progress: Progress) -> list[str]:
    """Read every blob and return the hashes of those that are missing or not what their names say."""
    wanted = list(entries)
    bad: list[str] = []
    done = 0
    with ThreadPoolExecutor(THREADS) as threads:
        for part in _parts(wanted):
            good = threads.map(lambda entry: _whole(store, entry), part)
            bad += [entry.digest for entry, well in zip(part, good, strict=True) if not well]
            done += len(part)
            progress(done, len(wanted))
    return bad


def compare(source: Store, target: Store) -> None:
    """Raises AppError when a blob or upload of the source is not in the target with the same size."""
    there = {entry.digest: entry.size for entry in target.entries()}
    missing = [entry.digest for entry in source.entries() if there.get(entry.digest) != entry.size]
    uploads = {upload.name: upload.size for upload in target.uploads()}
    missing += [upload.name for upload in source.uploads() if uploads.get(upload.name) != upload.size]
    if missing:
        raise AppError("move_blobs_missing", count=len(missing), first=missing[0])


def _parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    waiting = iter(entries)
    while part := list(islice(waiting, AT_ONCE)):
        yield part


def _copy(source: Store, target: Store, entry: Entry) -> bool:
    data = _read(source, entry.digest)
    return data is not None and target.put(data) == entry.digest


def _whole(store: Store, entry: Entry) -> bool:
    return _read(store, entry.digest) is not None


def _read(store: Store, digest: str) -> bytes | None:
    """The bytes of a blob, or None when they are gone or damaged."""
    try:
        data = store.get(digest)
    except NotFound:
        return None
    except StoreError as error:
        if error.code == "blob_damaged":
            return None
        raise
    return data if sha256(data) == digest else None


def _copy_uploads(source: Store, target: Store) -> int:
    there = {upload.name: upload.size for upload in target.uploads()}
    count = 0
    for upload in source.uploads():
        count += 1
        if there.get(upload.name) == upload.size:
            continue
        with tempfile.TemporaryDirectory() as folder, source.open_upload(upload.name) as file:
            path = Path(folder) / upload.name
            with path.open("wb") as copy_of_it:
                while chunk := file.read(COPY_BYTES):
                    copy_of_it.write(chunk)
            target.keep_upload(upload.name, path)
    return count
