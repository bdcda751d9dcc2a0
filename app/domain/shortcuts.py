"""Does one property of the pictures tell the class by itself? A network would learn the property, not the thing.

A property is cut into bins (a number) or taken as it is (a source, a format). The class that is over-represented in a
bin is the answer for all of it; answers are made by cross-validation and judged by balanced accuracy, the mean over the
classes of the share that is answered rightly, so that guessing gives 1 / classes however unequal the classes are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.leaks import Z_95

FOLDS, BINS = 5, 8
SMALLEST_CLASS = 5
RARE = 8  # a value that fewer pictures have counts as "other"
STRONG, WEAK = 0.1, 0.4  # of the way from chance to 1: what circumstances and contents must reach to be reported
CIRCUMSTANCES = frozenset({"source", "prefix", "size", "format", "import"})  # say nothing of what a picture shows
_LETTERS = re.compile(r"[^\W\d_]+")
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How well one property tells the class. ``accuracy`` is balanced; ``low`` and ``high`` are its 95 % interval."""

    name: str
    accuracy: float
    low: float
    high: float
    chance: float

    @property
    def alarming(self) -> bool:
        """True when a network could live on the property: sure to be above chance by more than a little."""
        share = STRONG if self.name in CIRCUMSTANCES else WEAK
        return self.low > self.chance + share * (1 - self.chance)


def bins_of_numbers(values: NDArray[np.float64], bins: int = BINS) -> tuple[Ints, list[float]]:
    """The bin of each value, of bins that hold about the same number, and the limits between them."""
    limits = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(limits, values, side="right").astype(np.int64), limits.tolist()


def bins_of_names(names: Sequence[str]) -> tuple[Ints, list[str]]:
    """The bin of each name, most frequent first; rare names share the last bin, which is called ""."""
    values, place, counts = np.unique(
        np.asarray(names, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    order = [int(value) for value in np.argsort(-counts, kind="stable") if counts[value] >= RARE]
    bins = np.full(len(values), len(order), dtype=np.int64)
    bins[order] = np.arange(len(order))
    return bins[place], [str(values[value]) for value in order] + ([""] if len(order) < len(values) else [])


def prefix(name: str) -> str:
    """The letters that a file name begins with: the microscope or the person that gave the name."""
    found = _LETTERS.match(name)
    return found.group().casefold() if found else ""


def names_the_class(bins: Ints, labels: Ints, words: Sequence[str], classes: Sequence[str]) -> bool:
    """True when the files were only called after their classes.

    That is so when no bin has pictures of two classes, or when most pictures are in bins that have the name of a class
    or its beginning: then the few that differ are labels to look at, and no trait of the pictures.

    Args:
        bins: shape (n,), places in ``words``.
        labels: shape (n,), places in ``classes``.
        words: what each bin is called.
        classes: names.
    """
    pairs = np.unique(np.stack([bins, labels]), axis=1)
    if int(pairs.shape[1]) == len(np.unique(bins)):
        return True
    names = [name.casefold() for name in classes if name]
    called = [len(word) > 1 and any(name.startswith(word.casefold()) for name in names) for word in words]
    return float(np.mean(np.asarray(called)[bins])) > 0.5


def judge(name: str, bins: Ints, labels: Ints, *, seed: int = 0) -> Shortcut | None:
    """How well the bins tell the classes; None with fewer than two classes of some size, or with one bin only.

    Args:
        name: of the property.
        bins: shape (n,), from 0.
        labels: class positions, shape (n,), from 0; classes with fewer than ``SMALLEST_CLASS`` are left out.
        seed: of the folds.
    """
    counts = np.bincount(labels)
    kept = np.flatnonzero(counts[labels] >= SMALLEST_CLASS)
    classes, place = np.unique(labels[kept], return_inverse=True)
    if len(classes) < 2 or len(np.unique(bins[kept])) < 2:
        return None
    used = bins[kept]
    right = _right(used, place, len(classes), seed)
    sizes = np.bincount(place)
    recalls = np.bincount(place, weights=right) / sizes
    softened = (recalls * sizes + 1) / (sizes + 2)  # a recall of 0 or 1 of few pictures is not certain
    width = Z_95 * float(np.sqrt((softened * (1 - softened) / sizes).sum())) / len(classes)
    accuracy = float(recalls.mean())
    return Shortcut(name, accuracy, max(accuracy - width, 0.0), min(accuracy + width, 1.0), 1 / len(classes))


def _right(bins: Ints, labels: Ints, classes: int, seed: int) -> NDArray[np.bool_]:
    """Whether each picture is answered rightly by the other folds."""
    generator = np.random.Generator(np.random.PCG64(seed))
    shuffled = generator.permutation(len(labels))
    folds = np.empty(len(labels), dtype=np.int64)
    folds[shuffled[np.argsort(labels[shuffled], kind="stable")]] = np.arange(len(labels)) % FOLDS
    cells = bins * classes + labels
    size = (int(bins.max()) + 1) * classes
    everything = np.bincount(cells, minlength=size)
    right = np.empty(len(labels), dtype=np.bool_)
    for fold in range(FOLDS):
        inside = folds == fold
        counts = (everything - np.bincount(cells[inside], minlength=size)).reshape(-1, classes)
        shares = counts / np.maximum(counts.sum(axis=0), 1)
        right[inside] = shares.argmax(axis=1)[bins[inside]] == labels[inside]
    return right
