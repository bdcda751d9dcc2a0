"""Imports that read by themselves: a zip or a folder. Used by the worker and by the command line.

A zip is resumed where it stopped: the number of finished entries is kept in the transaction of each batch. A folder
may have changed meanwhile; there the files that the import has recorded are passed over.
"""

import stat
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from app.db.models import ImportBatch, ImportEntry, Project
from app.domain.archive import Archive, Entry
from app.domain.errors import BadImage, Invalid
from app.domain.filenames import is_junk, shown_path
from app.domain.npz import opened
from app.domain.zipnames import Encoding
from app.services import disk_files, import_arrays, import_lists, imports
from app.services.import_records import Judged
from app.services.imports import Incoming, Options, Tools

BATCH_FILES = 200
BATCH_BYTES = 32 * 2**20
AHEAD = 2  # batches that are decoded while the one before them is written

Progress = Callable[[int, int], None]  # done, total
Stop = Callable[[], bool]


def _no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """Who is told how far an import is, and who may stop it between two batches."""

    progress: Progress = _no_progress
    stop: Stop = _never


def run_zip(
    tools: Tools, import_id: int, source: Path | BinaryIO, *, max_file_bytes: int, watch: Watch | None = None
) -> bool:
    """Import the entries of a zip that are not done yet; True when it came to the end, which ends the import.

    Raises:
        BadArchive: the file is no zip, not whole, or over the limits.
    """
    watch = watch or Watch()
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        if batch.finished:
            return True
        done, encoding = int(batch.options.get("done", 0)), batch.options.get("encoding")
    with opened(source, max_file_bytes, Encoding(encoding) if encoding else None) as archive:
        root = archive.root
        with tools.database.write() as session:
            imports.remember(session, import_id, encoding=str(archive.encoding), root=root)
            session.get_one(ImportBatch, import_id).total = len(archive.entries)
        import_lists.from_zip(tools.database, tools.store, import_id, archive, root)
        files = (from_zip(archive, entry) for entry in archive.entries[done:])
        return _run(tools, import_id, files, (done, len(archive.entries)), max_file_bytes, watch)


def run_folder(tools: Tools, import_id: int, folder: Path, *, max_file_bytes: int, watch: Watch | None = None) -> bool:
    """Import the files below a folder that are not recorded yet; True when it came to the end.

    No symbolic link is followed out of the folder, and linked folders are not entered at all.
    """
    with tools.database.read() as session:
        if session.get_one(ImportBatch, import_id).finished:
            return True
        query = sa.select(ImportEntry.path).where(ImportEntry.import_id == import_id)
        known = Counter(session.scalars(query))
    paths = list(walk(folder))
    total = sum(_count(folder, path) for path in paths)
    with tools.database.write() as session:
        session.get_one(ImportBatch, import_id).total = total
    import_lists.from_folder(tools.database, tools.store, import_id, folder, paths)
    files = (file for path in _left(paths, known) for file in _from_folder(folder, path, set(known), max_file_bytes))
    return _run(tools, import_id, files, (known.total(), total), max_file_bytes, watch or Watch())


def _left(paths: Sequence[str], known: Counter[str]) -> list[str]:
    """The files that are not recorded. Two names that look alike once they are cleaned are two files all the same."""
    recorded, left = known.copy(), []
    for path in paths:
        recorded[shown_path(path)] -= 1
        if recorded[shown_path(path)] < 0:
            left.append(path)
    return left


def import_folder(
    tools: Tools,
    project_id: int,
    folder: Path,
    *,
    actor: str,
    max_file_bytes: int,
    options: Options | None = None,
    watch: Watch | None = None,
) -> int:
    """Import a folder of this machine from beginning to end; return the id of the import.

    Raises:
        Invalid: there is no such folder.
    """
    if not folder.is_dir():
        raise Invalid("folder_missing", folder=str(folder))
    import_id = _begin(tools, project_id, "folder", folder.name or str(folder), actor, options)
    run_folder(tools, import_id, folder, max_file_bytes=max_file_bytes, watch=watch)
    return import_id


def import_zip(
    tools: Tools,
    project_id: int,
    path: Path,
    *,
    actor: str,
    max_file_bytes: int,
    options: Options | None = None,
    watch: Watch | None = None,
) -> int:
    """Import a zip of this machine from beginning to end; return the id of the import.

    Raises:
        BadArchive: the zip is refused as a whole; no import is begun.
        Invalid: there is no such file.
    """
    check_zip(path, max_file_bytes)
    import_id = _begin(tools, project_id, "zip", path.name, actor, options)
    run_zip(tools, import_id, path, max_file_bytes=max_file_bytes, watch=watch)
    return import_id


def check_zip(path: Path, max_file_bytes: int) -> None:
    """Read the directory of a zip and nothing else. Raises as ``import_zip``."""
    if not path.is_file():
        raise Invalid("file_missing", file=str(path))
    opened(path, max_file_bytes).close()


