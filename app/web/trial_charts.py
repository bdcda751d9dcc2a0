"""One small drawing for each setting that a search varies: its values, and what validation says of the trials."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.web.charts import Tick

WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 26


@dataclass(frozen=True)
class Dot:
    """One trial: the later its round, the larger."""

    x: float
    y: float
    radius: float
    best: bool
    run: int
    title: str


@dataclass(frozen=True)
class Plot:
    """The drawing of one setting."""

    label: str
    dots: Sequence[Dot]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]


@dataclass(frozen=True)
class Point:
    """A trial as it is drawn: value of the setting and its name, validation accuracy, round, number of the run."""

    value: Any
    name: str
    accuracy: float
    round: int
    run: int
    best: bool


def plot(label: str, points: Sequence[Point]) -> Plot:
    """One setting; numbers that differ by more than a factor of twenty lie on the scale of their logarithm."""
    numbers = [point.value for point in points]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers):
        places, x_ticks = _of_numbers([float(value) for value in numbers])
    else:
        names = list(dict.fromkeys(point.name for point in points))
        places = [(names.index(point.name) + 0.5) / len(names) for point in points]
        x_ticks = [Tick(round(_x((place + 0.5) / len(names)), 1), name[:12]) for place, name in enumerate(names)]
    low, high = min(point.accuracy for point in points), max(point.accuracy for point in points)
    margin = max((high - low) * 0.1, 0.005)
    low, high = max(low - margin, 0.0), min(high + margin, 1.0)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low)), 1)

    dots = [
        Dot(round(_x(place), 1), y(point.accuracy), 3.5 + point.round, point.best, point.run,
            f"{point.name}: {100 * point.accuracy:.1f} %")
        for place, point in zip(places, points, strict=True)
    ]  # fmt: skip
    marks = [low + (high - low) * part for part in (0.1, 0.5, 0.9)]
    return Plot(
        label, sorted(dots, key=lambda dot: dot.best), x_ticks, [Tick(y(mark), f"{100 * mark:.1f}") for mark in marks]
    )


def _x(place: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * place


def _of_numbers(values: Sequence[float]) -> tuple[list[float], list[Tick]]:
    low, high = min(values), max(values)
    log = low > 0 and high / low > 20
    scaled = [math.log10(value) if log else value for value in values]
    first, reach = min(scaled), (max(scaled) - min(scaled)) or 1.0
    places = [0.04 + 0.92 * (value - first) / reach for value in scaled]
    ends = [(low, places[values.index(low)]), (high, places[values.index(high)])]
    return places, [Tick(round(_x(place), 1), f"{value:.3g}") for value, place in dict(ends).items()]
