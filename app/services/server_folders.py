"""Folders of the server that the import page offers: those below ``MIWAKE_IMPORT_DIR``, and nothing else.

The web process only looks; a worker reads the files, with the same code as ``python -m app import``. Each of them asks
its own settings for the folder and checks the path anew.
"""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy.orm import Session

from app.db.models import ImportBatch
from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import JobKind, Lane
from app.domain.errors import Invalid, NotFound
from app.domain.filenames import is_junk
from app.domain.folder_rules import folder_of
from app.services import import_sources, imports, jobs, uploads
from app.services.imports import Tools

SHOWN = 500


@dataclass(frozen=True)
class Listing:
    """One folder: its ``path`` below the root ("" is the root), the folders in it, and how many files lie in it.

    A folder whose name no address can carry (bytes that are no text, a backslash) cannot be opened by itself; it comes
    in with the folder that it lies in.
    """

    path: str
    parents: tuple[tuple[str, str], ...]  # name and path of each folder above it, the outermost first
    folders: tuple[tuple[str, str], ...]  # name and path
    more: int  # folders that are not shown, for there are too many of them or because of their names
    files: int


def inside(root: str, path: str) -> Path:
    """The folder of this machine that a path below the root means.

    Raises:
        Invalid: ``server_folders_off`` without a root.
        NotFound: ``server_folder_missing``: there is no such folder, or the path leads out of the root, by ``..``, from
            the top of the disk, or through a link.
    """
    if not root:
        raise Invalid("server_folders_off")
    parts = PurePosixPath(path).parts
    missing = NotFound("server_folder_missing", folder=path[:200])
    if path.startswith("/") or not all(map(_offered, parts)):
        raise missing
    top = Path(root).resolve()
    folder = top
    for part in parts:
        folder /= part
        try:
            if folder.is_symlink() or not folder.is_dir():
                raise missing
        except OSError:
            raise missing from None
    try:
        if not folder.is_dir() or not folder.resolve().is_relative_to(top):
            raise missing
    except OSError:
        raise missing from None
    return folder


def listing(root: str, path: str) -> Listing:
    """What lies in a folder; links and what is hidden are left out.

    Raises:
        As ``inside``.
    """
    folder = inside(root, path)
    parts = PurePosixPath(path).parts
    folders, files = [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_junk(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files += 1
    except OSError:
        raise NotFound("server_folder_missing", folder=path[:200]) from None
    shown = sorted(filter(_offered, folders))[:SHOWN]
    return Listing(
        "/".join(parts),
        tuple((part, "/".join(parts[: place + 1])) for place, part in enumerate(parts[:-1])),
        tuple((name, "/".join((*parts, name))) for name in shown),
        len(folders) - len(shown),
        files,
    )


def _offered(name: str) -> bool:
    """True for a part of a path that leads down, is not hidden, and comes back from a browser as it was."""
    text = not any("\ud800" <= letter <= "\udfff" or letter in "\\\x00" for letter in name)
    return text and name != ".." and not is_junk(name)


def counts(root: str, path: str) -> dict[str, int]:
    """Folder -> number of files, of everything below a folder; nothing is read.

    Raises:
        As ``inside``; Invalid: ``server_folder_empty``.
    """
    found = Counter(folder_of(file) for file in import_sources.walk(inside(root, path)) if not is_junk(file))
    if not found:
        raise Invalid("server_folder_empty", folder=path[:200] or "/")
    return dict(found)


def enqueue(session: Session, import_id: int, path: str) -> Job:
    """Have a worker import a folder.

    Raises:
        Conflict: the import has ended or has a job already.
    """
    batch = imports.open_batch(session, import_id)
    uploads.refuse_second(batch)
    job = jobs.create(
        session,
        project_id=batch.project_id,
        kind=JobKind.IMPORT,
        lane=Lane.CPU,
        spec={"import_id": batch.id, "folder": path},
    )
    imports.remember(session, import_id, job=job.id)
    return job


def run_job(
    tools: Tools, root: str, spec: Mapping[str, str], *, max_file_bytes: int, watch: import_sources.Watch
) -> bool:
    """What a worker does for a folder of the server; True when it came to the end.

    Raises:
        As ``inside``: the worker has another setting, or does not see the folder.
    """
    folder = inside(root, spec["folder"])
    return import_sources.run_folder(tools, int(spec["import_id"]), folder, max_file_bytes=max_file_bytes, watch=watch)


def give_up(database: Database, import_id: int) -> None:
    """End an import whose job was cancelled: what came in stays."""
    with database.write() as session:
        if not session.get_one(ImportBatch, import_id).finished:
            imports.finish(session, import_id)
