"""What copies do to the figures of finished runs: pictures that were judged, and a copy of which was learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Job, Prediction, Run, RunItem
from app.domain import leaks, metrics
from app.domain.enums import JobState, PredictionRole, RunKind, Split
from app.services import grouping

NEWEST = 5
_ROLES = (PredictionRole.TEST, PredictionRole.VALIDATION)


@dataclass(frozen=True)
class Score:
    """Right answers of some images. ``accuracy`` and ``interval`` are None without images."""

    correct: int
    total: int

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, 0 to 1."""
        return self.correct / self.total if self.total else None

    @property
    def interval(self) -> metrics.Interval | None:
        """The 95 % interval (Wilson)."""
        return metrics.wilson(self.correct, self.total) if self.total else None


@dataclass(frozen=True)
class Effect:
    """One run on its test or validation images. ``leaked``: a copy of them was among those the model learned from."""

    number: int
    kind: str
    role: PredictionRole
    all: Score
    leaked: Score
    clean: Score


def effects(session: Session, project_id: int) -> list[Effect]:
    """The newest finished runs with and without the leaked images, newest first."""
    group_of = grouping.copies(session, project_id)
    query = (
        sa.select(Run)
        .join(Job, Job.id == Run.job_id)
        .where(Run.project_id == project_id, Job.state == JobState.DONE)
        .order_by(Run.number.desc())
        .limit(NEWEST)
    )
    return [effect for run in session.scalars(query) for effect in _of_run(session, run, group_of)]


def fold_effects(session: Session, project_id: int) -> list[Effect]:
    """The newest K-fold runs, each image judged by the model that did not learn from it; with and without leaks."""
    found = effects(session, project_id)
    return [one for one in found if one.kind == RunKind.KFOLD and one.role == PredictionRole.VALIDATION]


def _of_run(session: Session, run: Run, group_of: dict[int, int]) -> list[Effect]:
    query = sa.select(RunItem.id, RunItem.image_id, RunItem.split, RunItem.fold, RunItem.label)
    items = session.execute(query.where(RunItem.run_id == run.id)).all()
    groups = np.array([group_of.get(item.image_id, -1) for item in items], dtype=np.int64)
    place = {item.id: index for index, item in enumerate(items)}
    test = np.array([item.split == Split.TEST for item in items], dtype=np.bool_)
    if run.kind == RunKind.KFOLD:
        parts = np.array([-1 if item.fold is None else item.fold for item in items], dtype=np.int64)
    else:
        parts = np.array([item.split == Split.VALIDATION for item in items], dtype=np.int64)
    # What the test images may have leaked from is everything else: all of it was learned from or chosen by.
    leaked = {
        PredictionRole.TEST: leaks.crossing(groups, test.astype(np.int64)),
        PredictionRole.VALIDATION: leaks.crossing(np.where(test, -1, groups), parts),
    }
    labels = np.array([item.label for item in items], dtype=np.int64)
    made = (_effect(session, run, role, labels, leaked[role], place) for role in _ROLES)
    return [effect for effect in made if effect is not None]


def _effect(
    session: Session,
    run: Run,
    role: PredictionRole,
    labels: NDArray[np.int64],
    leaked: NDArray[np.bool_],
    place: dict[int, int],
) -> Effect | None:
    query = sa.select(Prediction.item_id, Prediction.predicted)
    rows = session.execute(query.where(Prediction.run_id == run.id, Prediction.role == role)).all()
    if not rows:
        return None
    places = np.array([place[row.item_id] for row in rows], dtype=np.int64)
    right = np.array([row.predicted for row in rows], dtype=np.int64) == labels[places]
    inside = leaked[places]

    def score(which: NDArray[np.bool_]) -> Score:
        return Score(int(right[which].sum()), int(which.sum()))

    return Effect(run.number, run.kind, role, score(np.ones_like(inside)), score(inside), score(~inside))


def discordant(session: Session, project_id: int) -> float | None:
    """Share of test images that only one of the two newest finished runs got right; None without two such runs.

    At least one image of a hundred counts as such: two runs that agree on everything say nothing of a third one.
    """
    runs = (
        sa.select(Run.id)
        .join(Job, Job.id == Run.job_id)
        .where(Run.project_id == project_id, Job.state == JobState.DONE)
        .where(sa.exists().where(Prediction.run_id == Run.id, Prediction.role == PredictionRole.TEST))
        .order_by(Run.number.desc())
        .limit(2)
    )
    found = list(session.scalars(runs))
    if len(found) < 2:
        return None
    answers = [_right_by_image(session, run_id) for run_id in found]
    common = answers[0].keys() & answers[1].keys()
    if not common:
        return None
    return max(sum(answers[0][image] != answers[1][image] for image in common) / len(common), 0.01)


def _right_by_image(session: Session, run_id: int) -> dict[int, bool]:
    query = sa.select(RunItem.image_id, RunItem.label, Prediction.predicted).join(
        Prediction, sa.and_(Prediction.item_id == RunItem.id, Prediction.role == PredictionRole.TEST)
    )
    rows: Sequence[sa.Row[int, int, int]] = session.execute(query.where(RunItem.run_id == run_id)).all()
    return {image_id: label == predicted for image_id, label, predicted in rows}
