"""What validation says of the trainings of a search, and what the best of them is really worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Prediction, RunFold, RunItem
from app.domain import metrics, search
from app.domain.enums import PredictionRole
from app.domain.search import Honest

MOST_ANSWERS = 400_000  # of all trials together; more would be read for minutes


@dataclass(frozen=True)
class Score:
    """Over all models of a run: images validated, right ones among them, and the mean loss of their kept epochs."""

    images: int
    right: int
    loss: float

    @property
    def accuracy(self) -> float:
        """Part of the images that was right."""
        return self.right / self.images

    @property
    def interval(self) -> metrics.Interval | None:
        """95 % by Wilson."""
        return metrics.wilson(self.right, self.images)


def of(session: Session, run_ids: Sequence[int]) -> dict[int, Score]:
    """By the id of the run; only runs of which all models have numbers."""
    sums: dict[int, list[tuple[int, float, float]]] = {run_id: [] for run_id in run_ids}
    query = sa.select(RunFold.run_id, RunFold.validation_count, RunFold.metrics).where(RunFold.run_id.in_(run_ids))
    for run_id, count, values in session.execute(query):
        accuracy, loss = values.get("val_accuracy"), values.get("val_loss")
        sums[run_id].append((count, accuracy if accuracy is not None else -1.0, loss if loss is not None else 1e9))
    found = {}
    for run_id, folds in sums.items():
        images = sum(count for count, _, _ in folds)
        if images and all(accuracy >= 0 for _, accuracy, _ in folds):
            right = sum(round(accuracy * count) for count, accuracy, _ in folds)
            found[run_id] = Score(images, right, sum(count * loss for count, _, loss in folds) / images)
    return found


def honest(session: Session, run_ids: Sequence[int]) -> Honest | None:
    """The accuracy of the best of some runs without the luck of having been chosen; None where it cannot be told.

    Only images count that all of them were validated on, with the labels that each had then.
    """
    answered = [answers for answers in _answers(session, run_ids).values() if answers]
    images = sorted(set.intersection(*(set(answers) for answers in answered))) if answered else []
    if not images:
        return None
    right = np.array([[answers[image][0] for image in images] for answers in answered])
    return search.honest(right, np.array([[answers[image][1] for image in images] for answers in answered]))


def lead(session: Session, run_id: int, other_id: int) -> tuple[int, int]:
    """Images that both runs were validated on: those that only the first has right, and those that only the other."""
    said = _answers(session, (run_id, other_id))
    first, second = said.get(run_id, {}), said.get(other_id, {})
    pairs = [(first[image][0], second[image][0]) for image in first.keys() & second.keys()]
    return pairs.count((True, False)), pairs.count((False, True))


def _answers(session: Session, run_ids: Sequence[int]) -> dict[int, dict[int, tuple[bool, float]]]:
    """Of each run and image of its validation: whether it is right, and its loss; {} where there are too many."""
    asked = (Prediction.run_id.in_(run_ids), Prediction.role == PredictionRole.VALIDATION)
    count = session.scalar(sa.select(sa.func.count()).select_from(Prediction).where(*asked)) or 0
    if count > MOST_ANSWERS:
        return {}
    query = (
        sa.select(Prediction.run_id, RunItem.image_id, RunItem.label, Prediction.predicted, Prediction.probabilities)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(*asked)
    )
    said: dict[int, dict[int, tuple[bool, float]]] = {run_id: {} for run_id in run_ids}
    for run_id, image_id, label, predicted, blob in session.execute(query):
        truth = float(np.frombuffer(blob, "<f4")[label])
        said[run_id][image_id] = (label == predicted, -float(np.log(max(truth, metrics.LEAST))))
    return said
