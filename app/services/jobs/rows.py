"""What all parts of the job table share."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job
from app.domain.enums import JobKind, JobState
from app.domain.errors import AppError

ACTIVE = (JobState.RUNNING, JobState.CANCELLING)
TRAINED = (JobKind.TRAIN, JobKind.FOLD)  # kinds of which the best so far can be kept
QUEUE = "queue"  # key of ``session.info`` under which an entry point leaves its Queue
FREE: dict[str, Any] = {"owner": None, "lease_until": None, "sent_at": None}  # of a job that nobody runs


class LeaseLost(AppError):
    """The job was taken back, has ended or is run by somebody else: this attempt may write nothing more."""


def mine(job_id: int, attempt: int) -> list[sa.ColumnElement[bool]]:
    """The condition under which an attempt may write."""
    return [Job.id == job_id, Job.attempt == attempt, Job.state.in_(ACTIVE)]


def change(session: Session, where: Sequence[sa.ColumnElement[bool]], **values: Any) -> bool:
    """One conditional UPDATE; True when it met a row."""
    return bool(changed_ids(session, where, **values))


def changed_ids(session: Session, where: Sequence[sa.ColumnElement[bool]], **values: Any) -> list[int]:
    """One conditional UPDATE; the ids of the rows that it met."""
    update = sa.update(Job).where(*where).values(**values).returning(Job.id)
    return list(session.scalars(update.execution_options(synchronize_session=False)))
