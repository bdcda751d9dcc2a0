"""Groups of images in which a model is right less often than elsewhere, found among groups that share a property.

Every group is tested against all other images by Fisher's exact test, adjusted by Holm over all groups that were
tested: of a hundred groups five would stand out by chance otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.domain import metrics
from app.domain.metrics import Interval
from app.domain.stats import exact

FEWEST = 10  # images of a group, and outside it
LEVEL = 0.05
PARTS = 5  # equal parts that numbers are cut into
MOST_VALUES = 40  # different values of a property; of more the most frequent are looked at
_CLOSE = 1e-7  # tables that are as improbable to so many digits count as equally improbable

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """Some images by a property. ``part`` is the place of its value or range in the property's own order.

    ``low`` and ``high`` are the limits of a range of numbers; ``value`` the one of a property of names.
    """

    name: str
    part: int
    value: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Group:
    """A tested slice. ``p`` is adjusted; ``rest`` is the share of right answers outside."""

    slice: Slice
    count: int
    correct: int
    interval: Interval
    rest: float
    p: float

    @property
    def accuracy(self) -> float:
        """Share of right answers inside."""
        return self.correct / self.count

    @property
    def weak(self) -> bool:
        """True when the group is proven to be worse than the rest."""
        return self.p < LEVEL and self.accuracy < self.rest


def by_number(name: str, values: NDArray[np.floating]) -> tuple[list[Slice], Ints]:
    """Equal parts of the values (n,), NaN for unknown; the part of each image, -1 for none. Ties stay together."""
    known = values[np.isfinite(values)]
    part = np.full(len(values), -1, np.int64)
    if len(np.unique(known)) < 2:  # one value tells nothing apart
        return [], part
    inner = np.unique(np.quantile(known, np.arange(1, PARTS) / PARTS, method="inverted_cdf"))
    inner = inner[inner < known.max()]
    there = np.isfinite(values)
    part[there] = np.searchsorted(inner, values[there], "left")
    edges = [float(known.min()), *inner.tolist(), float(known.max())]
    return [Slice(name, at, low=edges[at], high=edges[at + 1]) for at in range(len(edges) - 1)], part


def by_value(name: str, values: Sequence[str]) -> tuple[list[Slice], Ints]:
    """One part for each of the most frequent values (n,), "" for unknown; the part of each image, -1 for none."""
    texts = np.array(values, dtype=object)
    found, inverse, counts = np.unique(texts.astype(str), return_inverse=True, return_counts=True)
    order = [at for at in np.argsort(-counts, kind="stable").tolist() if found[at]][:MOST_VALUES]
    if len(order) < 2:  # one value tells nothing apart
        return [], np.full(len(texts), -1, np.int64)
    rank = np.full(len(found), -1, np.int64)
    rank[order] = np.arange(len(order))
    return [Slice(name, place, value=str(found[at])) for place, at in enumerate(order)], rank[inverse]


def find(right: Bools, properties: Mapping[str, tuple[Sequence[Slice], Ints]]) -> list[Group]:
    """All groups that are large enough, proven weak ones first, then by their accuracy.

    Args:
        right: whether each answer is right, (n,).
        properties: slices and the part of each image, as ``by_number`` and ``by_value`` give them.
    """
    total, correct = len(right), int(right.sum())
    tested: list[tuple[Slice, int, int, float]] = []
    for slices, part in properties.values():
        sizes = np.bincount(part + 1, minlength=len(slices) + 1)[1:].tolist()
        hits = np.bincount(part[right] + 1, minlength=len(slices) + 1)[1:].tolist()
        for one in slices:
            count, hit = sizes[one.part], hits[one.part]
            if count >= FEWEST and total - count >= FEWEST:
                tested.append((one, count, hit, fisher(hit, count, correct, total)))
    adjusted = exact.holm([p for *_, p in tested])
    groups = []
    for (one, count, hit, _), p in zip(tested, adjusted, strict=True):
        limits = metrics.wilson(hit, count) or Interval(0.0, 1.0)
        groups.append(Group(one, count, hit, limits, (correct - hit) / (total - count), p))
    return sorted(groups, key=lambda one: (not one.weak, one.accuracy, -one.count))


def fisher(hit: int, count: int, correct: int, total: int) -> float:
    """Two-sided p of Fisher's exact test: ``hit`` right of ``count`` inside, ``correct`` right of ``total`` in all.

    The sum of the probabilities of all tables that are no more probable than this one.
    """
    low, high = max(0, count - (total - correct)), min(count, correct)
    right = np.arange(low, high + 1)
    logs = _choose(correct, right) + _choose(total - correct, count - right)
    logs -= math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    own = logs[hit - low]
    return min(float(np.exp(logs[logs <= own + _CLOSE]).sum()), 1.0)


def _choose(of: int, some: Ints) -> NDArray[np.float64]:
    """Logarithms of binomial coefficients."""
    logs = _factorials(of)
    found: NDArray[np.float64] = logs[of] - logs[some] - logs[of - some]
    return found


@lru_cache(maxsize=4)  # all groups of one run have the same two numbers of right and of wrong answers
def _factorials(of: int) -> NDArray[np.float64]:
    """Logarithms of the factorials from 0 to ``of``."""
    found = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, of + 1)))])
    found.flags.writeable = False
    return found
