"""A learning rate from one short training in which the rate grows with every step (Smith 2017).

While the rate is far too small the loss stands still, then it falls, and when the rate is too large it rises again.
Two rates are read off the smoothed curve: where it falls most steeply, and a tenth of that at its lowest point. The
smaller one is proposed. Everything here is arithmetic; ``worker.ml.rate_finder`` makes the curve.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOW, HIGH, STEPS = 1e-6, 10.0, 210  # 30 steps for each factor of ten
MEMORY = 0.95  # of the moving average that decides when to stop
TOO_MUCH = 4.0  # times the lowest mean: it diverges
WIDTH = 5.0  # steps, deviation of the smoothing of the finished curve
LEAST_FALL = 0.03  # part of the first loss; a curve that falls less shows nothing
REACH = 100.0  # the steepest point is looked for from a hundredth of the lowest point on
_FIRST = 10  # steps before the training may be stopped, and in the mean with which the curve begins

Float64 = NDArray[np.float64]


def rates(steps: int = STEPS) -> Float64:
    """The rate of each step, growing by the same factor, (steps,)."""
    return np.geomspace(LOW, HIGH, steps)


class Watch:
    """Says when a training in which the rate grows has come to its end.

    It ends when a loss is no number, or when the moving average of the losses is ``TOO_MUCH`` times its lowest value.
    """

    def __init__(self) -> None:
        self._sum, self._weight, self._lowest, self._count = 0.0, 0.0, math.inf, 0

    def ended(self, loss: float) -> bool:
        """True when the loss of this step shows that the training diverges."""
        if not math.isfinite(loss):
            return True
        self._sum = MEMORY * self._sum + (1 - MEMORY) * loss
        self._weight = MEMORY * self._weight + (1 - MEMORY)
        self._count += 1
        mean = self._sum / self._weight
        self._lowest = min(self._lowest, mean)
        return self._count > _FIRST and mean > TOO_MUCH * self._lowest


@dataclass(frozen=True)
class Found:
    """What the curve says.

    Attributes:
        smooth: (steps,) the smoothed losses.
        lowest: place of the lowest point; ``steepest``: of the steepest fall before it.
        at_steepest, tenth: the two rates, rounded to two digits; ``proposed``: the smaller one.
    """

    smooth: Float64
    lowest: int
    steepest: int
    at_steepest: float
    tenth: float

    @property
    def proposed(self) -> float:
        """The smaller of the two rates."""
        return min(self.at_steepest, self.tenth)


def smoothed(losses: Sequence[float] | Float64) -> Float64:
    """Means weighted by a bell curve over the steps around each; unlike a moving average it does not lag behind."""
    values = np.asarray(losses, np.float64)
    reach = int(3 * WIDTH)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / WIDTH) ** 2)
    total = np.convolve(values, weights, "full")[reach : reach + len(values)]
    return np.asarray(total / np.convolve(np.ones(len(values)), weights, "full")[reach : reach + len(values)])


def find(used: Sequence[float] | Float64, losses: Sequence[float] | Float64) -> Found | None:
    """The rates that a curve proposes, None when the loss does not fall enough to tell.

    Args:
        used: (steps,) rates, growing by the same factor.
        losses: (steps,) mean loss of each step, without the step that diverged.
    """
    if len(losses) < 2 * _FIRST:
        return None
    smooth, grown = smoothed(losses), np.asarray(used, np.float64)
    lowest = int(smooth.argmin())
    first = float(smooth[:_FIRST].mean())
    if lowest < 2 or first - smooth[lowest] < LEAST_FALL * first:
        return None
    slope = np.gradient(smooth, np.log10(grown))
    begin = int(np.searchsorted(grown, grown[lowest] / REACH))
    steepest = begin + int(slope[begin : lowest + 1].argmin())
    return Found(smooth, lowest, steepest, two_digits(grown[steepest]), two_digits(grown[lowest] / 10))


def two_digits(rate: float) -> float:
    """``rate`` with two digits: more would only pretend to be exact."""
    return float(f"{rate:.1e}")
