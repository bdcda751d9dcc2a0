"""How well each class is told apart, how sure every number is, and how often a class is said and how often it is true.

Pure functions of a count matrix (row = true class, column = answer) and of ``labels`` (n,) with ``probabilities``
(n, classes). A value that is not defined is None. Intervals are meant as 95 %.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import Interval, Ints, wilson

_HALVINGS = 36  # of an interval of length 1: to 1e-11, far below the last digit that is shown


@dataclass(frozen=True)
class Value:
    """A number from 0 to 1 with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Bias:
    """How often a class is said against how often it is true; shares of all images.

    ``interval`` is that of ``said - true``. ``verdict`` is 1 when the class is said too often, -1 when it is said too
    seldom, 0 when the images do not prove either, all classes of the run taken together.
    """

    said: float
    true: float
    interval: Interval
    verdict: int

    @property
    def difference(self) -> float:
        """By how much more often the class is said than true; negative for more seldom."""
        return self.said - self.true


@dataclass(frozen=True)
class ClassFigures:
    """Everything about one class. ``taken``: images of other classes that were called this one."""

    position: int
    support: int
    answered: int
    correct: int
    precision: Value | None
    recall: Value | None
    f1: Value | None
    auroc: Value | None
    ap: Value | None
    bias: Bias | None

    @property
    def missed(self) -> int:
        """Images of this class that were called something else."""
        return self.support - self.correct

    @property
    def taken(self) -> int:
        """Images of other classes that were called this one."""
        return self.answered - self.correct


@dataclass(frozen=True)
class Averages:
    """Means over the classes: ``macro`` counts each class once, ``weighted`` each by its images.

    ``balanced``: balanced accuracy, the mean recall of the classes that occur.
    """

    macro: dict[str, float | None]
    weighted: dict[str, float | None]
    balanced: Value | None


NAMES = ("precision", "recall", "f1", "auroc", "ap")


def figures(matrix: NDArray[np.int64], ranked: Sequence[tuple[float | None, float | None]]) -> list[ClassFigures]:
    """All figures of all classes of a run's answers; ``ranked`` as ``ranking`` gives it."""
    total = int(matrix.sum())
    found = []
    for position in range(len(matrix)):
        support, answered = int(matrix[position].sum()), int(matrix[:, position].sum())
        correct = int(matrix[position, position])
        auroc, ap = ranked[position]
        found.append(
            ClassFigures(
                position=position,
                support=support,
                answered=answered,
                correct=correct,
                precision=_share(correct, answered),
                recall=_share(correct, support),
                f1=f1(correct, support + answered - correct),
                auroc=None if auroc is None else Value(auroc, auroc_interval(auroc, support, total - support)),
                ap=None if ap is None else _scored(ap, support),
                bias=bias(answered - correct, support - correct, support, total, len(matrix)) if total else None,
            )
        )
    return found


def f1(correct: int, either: int) -> Value | None:
    """F1 of a class from its right answers and the images that are or were called this class.

    The share J = correct / either is a binomial one, and F1 = 2 J / (1 + J) grows with it: the interval of F1 is
    Wilson's of J, carried over. Given the number of images that are or were called this class.
    """
    share = _share(correct, either)
    if share is None:
        return None
    low, high = (2 * limit / (1 + limit) for limit in (share.interval.low, share.interval.high))
    return Value(2 * share.value / (1 + share.value), Interval(low, high))


def ranking(labels: Ints, probabilities: NDArray[np.floating]) -> list[tuple[float | None, float | None]]:
    """(AUROC, AP) of each class against all others; None for a class without images, AUROC also without others.

    AUROC is the share of pairs in which the image of the class gets the larger probability, ties counting half.
    AP is the mean precision at the images of the class, images of equal probability taken together; both as in
    scikit-learn. One sort for each class: only the images of the class need to be looked up.
    """
    columns = np.ascontiguousarray(probabilities.T)
    return [ranked(column, labels == position) for position, column in enumerate(columns)]


