"""Zip files that wait in the data folder for the worker."""

from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ImportBatch
from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobKind, Lane
from app.domain.errors import Conflict
from app.services import import_sources, imports, jobs
from app.services.imports import Tools

FOLDER = "uploads"
PART = ".part"  # ending of a file that is still coming


def zip_path(data_dir: Path, import_id: int) -> Path:
    """Where the zip of an import lies; the name has nothing from outside in it."""
    return (data_dir / FOLDER / f"import-{import_id}.zip").absolute()


def enqueue(session: Session, import_id: int, path: Path, encoding: str | None) -> None:
    """Have a worker import the zip at ``path``.

    Raises:
        Conflict: the import has ended or has a zip already.
    """
    batch = imports.open_batch(session, import_id)
    refuse_second(batch)
    spec = {"import_id": batch.id, "path": str(path)}
    job = jobs.create(session, project_id=batch.project_id, kind=JobKind.IMPORT, lane=Lane.CPU, spec=spec)
    imports.remember(session, import_id, job=job.id, encoding=encoding)


def accept(
    database: Database, queue: object, import_id: int, path: Path, *, max_file_bytes: int, encoding: str | None
) -> None:
    """Check the directory of a zip that has arrived and have a worker import it; a refused zip is removed.

    Raises:
        BadArchive: the zip is refused as a whole; its import ends with nothing in it.
        Conflict: the import has ended or has a zip already.
    """
    try:
        import_sources.check_zip(path, max_file_bytes)
        with database.write() as session:
            session.info[jobs.QUEUE] = queue
            enqueue(session, import_id, path, encoding)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def refuse_second(batch: ImportBatch) -> None:
    """One import has one zip. Raises Conflict."""
    if batch.options.get("job"):
        raise Conflict("import_has_zip", number=batch.number)


def run_job(
    tools: Tools, import_id: int, path: Path, *, max_file_bytes: int, watch: import_sources.Watch | None = None
) -> bool:
    """What the worker does for an uploaded zip; True when it came to the end, and then the upload is removed.

    Raises:
        BadArchive: the zip was changed since it was checked.
    """
    ended = import_sources.run_zip(tools, import_id, path, max_file_bytes=max_file_bytes, watch=watch)
    if ended:
        with suppress(FileNotFoundError):
            path.unlink()
    return ended


def give_up(database: Database, import_id: int, path: Path) -> None:
    """End an import whose job was cancelled: what came in stays, the rest of the zip is dropped."""
    with database.write() as session:
        imports.finish(session, import_id)
    path.unlink(missing_ok=True)


def sweep(database: Database, data_dir: Path) -> int:
    """Remove uploads that no job needs: cut off, come but not queued, or done; for the start of the web process.

    Returns:
        How many files that were.
    """
    with database.read() as session:
        alive = sa.select(Job.spec).where(Job.kind == JobKind.IMPORT, Job.state.not_in(FINAL_STATES))
        needed = {zip_path(data_dir, int(spec["import_id"])) for spec in session.scalars(alive)}
    left = [path for path in (data_dir / FOLDER).glob("import-*") if path.absolute() not in needed]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
