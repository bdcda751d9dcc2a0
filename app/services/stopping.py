"""Stopping a job, wherever it is asked for."""

from pathlib import Path

from sqlalchemy.orm import Session

from app.db.models import ImportBatch
from app.db.run_models import Job
from app.domain.enums import JobKind
from app.domain.errors import Conflict, NotFound
from app.services import jobs, uploads


def stop(session: Session, job_id: int, data_dir: Path, *, keep_best: bool = False) -> None:
    """Stop a job and its children; an import that no worker is busy with ends with its job.

    Args:
        session: a transaction that writes.
        job_id: the job.
        data_dir: of this process, where the rest of an upload may lie.
        keep_best: of a training, see ``jobs.cancel``.

    Raises:
        NotFound: there is no such job.
        Conflict: the job removes a project: half of one is of no use to anybody.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound("job_missing", job=job_id)
    if job.kind == JobKind.DELETE:
        raise Conflict("deletion_goes_on")
    batch = session.get(ImportBatch, job.spec.get("import_id", 0)) if job.kind == JobKind.IMPORT else None
    if batch is None:
        jobs.cancel(session, job_id, keep_best=keep_best)
    else:
        uploads.cancel(session, batch, data_dir)
