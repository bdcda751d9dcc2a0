"""Numbers that judge a classifier: pure functions of true labels and answers, no model needed.

``labels`` and ``predicted`` are integer arrays of shape (n,) that hold class positions 0 to classes - 1;
``probabilities`` has the shape (n, classes). A value that is not defined, such as the precision of a class that was
never answered, is None: 0 would be a statement about the model.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import Invalid

Ints = NDArray[np.integer]
Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution
# Answers are kept as probabilities of 32 bits: what is smaller is 0 there, and its logarithm no number.
LEAST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Interval:
    """Lower and upper limit of a share, both from 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True)
class ClassScore:
    """How one class fared. ``position`` is its place in the run, ``support`` how many images truly are of it."""

    position: int
    support: int
    answered: int
    correct: int
    precision: float | None
    recall: float | None
    f1: float | None

    @property
    def wrong(self) -> int:
        """Images of this class that were called something else."""
        return self.support - self.correct


@dataclass(frozen=True)
class Macro:
    """Unweighted means over the classes for which the value is defined."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Pair:
    """``count`` images of class ``true`` were called ``predicted``."""

    true: int
    predicted: int
    count: int


@dataclass(frozen=True)
class Spread:
    """Mean of ``count`` values and their sample standard deviation (n - 1), which one value does not have."""

    mean: float
    sd: float | None
    count: int


def confusion(labels: Ints, predicted: Ints, classes: int) -> NDArray[np.int64]:
    """Count matrix of shape (classes, classes): row = true class, column = answer.

    Raises:
        Invalid: the arrays differ in length or hold a position outside 0 to classes - 1.
    """
    if labels.shape != predicted.shape or labels.ndim != 1:
        raise Invalid("metrics_shape", labels=str(labels.shape), predicted=str(predicted.shape))
    both = np.concatenate([labels, predicted]) if labels.size else np.zeros(0, np.int64)
    if both.size and (both.min() < 0 or both.max() >= classes):
        raise Invalid("metrics_class_range", classes=classes)
    flat = labels.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def accuracy(matrix: NDArray[np.int64]) -> float | None:
    """Share of right answers of a confusion matrix; None without images."""
    total = int(matrix.sum())
    return int(np.trace(matrix)) / total if total else None


def wilson(correct: float, total: int, z: float = Z_95) -> Interval | None:
    """Wilson's score interval of a share, 95 % unless told; None without images.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if total == 0:
        return None
    share, z2 = correct / total, z * z
    centre = share + z2 / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    scale = 1 + z2 / total
    # At the ends the limit is exactly 0 or 1; rounding must not put the share outside its own interval.
    low = 0.0 if correct == 0 else (centre - half) / scale
    high = 1.0 if correct == total else (centre + half) / scale
    return Interval(low, high)


def per_class(matrix: NDArray[np.int64]) -> list[ClassScore]:
    """Precision, recall and F1 of every class of a confusion matrix."""
    support, answered, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    return [
        ClassScore(
            position=position,
            support=int(support[position]),
            answered=int(answered[position]),
            correct=int(right[position]),
            precision=_ratio(right[position], answered[position]),
            recall=_ratio(right[position], support[position]),
            f1=_ratio(2 * right[position], support[position] + answered[position]),
        )
        for position in range(len(matrix))
    ]


def macro(scores: Iterable[ClassScore]) -> Macro:
    """Means over the classes, leaving out undefined values."""
    scores = list(scores)
    return Macro(
        precision=_mean(score.precision for score in scores),
        recall=_mean(score.recall for score in scores),
        f1=_mean(score.f1 for score in scores),
    )


def most_confused(matrix: NDArray[np.int64], limit: int = 3) -> list[Pair]:
    """The pairs (true, answer) with the most mistakes, largest first; equal counts keep the order of the classes."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    places = ((int(place) // len(matrix), int(place) % len(matrix)) for place in order)
    return [Pair(true, answer, int(wrong[true, answer])) for true, answer in places if wrong[true, answer]]


def losses(labels: Ints, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cross-entropy of every image, shape (n,): minus the logarithm of the probability of its true class.

    Probabilities are limited to ``LEAST`` from below, so that one sure mistake does not make it infinite: no image
    counts more than 87.3. The losses of the curves come from the values before the softmax and have no limit; both are
    the same where no image reaches it.
    """
    return loss_of(probabilities[np.arange(len(labels)), labels])


def loss_of(truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """The same from the probabilities of the true classes, (n,)."""
    return -np.log(np.clip(truth.astype(np.float64), LEAST, 1.0))


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean and sample standard deviation over folds; values that are missing are left out, None when all are."""
    known = np.array([value for value in values if value is not None and math.isfinite(value)], np.float64)
    if not known.size:
        return None
    sd = float(known.std(ddof=1)) if known.size > 1 else None
    return Spread(float(known.mean()), sd, int(known.size))


def chance(classes: int) -> float:
    """Accuracy of guessing each class equally often."""
    return 1 / classes


def majority(matrix: NDArray[np.int64]) -> float | None:
    """Accuracy of always answering the class that is most frequent among these images."""
    total = int(matrix.sum())
    return int(matrix.sum(axis=1).max()) / total if total else None


def _ratio(part: np.integer, whole: np.integer) -> float | None:
    return int(part) / int(whole) if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
