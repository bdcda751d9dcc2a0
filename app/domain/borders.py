"""Whether a network looks at the padding or at the border of its pictures: pure functions of heat maps.

A heat map is an array (height, width) of values from 0; it lies over the square that the network saw. *Energy* is the
sum of its values. A map that does not care has as much of its energy on a part as the part has of the area.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain import metrics
from app.domain.metrics import Interval

BORDER = 0.1  # width of the frame, as a part of the side
MUCH = 1.5  # so many times the energy of the rest, each by its area, a part must have to be looked at
SMALL = 0.02  # parts of a smaller area say nothing
FEWEST = 8  # pictures that an alarm needs
OFTEN = 0.2  # part of the pictures that surely look there when an alarm rings

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Look:
    """How much of a picture's energy lies on a part, and how much of its area."""

    energy: float
    area: float

    @property
    def much(self) -> bool:
        """True when the part is looked at more than its area explains.

        By its area against the rest by its own: of half a picture no share could be much more than its area.
        """
        return self.area >= SMALL and self.energy * (1 - self.area) >= MUCH * self.area * (1 - self.energy)


@dataclass(frozen=True)
class Tally:
    """Some pictures together. ``interval`` is that of the share that looks there much."""

    count: int
    much: int
    energy: float
    area: float
    interval: Interval

    @property
    def rings(self) -> bool:
        """True when surely more than ``OFTEN`` of the pictures look there much."""
        return self.count >= FEWEST and self.interval.low > OFTEN


def padding(width: int, height: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Which part of each cell of a map of ``shape`` is padding, for a picture of ``width`` x ``height`` shown whole."""
    longest = max(width, height)
    rows = _inside(shape[0], height / longest)
    columns = _inside(shape[1], width / longest)
    return 1.0 - np.outer(rows, columns)


def border(shape: tuple[int, int], width: float = BORDER) -> NDArray[np.float64]:
    """Which part of each cell lies in the frame whose width is a part of the side."""
    inner = 1.0 - 2.0 * width
    return 1.0 - np.outer(_inside(shape[0], inner), _inside(shape[1], inner))


def look(heat: Floats, part: Floats) -> Look | None:
    """How much of the energy lies on ``part``; None for a map without any energy."""
    energy = float(heat.sum(dtype=np.float64))
    if energy <= 0:
        return None
    return Look(float((heat * part).sum(dtype=np.float64)) / energy, float(part.mean()))


def tally(looks: Sequence[Look]) -> Tally | None:
    """Some pictures together; those whose part is too small are left out, None when none is left."""
    counted = [one for one in looks if one.area >= SMALL]
    much = sum(one.much for one in counted)
    limits = metrics.wilson(much, len(counted))
    if limits is None:
        return None
    energy = float(np.mean([one.energy for one in counted]))
    return Tally(len(counted), much, energy, float(np.mean([one.area for one in counted])), limits)


def _inside(cells: int, share: float) -> NDArray[np.float64]:
    """Which part of each of ``cells`` equal cells lies in the middle ``share`` of a line."""
    edges = np.linspace(0.0, 1.0, cells + 1)
    low, high = (1.0 - share) / 2.0, (1.0 + share) / 2.0
    covered: NDArray[np.float64] = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0, None) * cells
    return covered
