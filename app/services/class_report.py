"""The figures of each class of a run, computed from its frozen answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Run, RunClass
from app.domain import class_scores, metrics
from app.domain.enums import PredictionRole
from app.services import answers, review

PAIRS = 12  # most confused pairs that are listed


@dataclass(frozen=True)
class ClassReport:
    """One role of a run, class by class.

    Attributes:
        matrix: (classes, classes), row = true class.
        majority_class: position of the class with the most images, None without images.
        ties: images with several classes of the largest probability.
        beats_majority: whether the accuracy is proven to be above that of always answering that class.
    """

    classes: Sequence[RunClass]
    matrix: NDArray[np.int64]
    total: int
    correct: int
    accuracy: float | None
    interval: metrics.Interval | None
    chance: float
    majority: float | None
    majority_class: int | None
    figures: Sequence[class_scores.ClassFigures]
    averages: class_scores.Averages
    pairs: Sequence[metrics.Pair]
    ties: int

    @property
    def beats_majority(self) -> bool:
        """True when even the lower limit of the accuracy is above that of always answering the largest class."""
        return self.interval is not None and self.majority is not None and self.interval.low > self.majority


def report(
    session: Session, kept: answers.Kept, run: Run, role: PredictionRole, fold: int | None = None
) -> ClassReport:
    """All figures of one role of ``run``."""
    classes = review.classes(session, run)
    found = answers.load(session, kept, run, role, len(classes), fold)
    matrix = metrics.confusion(found.labels, found.predicted, len(classes))
    total, correct = int(matrix.sum()), int(np.trace(matrix))
    figures = class_scores.figures(matrix, found.ranking)
    return ClassReport(
        classes=classes,
        matrix=matrix,
        total=total,
        correct=correct,
        accuracy=metrics.accuracy(matrix),
        interval=metrics.wilson(correct, total),
        chance=metrics.chance(max(len(classes), 1)),
        majority=metrics.majority(matrix),
        majority_class=int(matrix.sum(axis=1).argmax()) if total else None,
        figures=figures,
        averages=class_scores.averages(figures),
        pairs=metrics.most_confused(matrix, PAIRS),
        ties=found.ties,
    )
