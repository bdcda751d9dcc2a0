"""New jobs, and the message that wakes a worker."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job
from app.db.session import after_commit, db_now
from app.domain.enums import JobKind, JobState, Lane
from app.domain.errors import Invalid, NotFound
from app.queue import Queue
from app.services.jobs.rows import QUEUE


def create(  # noqa: PLR0913 - the columns of a row, all by name
    session: Session,
    *,
    project_id: int,
    kind: JobKind,
    lane: Lane,
    spec: dict[str, Any],
    parent_id: int | None = None,
    priority: int = 0,
    needs: str = "",
    state: JobState = JobState.QUEUED,
) -> Job:
    """Add a job; the workers hear of it after the commit when ``session.info["queue"]`` is a Queue.

    Args:
        project_id: whose work it is.
        kind: what a worker does with it.
        lane: whose places it takes.
        spec: ids and small values only.
        parent_id: the job that is woken when this one and all its siblings have ended.
        priority: the greater goes first.
        needs: which workers may run it: "" for any, "gpu", or "worker:<host>".
        state: QUEUED, or WAITING for a parent whose children are made in the same transaction.

    Raises:
        Invalid: ``queue_full``: too many jobs of the project wait. Children are always taken.
        NotFound: the project has been deleted.
    """
    refuse_deleted(session, project_id)
    if parent_id is None and lane is not Lane.INTERACTIVE:
        refuse_full(session, project_id, 1)
    job = Job(
        project_id=project_id, kind=kind, lane=lane, spec=spec, parent_id=parent_id, priority=priority, needs=needs,
        state=state,
    )  # fmt: skip
    session.add(job)
    session.flush()
    if state is JobState.QUEUED:
        announce(session, job)
    return job


def refuse_full(session: Session, project_id: int, more: int) -> None:
    """Raises Invalid (``queue_full``) when ``more`` jobs are more than the project may have waiting."""
    queue = session.info.get(QUEUE)
    limit = queue.max_queued if isinstance(queue, Queue) else 0
    if not limit:
        return
    own = Job.kind.not_in((JobKind.FOLD, JobKind.IMPORT_PART, JobKind.PREDICT))
    waiting = sa.select(sa.func.count()).where(Job.project_id == project_id, Job.state == JobState.QUEUED, own)
    count = session.scalar(waiting) or 0
    if count + more > limit:
        raise Invalid("queue_full", count=count, more=more, limit=limit)


def refuse_deleted(session: Session, project_id: int) -> None:
    """Raises NotFound when the project is deleted; else it is not until this transaction has ended."""
    query = sa.select(Project.id).where(Project.id == project_id, Project.deleted_at.is_(None))
    if session.scalar(query.with_for_update(read=True, key_share=True)) is None:
        raise NotFound("project_missing", slug=project_id)


def announce(session: Session, job: Job) -> None:
    """Send the wake-up message of ``job`` after the commit, and mark it as sent."""
    queue = session.info.get(QUEUE)
    if not isinstance(queue, Queue) or queue.embedded:
        return
    job_id, lane, needs = job.id, job.lane, job.needs
    session.execute(sa.update(Job).where(Job.id == job_id).values(sent_at=db_now()))
    after_commit(session, lambda: queue.announce(job_id, lane, needs))
