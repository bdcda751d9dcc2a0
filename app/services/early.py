"""Trainings that were stopped with what they had: done for the worker, and yet not all that was asked for."""

import sqlalchemy as sa

from app.db.run_models import Job, Run, RunFold
from app.domain.enums import JobState

KEPT = "kept"  # what lists show in place of "done"

_UNFINISHED = sa.or_(RunFold.best_epoch.is_(None), RunFold.stop_reason.in_(("", "stopped")))

# Of a query that has ``Run`` and ``Job``: as ``report.cut`` has it, without reading answers.
STOPPED: sa.ColumnElement[bool] = sa.and_(
    Job.state == JobState.DONE,
    sa.exists().where(RunFold.run_id == Run.id, _UNFINISHED).correlate(Run),
)
