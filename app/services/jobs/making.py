"""New jobs, and the message that wakes a worker."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job
from app.db.session import after_commit, db_now
from app.domain.enums import JobKind, JobState, Lane
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
        session: of the entry point.
        project_id: whose work it is.
        kind: what a worker does with it.
        lane: whose places it takes.
        spec: ids and small values only.
        parent_id: the job that is woken when this one and all its siblings have ended.
        priority: the greater goes first.
        needs: which workers may run it: "" for any, "gpu", or "worker:<host>".
        state: QUEUED, or WAITING for a parent whose children are made in the same transaction.
    """
    job = Job(
        project_id=project_id,
        kind=kind,
        lane=lane,
        spec=spec,
        parent_id=parent_id,
        priority=priority,
        needs=needs,
        state=state,
    )
    session.add(job)
    session.flush()
    if state is JobState.QUEUED:
        announce(session, job)
    return job


def announce(session: Session, job: Job) -> None:
    """Send the wake-up message of ``job`` after the commit, and mark it as sent."""
    queue = session.info.get(QUEUE)
    if not isinstance(queue, Queue) or queue.embedded:
        return
    job_id, lane, needs = job.id, job.lane, job.needs
    session.execute(sa.update(Job).where(Job.id == job_id).values(sent_at=db_now()))
    after_commit(session, lambda: queue.announce(job_id, lane, needs))
