"""Intervals of differences of two runs by drawing the pictures anew, both answers of a picture staying together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import Z_95, Interval

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]

SEED = 20_001  # any number would do; the same one always gives the same interval
WORK = 1_500_000  # pictures drawn for all resamples together: a few hundredths of a second
MOST, FEWEST = 2000, 200  # resamples
ENOUGH = 1000  # resamples from which the percentiles themselves are the limits


@dataclass(frozen=True)
class Estimate:
    """A value on the pictures as they are, and its 95 % interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Differences:
    """Second run minus first. ``resamples``: how often the pictures were drawn anew."""

    accuracy: Estimate
    macro_f1: Estimate
    first_f1: Estimate
    second_f1: Estimate
    resamples: int


def differences(truth: Ints, first: Ints, second: Ints, classes: int, seed: int = SEED) -> Differences | None:
    """Paired bootstrap of accuracy and macro F1; None without pictures.

    Args:
        truth, first, second: class positions, shape (n,).
        classes: how many positions there are.
        seed: of the draws.

    Pictures that both runs have right differ in nothing but their class, so of each class only their number is drawn;
    the others are drawn one by one. Together that is a draw of n pictures with replacement. Limits are the percentiles
    of 1,000 resamples or more, otherwise value ± 1.96 standard deviations: there are fewer only where so many pictures
    differ that the normal distribution fits. Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993).
    """
    if not len(truth):
        return None
    both = (first == truth) & (second == truth)
    easy = np.bincount(truth[both], minlength=classes)
    hard = _marks(truth[~both], first[~both], second[~both], classes)
    values = _scores(_sums(hard, classes) + easy[None, :], len(truth))
    drawn = _draw(easy, hard, classes, np.random.default_rng(seed))
    plain = [_estimate(values[place], drawn[:, place]) for place in range(4)]
    gaps = [_estimate(values[b] - values[a], drawn[:, b] - drawn[:, a]) for a, b in ((0, 1), (2, 3))]
    return Differences(gaps[0], gaps[1], plain[2], plain[3], len(drawn))


def macro_f1(right: Floats, support: Floats, answered: Floats) -> Floats:
    """Mean F1 over the classes (last axis) that have pictures or answers; NaN never, as one always has."""
    whole = support + answered
    scores = np.divide(2 * right, whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(scores.sum(axis=-1) / (whole > 0).sum(axis=-1), np.float64)


def _marks(truth: Ints, first: Ints, second: Ints, classes: int) -> NDArray[np.int64]:
    """For each picture the five sums it counts in, as places of a table of (5, classes + 1); the last column is spare.

    Rows of the table: pictures of a class, answers of the first and of the second run, right answers of each.
    """
    columns = (
        truth,
        first,
        second,
        np.where(first == truth, truth, classes),
        np.where(second == truth, truth, classes),
    )
    return np.stack([column + row * (classes + 1) for row, column in enumerate(columns)], axis=1).astype(np.int64)


def _sums(marks: NDArray[np.int64], classes: int) -> Floats:
    table = np.bincount(marks.ravel(), minlength=5 * (classes + 1)).reshape(5, classes + 1)
    return table[:, :classes].astype(np.float64)


def _draw(easy: NDArray[np.int64], hard: NDArray[np.int64], classes: int, rng: np.random.Generator) -> Floats:
    """Scores of all resamples, shape (resamples, 4): accuracy and macro F1 of the first and the second run."""
    total = int(easy.sum()) + len(hard)
    resamples = min(max(WORK // max(len(hard), 1), FEWEST), MOST)
    counts = rng.multinomial(total, np.append(easy, len(hard)) / total, size=resamples)
    drawn = np.empty((resamples, 4))
    for place, row in enumerate(counts):
        chosen = rng.integers(0, max(len(hard), 1), size=row[-1])
        drawn[place] = _scores(_sums(hard.take(chosen, axis=0), classes) + row[None, :-1], total)
    return drawn


def _scores(sums: Floats, total: int) -> Floats:
    support, said_first, said_second, right_first, right_second = sums
    return np.array(
        [
            right_first.sum() / total,
            right_second.sum() / total,
            macro_f1(right_first, support, said_first),
            macro_f1(right_second, support, said_second),
        ]
    )


def _estimate(value: float, drawn: Floats) -> Estimate:
    if len(drawn) >= ENOUGH:
        low, high = np.quantile(drawn, (0.025, 0.975))
    else:
        half = Z_95 * drawn.std(ddof=1)
        low, high = value - half, value + half
    return Estimate(float(value), Interval(float(low), float(high)))
