"""Zip files that wait in the store for the workers. While one comes it lies in the data folder of the web process."""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ImportBatch
from app.db.run_models import Job
from app.db.session import Database, after_commit
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.domain.errors import Conflict
from app.domain.npz import opened
from app.domain.zipnames import Encoding
from app.services import import_lists, import_parts, import_sources, imports, jobs
from app.services.imports import Tools
from app.storage import Store, Upload
from app.storage.base import StoreError

FOLDER = "uploads"
PART = ".part"  # ending of a file that is still coming
LEFT_SECONDS = 3600.0  # an upload without a job may be just about to get one
KEPT_SECONDS = 7 * 86_400.0  # the zip of an import that failed, for another try
log = logging.getLogger(__name__)


def zip_path(data_dir: Path, import_id: int) -> Path:
    """Where the zip of an import lies while it comes; the name has nothing from outside in it."""
    return (data_dir / FOLDER / f"import-{import_id}.zip").absolute()


def received(data_dir: Path, import_id: int) -> int:
    """Bytes that are here of a zip that comes in pieces."""
    whole = zip_path(data_dir, import_id)
    for path in (whole, whole.with_name(whole.name + PART)):
        with suppress(FileNotFoundError):
            return path.stat().st_size
    return 0


def forget(data_dir: Path, import_id: int) -> None:
    """Remove what is here of a zip that no job has taken."""
    whole = zip_path(data_dir, import_id)
    for path in (whole, whole.with_name(whole.name + PART)):
        path.unlink(missing_ok=True)


