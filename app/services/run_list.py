"""All runs of a project with the few numbers by which they are compared; five queries, whatever their number."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import EpochMetric, Job, Prediction, Run, RunFold, RunItem
from app.domain import metrics
from app.domain.enums import JobState, PredictionRole
from app.services import early, runs


@dataclass(frozen=True)
class RunLine:
    """One row of the list. The validation accuracy is that of the kept epochs, over the folds."""

    number: int
    name: str
    preset: str
    architecture: str
    folds: int
    state: JobState
    created_at: datetime
    seconds: float | None
    validation: metrics.Spread | None
    test: metrics.Interval | None
    test_accuracy: float | None
    test_images: int
    curve: list[float]  # mean validation accuracy of each epoch
    stopped: bool  # its best so far was kept, see ``app.services.early``

    @property
    def shown(self) -> str:
        """The state as a list says it."""
        return early.KEPT if self.stopped else self.state


def lines(session: Session, project_id: int, group_id: int | None = None) -> list[RunLine]:
    """The runs of a project, or of one matrix, newest first."""
    found = runs.listed(session, project_id, group_id)
    ids = [run.id for run in found]
    folds = _folds(session, ids)
    tests = _tests(session, ids)
    curves = _curves(session, ids)
    asked = sa.select(Run.id).join(Job, Job.id == Run.job_id).where(Run.id.in_(ids), early.STOPPED)
    stopped = set(session.scalars(asked))
    return [
        _line(run, folds[run.id], tests.get(run.id, (0, 0)), curves[run.id], stopped=run.id in stopped) for run in found
    ]


def _line(run: Run, folds: list[float | None], test: tuple[int, int], curve: list[float], *, stopped: bool) -> RunLine:
    total, correct = test
    return RunLine(
        number=run.number,
        name=run.name,
        preset=str(run.recipe.get("preset", "")),
        architecture=str(run.recipe.get("architecture", "")),
        folds=int(run.recipe.get("folds", 0)),
        state=JobState(run.job.state),
        created_at=run.created_at,
        seconds=run.seconds,
        validation=metrics.spread(folds),
        test=metrics.wilson(correct, total),
        test_accuracy=correct / total if total else None,
        test_images=total,
        curve=curve,
        stopped=stopped,
    )


def _folds(session: Session, ids: list[int]) -> dict[int, list[float | None]]:
    values: dict[int, list[float | None]] = defaultdict(list)
    query = sa.select(RunFold.run_id, RunFold.metrics).where(RunFold.run_id.in_(ids)).order_by(RunFold.fold)
    for run_id, numbers in session.execute(query):
        values[run_id].append(numbers.get("val_accuracy"))
    return values


def _tests(session: Session, ids: list[int]) -> dict[int, tuple[int, int]]:
    right = sa.func.sum(sa.case((RunItem.label == Prediction.predicted, 1), else_=0))
    query = (
        sa.select(Prediction.run_id, sa.func.count(), right)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(Prediction.run_id.in_(ids), Prediction.role == PredictionRole.TEST)
        .group_by(Prediction.run_id)
    )
    return {run_id: (int(total), int(correct)) for run_id, total, correct in session.execute(query)}


def _curves(session: Session, ids: list[int]) -> dict[int, list[float]]:
    values: dict[int, list[float]] = defaultdict(list)
    query = (
        sa.select(EpochMetric.run_id, sa.func.avg(EpochMetric.val_accuracy))
        .where(EpochMetric.run_id.in_(ids), EpochMetric.val_accuracy.is_not(None))
        .group_by(EpochMetric.run_id, EpochMetric.epoch)
        .order_by(EpochMetric.run_id, EpochMetric.epoch)
    )
    for run_id, accuracy in session.execute(query):
        values[run_id].append(float(accuracy))
    return values
