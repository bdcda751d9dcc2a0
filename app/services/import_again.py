"""Another try for an import whose job failed, such as on a full disk: it goes on behind what is recorded."""

import sqlalchemy as sa

from app.db.models import ImportBatch
from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import JobState
from app.domain.errors import Conflict, NotFound
from app.services import imports, jobs
from app.storage import Store


def try_again(database: Database, store: Store, queue: object, import_id: int) -> None:
    """Have the workers go on with an import; one that is at work or waits already stays as it is.

    What was sent is in the store, and what was recorded is not read again, so nothing is doubled.

    Raises:
        Conflict: the import has ended, no job was ever made for it, or its zip is kept no longer.
    """
    with database.read() as session:
        batch = imports.open_batch(session, import_id)
        job = session.get(Job, batch.options.get("job", 0))
        if job is None:
            raise Conflict("import_without_job", number=batch.number)
    if job.state == JobState.FAILED:
        _check_upload(store, batch, job)
    with database.write() as session:
        session.info[jobs.QUEUE] = queue
        if session.scalar(_still_open(import_id)):
            jobs.retry(session, job.id)


def _still_open(import_id: int) -> sa.Select[int]:
    return sa.select(ImportBatch.id).where(ImportBatch.id == import_id, ImportBatch.finished.is_(False))


def _check_upload(store: Store, batch: ImportBatch, job: Job) -> None:
    upload = job.spec.get("upload")
    if not upload:
        return
    try:
        store.open_upload(upload).close()
    except NotFound:
        raise Conflict("import_zip_gone", number=batch.number) from None