def accept(
    database: Database,
    store: Store,
    queue: object,
    import_id: int,
    path: Path,
    *,
    max_file_bytes: int,
    encoding: Encoding | None = None,
) -> None:
    """Check the directory of a zip that has arrived, move it into the store and have the workers import it.

    A refused zip is removed. A large one is cut into parts that any number of workers import at the same time.

    Raises:
        BadArchive: the zip is refused as a whole; its import ends with nothing in it.
        Conflict: the import has ended or has a zip already.
    """
    name = f"import-{import_id}-{secrets.token_hex(4)}.zip"  # of its own: a second zip replaces none that is taken
    try:
        with opened(path, max_file_bytes, encoding) as archive:
            plan = import_parts.plan(archive)
            import_lists.from_zip(database, store, import_id, archive, plan.root)
        store.keep_upload(name, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    try:
        with database.write() as session:
            session.info[jobs.QUEUE] = queue
            enqueue(session, import_id, name, encoding, plan)
    except BaseException:
        with suppress(StoreError):  # what is left is found by the sweep
            store.drop_upload(name)
        raise


def enqueue(
    session: Session,
    import_id: int,
    name: str,
    encoding: Encoding | None = None,
    plan: import_parts.Plan | None = None,
) -> Job:
    """Have the workers import the zip that lies in the store as ``name``, in parts when the plan has some.

    Raises:
        Conflict: the import has ended or has a zip already.
    """
    batch = imports.open_batch(session, import_id)
    refuse_second(batch)
    cut = plan is not None and len(plan.starts) > 1
    job = jobs.create(
        session,
        project_id=batch.project_id,
        kind=JobKind.IMPORT,
        lane=Lane.CPU,
        spec={"import_id": batch.id, "upload": name},
        state=JobState.WAITING if cut else JobState.QUEUED,
    )
    imports.remember(session, import_id, job=job.id, encoding=encoding)
    if plan is not None and cut:
        import_parts.create(session, batch, job, name, plan)
    return job


def refuse_second(batch: ImportBatch) -> None:
    """One import has one zip. Raises Conflict."""
    if batch.options.get("job"):
        raise Conflict("import_has_zip", number=batch.number)


def run_job(
    tools: Tools, import_id: int, name: str, *, max_file_bytes: int, watch: import_sources.Watch | None = None
) -> bool:
    """What a worker does for an uploaded zip; True when it came to the end, and then the upload is removed.

    Raises:
        BadArchive: the zip was changed since it was checked.
        NotFound: the zip, or what a part of it came to, is gone.
    """
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
    if batch.finished:
        ended = True
    elif import_parts.PARTS in batch.options:
        ended = import_parts.join(tools, import_id, name)
    else:
        with tools.store.open_upload(name) as file:
            ended = import_sources.run_zip(tools, import_id, file, max_file_bytes=max_file_bytes, watch=watch)
    if ended:
        drop(tools.store, name)
    return ended


def give_up(database: Database, store: Store, import_id: int, name: str) -> None:
    """End an import whose job was cancelled: what came in stays, the rest of the zip is dropped."""
    with database.write() as session:
        imports.finish(session, import_id)
    drop(store, name)


def cancel(session: Session, batch: ImportBatch, data_dir: Path) -> None:
    """End an import where it stands; a worker that is busy with it ends it as soon as it hears of it.

    An import that nothing came of is forgotten.
    """
    if batch.finished:
        return
    job_id = batch.options.get("job")
    if job_id is not None:
        jobs.cancel(session, job_id)
        job = session.get(Job, job_id, populate_existing=True)
        if job is not None and job.state not in FINAL_STATES:
            return
    import_id = batch.id
    imports.discard(session, import_id)
    session.flush()
    if session.get(ImportBatch, import_id) is not None:
        imports.finish(session, import_id)
    after_commit(session, lambda: forget(data_dir, import_id))


def drop(store: Store, name: str) -> None:
    """Remove a zip and what its parts came to."""
    stem = name.removesuffix(".zip")
    for upload in list(store.uploads()):
        if upload.name.startswith(f"{stem}."):
            store.drop_upload(upload.name)


def sweep(database: Database, store: Store, data_dir: Path) -> int:
    """Remove uploads that no job needs: cut off, come but not queued, or done; for the start of the web process.

    Returns:
        How many files that were.
    """
    going_on = _going_on(database, data_dir)
    left = [path for path in (data_dir / FOLDER).glob("import-*") if path not in going_on]
    for path in left:
        path.unlink(missing_ok=True)
    try:
        old = list(unneeded(database, store))
        for upload in old:
            store.drop_upload(upload.name)
    except StoreError as error:  # the pages work without it, and the next start tries again
        log.warning("Old uploads were not looked for: %s", error)
        old = []
    return len(left) + len(old)


def _going_on(database: Database, data_dir: Path) -> set[Path]:
    """Zips that come in pieces and whose imports can go on."""
    with database.read() as session:
        query = sa.select(ImportBatch).where(ImportBatch.finished.is_(False), ImportBatch.source == "zip")
        open_now = [
            batch.id for batch in session.scalars(query) if "zip" in batch.options and "job" not in batch.options
        ]
    wholes = [zip_path(data_dir, import_id) for import_id in open_now]
    found = {path for whole in wholes for path in (whole, whole.with_name(whole.name + PART)) if path.exists()}
    young = time.time() - KEPT_SECONDS
    return {path for path in found if path.stat().st_mtime > young}


def unneeded(database: Database, store: Store) -> Iterator[Upload]:
    """Uploads that no import needs any more; what is younger than an hour may be just about to get its job."""
    young, kept = time.time() - LEFT_SECONDS, time.time() - KEPT_SECONDS
    old = [upload for upload in store.uploads() if upload.modified < young]
    with database.read() as session:
        ended = (JobState.DONE, JobState.CANCELLED)
        alive = sa.select(Job.spec, Job.state).where(Job.kind == JobKind.IMPORT, Job.state.not_in(ended))
        states = {spec.get("upload", "").removesuffix(".zip"): state for spec, state in session.execute(alive)}
    for upload in old:
        state = states.get(upload.name.partition(".")[0])
        if state is None or (state == JobState.FAILED and upload.modified < kept):
            yield upload


def oldest_open(session: Session) -> datetime | None:
    """When the oldest import began whose parts have put pictures into the store that have no rows yet."""
    begun = sa.select(sa.func.min(Job.created_at)).where(Job.kind == JobKind.IMPORT)
    return session.scalar(begun.where(Job.state.not_in((JobState.DONE, JobState.CANCELLED))))