def check_folder(folder: Path) -> None:
    """Raises Invalid: the folder and those below it hold no file, or only what operating systems leave there."""
    if all(map(is_junk, walk(folder))):
        raise Invalid("folder_empty", folder=str(folder))


def walk(folder: Path) -> Iterator[str]:
    """Paths of everything below ``folder`` that is no folder, relative with ``/``, in a fixed order.

    A link to a folder is given as one path, and nothing behind it is visited; so is a folder that cannot be read.
    """
    waiting = [""]
    while waiting:
        here = waiting.pop()
        try:
            found = disk_files.listed(folder, here)
        except OSError:
            yield here.rstrip("/")
            continue
        for name, is_folder in found:
            if is_folder:
                waiting.append(f"{here}{name}/")
            else:
                yield f"{here}{name}"


def _begin(tools: Tools, project_id: int, source: str, name: str, actor: str, options: Options | None) -> int:
    with tools.database.write() as session:
        project = session.get_one(Project, project_id)
        return imports.create(session, project, source=source, name=name, actor=actor, options=options).id


def _run(
    tools: Tools,
    import_id: int,
    files: Iterable[Incoming],
    counts: tuple[int, int],
    max_file_bytes: int,
    watch: Watch,
) -> bool:
    """Judge batches ahead while the ones before are written, which happens in order."""
    (done, total), waiting = counts, deque[Future[list[Judged]]]()
    with tools.database.read() as session:
        options = imports.options_of(session.get_one(ImportBatch, import_id))
    watch.progress(done, total)
    with ThreadPoolExecutor(AHEAD) as threads:
        coming = batches(files)
        while True:
            while len(waiting) <= AHEAD and (batch := next(coming, None)):
                judge = partial(imports.judge, tools, options, batch, max_file_bytes=max_file_bytes)
                waiting.append(threads.submit(judge))
            if not waiting:
                break
            if watch.stop():
                return False
            judged = waiting.popleft().result()
            done += len(judged)
            imports.keep(tools, import_id, judged, cursor=done)
            watch.progress(done, total)
    import_lists.close(tools.database, tools.store, import_id)
    with tools.database.write() as session:
        imports.finish(session, import_id)
    return True


def batches(files: Iterable[Incoming]) -> Iterator[Sequence[Incoming]]:
    """Groups of at most 200 files that stay in memory together, and of about 32 MiB."""
    batch: list[Incoming] = []
    size = 0
    for file in files:
        batch.append(file)
        size += len(file.data or b"")
        if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def from_zip(archive: Archive, entry: Entry) -> Incoming:
    """One file of a zip, or why it is not read."""
    unread = Incoming(entry.path, None, entry.code, skipped=entry.skipped)
    if entry.code:
        return replace(unread, params=archive.params(entry))
    try:
        return Incoming(entry.path, archive.read(entry), given=entry.given)
    except BadImage as error:
        return replace(unread, code=error.code, params=dict(error.params))


def _count(folder: Path, path: str) -> int:
    """How many entries a file of a folder becomes."""
    with suppress(OSError):
        if import_arrays.is_npz(path) and not _obstacle(folder, folder / path)[0]:
            return import_arrays.count(folder, path)
    return 1


def _from_folder(folder: Path, path: str, known: set[str], limit: int) -> Iterator[Incoming]:
    """A file of a folder, or the pictures of an ``.npz`` that are not known yet."""
    with suppress(OSError):
        if import_arrays.is_npz(path) and not _obstacle(folder, folder / path)[0]:
            yield from import_arrays.pictures(folder, path, known)
            return
    yield _from_disk(folder, path, limit)


def _from_disk(folder: Path, path: str, limit: int) -> Incoming:
    """One file of a folder, read only when it is a plain file of an acceptable size inside the folder."""
    full = folder / path
    try:
        code, size = _obstacle(folder, full)
        if code:
            return Incoming(path, None, code, skipped=code == "junk")
        if size > limit:
            return Incoming(path, None, "file_too_large", {"limit_mb": limit // 2**20, "bytes": size})
        data = disk_files.read(folder, path, limit)
        return Incoming(path, data)
    except OSError:
        return Incoming(path, None, "file_unreadable")


def _obstacle(folder: Path, full: Path) -> tuple[str, int]:
    """Why something on the disk is not read, or "", and its size."""
    if is_junk(full.relative_to(folder).as_posix()):
        return "junk", 0
    linked = full.is_symlink()
    if linked and not full.resolve().is_relative_to(folder.resolve()):
        return "folder_link", 0
    status = full.stat()
    if stat.S_ISDIR(status.st_mode):
        return "folder_link" if linked else "folder_unreadable", 0
    return "" if stat.S_ISREG(status.st_mode) else "file_special", status.st_size
