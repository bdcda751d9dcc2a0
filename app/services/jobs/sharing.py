"""A running job that gives parts of its work to children, and waits for them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job
from app.domain.enums import JobKind, JobState, Lane
from app.services.jobs import claims, family
from app.services.jobs.making import create
from app.services.jobs.rows import FREE, change, mine


def share_out(session: Session, job_id: int, attempt: int, kind: JobKind, specs: Sequence[dict[str, Any]]) -> list[int]:
    """Make a child of a running job for each of ``specs``, in its lane, with its priority and needs; returns their ids.

    The job goes on; it waits for the children after ``await_children``.

    Raises:
        LeaseLost: the job is no longer this attempt's.
    """
    claims.fence(session, job_id, attempt)
    job = session.get_one(Job, job_id)
    if job.state != JobState.RUNNING:
        return []  # it is to stop: what has not begun need not begin
    made = [
        create(
            session,
            project_id=job.project_id,
            kind=kind,
            lane=Lane(job.lane),
            spec=spec,
            parent_id=job.id,
            priority=job.priority,
            needs=job.needs,
        )
        for spec in specs
    ]
    return [child.id for child in made]


def await_children(session: Session, job_id: int, attempt: int) -> bool:
    """A running job has done its own part: it waits, and is queued again when the last child has ended.

    That does not count against ``max_attempts``. A job that was told to stop at once is cancelled instead. Returns
    False when the job is no longer this attempt's.
    """
    family.lock(session, [*family.ancestors(session, job_id), job_id])
    keeps = sa.or_(Job.state == JobState.RUNNING, Job.keep_best.is_(True))
    values = {"state": JobState.WAITING, "max_attempts": Job.max_attempts + 1, "progress": {}, **FREE}
    if not change(session, [*mine(job_id, attempt), keeps], **values):
        return claims.end_cancelled(session, job_id, attempt)
    family.settle(session, job_id)
    return True


def children(session: Session, job_id: int) -> list[Job]:
    """The children of a job, the oldest first."""
    return list(session.scalars(sa.select(Job).where(Job.parent_id == job_id).order_by(Job.id)))