def ranked(column: NDArray[np.floating], mine: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """(AUROC, AP) of one class from its probabilities (n,) and whether each image is of it; see ``ranking``."""
    own, everything = np.sort(column[mine]), np.sort(column)
    count, others = len(own), len(everything) - len(own)
    if not count:
        return None, None
    below, upto = np.searchsorted(everything, own, "left"), np.searchsorted(everything, own, "right")
    own_below, own_upto = np.searchsorted(own, own, "left"), np.searchsorted(own, own, "right")
    reached = count - own_below  # images of the class with at least this probability
    ap = float((reached / (len(everything) - below)).sum() / count)
    if not others:
        return None, ap
    won = (below - own_below).sum() + ((upto - below) - (own_upto - own_below)).sum() / 2
    return float(won / (count * others)), ap


def auroc_interval(auroc: float, count: int, others: int) -> Interval:
    """Newcombe's interval of an AUROC for ``count`` images of the class and ``others``; never a single point.

    Source: R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic,
    part 2", Statistics in Medicine 25 (2006), method 5: the values whose own standard error reaches the estimate.
    """
    z = NormalDist().inv_cdf(0.975)

    def away(value: float) -> float:
        """How many standard errors the estimate lies above ``value``."""
        spread = 1 + ((count + others) / 2 - 1) * ((1 - value) / (2 - value) + value / (1 + value))
        return (auroc - value) / math.sqrt(max(value * (1 - value) * spread / (count * others), 1e-300))

    low = 0.0 if auroc <= 0 else _crossing(lambda value: away(value) - z, 0.0, auroc)
    high = 1.0 if auroc >= 1 else _crossing(lambda value: away(value) + z, auroc, 1.0)
    return Interval(low, high)


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes 0 between two values."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def bias(taken: int, missed: int, support: int, total: int, classes: int) -> Bias:
    """How much more often a class is said than true.

    Both shares come from the same images, so only those that are one of the two without the other tell them apart:
    ``taken`` were said to be of the class and are not, ``missed`` are of the class and were not said to be.

    Source: D. G. Bonett, R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions
    based on paired data", J. Educational and Behavioral Statistics 37 (2012). The verdict uses the interval of
    1 - 0.05 / ``classes`` (Bonferroni), because one of twenty classes would stand out by chance.
    """
    verdict_limits = _paired(taken, missed, total, 0.05 / classes)
    verdict = 1 if verdict_limits.low > 0 else -1 if verdict_limits.high < 0 else 0
    said = (support - missed + taken) / total
    return Bias(said, support / total, _paired(taken, missed, total, 0.05), verdict)


def _paired(one: int, other: int, total: int, alpha: float) -> Interval:
    z = NormalDist().inv_cdf(1 - alpha / 2)
    first, second = (one + 1) / (total + 2), (other + 1) / (total + 2)
    half = z * math.sqrt((first + second - (first - second) ** 2) / (total + 2))
    return Interval(max(first - second - half, -1.0), min(first - second + half, 1.0))


def averages(found: Sequence[ClassFigures]) -> Averages:
    """Means of the classes; undefined values are left out, and a class without images has no weight.

    The interval of balanced accuracy combines those of the recalls (Newcombe's square-and-add, MOVER).
    """
    macro: dict[str, float | None] = {}
    weighted: dict[str, float | None] = {}
    for name in NAMES:
        known = [(value.value, one.support) for one in found if (value := getattr(one, name)) is not None]
        images = sum(support for _, support in known)
        macro[name] = sum(value for value, _ in known) / len(known) if known else None
        weighted[name] = sum(value * support for value, support in known) / images if images else None
    return Averages(macro, weighted, _balanced([one.recall for one in found if one.recall is not None]))


def _balanced(recalls: Sequence[Value]) -> Value | None:
    if not recalls:
        return None
    mean = sum(one.value for one in recalls) / len(recalls)
    below = math.sqrt(sum((one.value - one.interval.low) ** 2 for one in recalls)) / len(recalls)
    above = math.sqrt(sum((one.interval.high - one.value) ** 2 for one in recalls)) / len(recalls)
    return Value(mean, Interval(max(mean - below, 0.0), min(mean + above, 1.0)))


def _share(part: int, whole: int) -> Value | None:
    limits = wilson(part, whole)
    return None if limits is None else Value(part / whole, limits)


def _scored(share: float, total: int) -> Value | None:
    """A mean over ``total`` images that lies between 0 and 1, treated like a share (Boyd, Eng and Page 2013)."""
    limits = wilson(share * total, total)
    return None if limits is None else Value(share, limits)
