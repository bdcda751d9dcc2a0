"""Geometry of the curve of a search for a learning rate: the rate as powers of ten, the loss as it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain import rate_search
from app.domain.rate_search import Found
from app.web.charts import Tick

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 44
MARGIN = 1.3  # the chart reaches so many times above the loss of the first steps
_BEGIN = 10  # steps of which the highest smoothed loss counts as the beginning


@dataclass(frozen=True)
class Mark:
    """A rate that is read off the curve."""

    x: float
    y: float
    kind: str  # "steepest", "tenth" or "lowest"


@dataclass(frozen=True)
class RateChart:
    """Points of two polylines (each loss, and the smoothed ones), the grid, and what was found."""

    raw: str
    smooth: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    marks: Sequence[Mark]


def draw(rates: Sequence[float], losses: Sequence[float], found: Found | None) -> RateChart | None:
    """The chart, None below two steps; losses that leave it at the top are drawn at its edge."""
    if len(losses) < 2:
        return None
    smooth = rate_search.smoothed(losses)
    high = max(float(smooth[:_BEGIN].max()) * MARGIN, float(smooth.min()) * MARGIN, 1e-9)
    low = min(0.0, float(smooth.min()))
    decades = math.log10(rate_search.HIGH / rate_search.LOW)

    def x(rate: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(rate / rate_search.LOW) / decades

    def y(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (min(max(loss, low), high) - low) / (high - low))

    def line(values: Sequence[float]) -> str:
        return " ".join(f"{x(rate):.1f},{y(loss):.1f}" for rate, loss in zip(rates, values, strict=True))

    marks = []
    if found is not None:
        at = {"lowest": rates[found.lowest], "steepest": rates[found.steepest], "tenth": rates[found.lowest] / 10}
        heights = np.interp(np.log10(list(at.values())), np.log10(np.asarray(rates)), smooth)
        marks = [
            Mark(round(x(rate), 1), round(y(float(height)), 1), kind)
            for (kind, rate), height in zip(at.items(), heights, strict=True)
        ]
    first = round(math.log10(rate_search.LOW))
    powers = range(first, first + round(decades) + 1)
    step = _nice(high / 4)
    levels = [step * place for place in range(math.floor(high / step) + 1)]
    return RateChart(
        raw=line(losses),
        smooth=line(smooth.tolist()),
        x_ticks=[Tick(round(x(10.0**power), 1), f"{10.0**power:g}") for power in powers],
        y_ticks=[Tick(round(y(level), 1), f"{level:g}") for level in levels],
        marks=marks,
    )


def _nice(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``value``."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(float(f"{step * power:.0e}") for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
