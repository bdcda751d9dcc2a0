"""Which runs can be compared, and in which role."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job, Prediction, Run
from app.domain.enums import JobState, PredictionRole


def roles(session: Session, runs: Sequence[Run]) -> list[PredictionRole]:
    """The roles in which all of the runs have answers, the test set first."""
    offered = (PredictionRole.TEST, PredictionRole.VALIDATION)
    return [role for role in offered if all(_answered(session, run, role) for run in runs)]


def _answered(session: Session, run: Run, role: PredictionRole) -> bool:
    """True when the run has at least one answer in this role; it is not counted how many."""
    query = sa.select(Prediction.id).where(Prediction.run_id == run.id, Prediction.role == role).limit(1)
    return session.scalar(query) is not None


def before(session: Session, run: Run) -> int | None:
    """The number of the finished run before ``run``; None for the first one."""
    query = (
        sa.select(Run.number)
        .join(Job, Job.id == Run.job_id)
        .where(Run.project_id == run.project_id, Run.number < run.number, Job.state == JobState.DONE)
    )
    return session.scalar(query.order_by(Run.number.desc()).limit(1))
