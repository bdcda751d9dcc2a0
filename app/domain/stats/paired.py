"""Two runs on the same pictures: who is right where, and whether the difference is more than chance.

``truth``, ``first`` and ``second`` are integer arrays of shape (n,) that hold class positions 0 to classes - 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.domain import leaks
from app.domain.stats import exact

Ints = NDArray[np.integer]


class Flip(StrEnum):
    """What became of a picture from the first run to the second."""

    GAINED = "gained"  # wrong, then right
    LOST = "lost"  # right, then wrong
    WRONG = "wrong"  # wrong in both
    RIGHT = "right"  # right in both


ORDER = (Flip.WRONG, Flip.GAINED, Flip.LOST, Flip.RIGHT)  # by the code: 1 when the second is right, 2 the first


class Finding(StrEnum):
    """What the pictures say about two runs."""

    NOTHING = "nothing"  # there is no common picture
    SAME = "same"  # no picture changed side
    UNPROVEN = "unproven"
    BETTER = "better"  # the second run is
    WORSE = "worse"


@dataclass(frozen=True)
class Flips:
    """How many pictures were right in which of two runs."""

    gained: int
    lost: int
    wrong: int
    right: int

    @property
    def total(self) -> int:
        """All pictures."""
        return self.gained + self.lost + self.wrong + self.right

    @property
    def changed(self) -> int:
        """Pictures that exactly one of the runs has right."""
        return self.gained + self.lost

    @property
    def first(self) -> int:
        """Right answers of the first run."""
        return self.right + self.lost

    @property
    def second(self) -> int:
        """Right answers of the second run."""
        return self.right + self.gained

    @property
    def difference(self) -> float | None:
        """Accuracy of the second run minus that of the first; None without pictures."""
        return (self.gained - self.lost) / self.total if self.total else None

    @property
    def p(self) -> float:
        """Of McNemar's exact test."""
        return exact.mcnemar(self.gained, self.lost)

    @property
    def discordant(self) -> float:
        """Share of pictures taken to change side when it is asked what these pictures can show.

        What was seen, unless so few changed that not even all of them in one direction would do: then the usual share.
        """
        seen = self.changed / self.total if self.total else 0.0
        return seen if seen and leaks.detectable(self.total, seen) is not None else leaks.DISCORDANT

    @property
    def detectable(self) -> float | None:
        """The smallest difference of accuracy that these pictures can show (``leaks.detectable``)."""
        return leaks.detectable(self.total, self.discordant)

    def finding(self, p: float | None = None) -> Finding:
        """The verdict; ``p`` is the p value where it was adjusted for several tests."""
        if not self.total:
            return Finding.NOTHING
        if not self.changed:
            return Finding.SAME
        if (self.p if p is None else p) >= exact.LEVEL:
            return Finding.UNPROVEN
        return Finding.BETTER if self.gained > self.lost else Finding.WORSE


@dataclass(frozen=True)
class ClassFlips:
    """One class: its pictures, how often each run answered it, and the p value adjusted over the classes (Holm)."""

    position: int
    flips: Flips
    said_first: int
    said_second: int
    adjusted: float

    @property
    def finding(self) -> Finding:
        """The verdict about the recall of this class."""
        return self.flips.finding(self.adjusted)


def codes(truth: Ints, first: Ints, second: Ints) -> NDArray[np.int64]:
    """For each picture its place in ``ORDER``, shape (n,)."""
    return np.asarray(2 * (first == truth) + (second == truth), np.int64)


def flips(truth: Ints, first: Ints, second: Ints) -> Flips:
    """Counts over all pictures."""
    return counted(np.bincount(codes(truth, first, second), minlength=4).tolist())


def counted(numbers: Sequence[int]) -> Flips:
    """``numbers`` in the order of ``ORDER``."""
    return Flips(**{flip.value: number for flip, number in zip(ORDER, numbers, strict=True)})


def by_class(truth: Ints, first: Ints, second: Ints, classes: int) -> list[ClassFlips]:
    """One row for each class. Tests are adjusted over the classes that have pictures."""
    flat = truth.astype(np.int64) * 4 + codes(truth, first, second)
    table = [counted(row) for row in np.bincount(flat, minlength=4 * classes).reshape(classes, 4).tolist()]
    tested = [place for place, row in enumerate(table) if row.total]
    adjusted = dict(zip(tested, exact.holm([table[place].p for place in tested]), strict=True))
    said = [np.bincount(answers, minlength=classes).tolist() for answers in (first, second)]
    return [
        ClassFlips(place, row, said[0][place], said[1][place], adjusted.get(place, 1.0))
        for place, row in enumerate(table)
    ]
