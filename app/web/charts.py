"""Geometry of the charts that are drawn as SVG on the server: for print, without JavaScript, and as sparklines.

Only numbers come out of here; the SVG itself is in templates/_macros/charts.html. The live charts are drawn by
static/js/curves.js from the same rows.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from app.services.progress import EpochRow

WIDTH, HEIGHT = 640, 260
FIRST_EPOCHS = 2  # epochs that do not decide how high the loss chart reaches, ...
OVERSHOOT = 1.5  # ... beyond so many times the largest later value
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 10, 30


@dataclass(frozen=True)
class Line:
    """One curve. ``kind`` is "train" or "validation"; ``weight`` is "mean" or "fold"."""

    kind: str
    weight: str
    fold: int | None
    points: str  # of an SVG polyline


@dataclass(frozen=True)
class Tick:
    """A line of the grid with its number."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """The best epoch of a fold."""

    x: float
    y: float
    fold: int
    epoch: int


@dataclass(frozen=True)
class Chart:
    """Everything one chart is made of, in the coordinates of a WIDTH x HEIGHT picture."""

    metric: str
    lines: list[Line] = field(default_factory=list)
    bands: list[Line] = field(default_factory=list)  # closed: mean + sd there, mean - sd back
    marks: list[Mark] = field(default_factory=list)
    x_ticks: list[Tick] = field(default_factory=list)
    y_ticks: list[Tick] = field(default_factory=list)
    stages: list[float] = field(default_factory=list)  # x of the lines between two stages


def sparkline(values: Iterable[float | None], width: int = 96, height: int = 24) -> str:
    """The points of a polyline through ``values``, stretched over ``width`` x ``height``; "" below two values."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    reach = (high - low) or 1.0
    step = (width - 4) / (len(known) - 1)
    return _points(
        (2 + place * step, 2 + (height - 4) * (1 - (value - low) / reach)) for place, value in enumerate(known)
    )


def curves(rows: Sequence[EpochRow], metric: str, best: Mapping[int, int], stages: Sequence[int] = ()) -> Chart:
    """Learning curves of "loss" or "accuracy".

    Args:
        rows: the epochs of all folds.
        best: fold -> its best epoch, marked on the validation curve.
        stages: epochs in which a later stage of the training begins.
    """
    series = {
        kind: {fold: _series(rows, fold, name) for fold in sorted({row.fold for row in rows})}
        for kind, name in (("train", metric), ("validation", f"val_{metric}"))
    }
    points = [point for folds in series.values() for line in folds.values() for point in line.items()]
    if not points:
        return Chart(metric)
    last = max(row.epoch for row in rows)
    scale = _Scale(last, *_limits(points, metric))
    chart = Chart(metric, x_ticks=scale.x_ticks(), y_ticks=scale.y_ticks())
    chart.stages.extend(round(scale.x(epoch - 0.5), 1) for epoch in stages)
    for kind, folds in series.items():
        _draw(chart, scale, kind, folds)
    for fold, epoch in best.items():
        value = series["validation"].get(fold, {}).get(epoch)
        if value is not None:
            chart.marks.append(Mark(round(scale.x(epoch), 1), round(scale.y(value), 1), fold, epoch))
    return chart


def _series(rows: Sequence[EpochRow], fold: int, name: str) -> dict[int, float]:
    values = {row.epoch: getattr(row, name) for row in rows if row.fold == fold}
    return {epoch: value for epoch, value in sorted(values.items()) if value is not None and math.isfinite(value)}


def _draw(chart: Chart, scale: "_Scale", kind: str, folds: Mapping[int, Mapping[int, float]]) -> None:
    many = len(folds) > 1
    for fold, line in folds.items():
        if line:
            chart.lines.append(Line(kind, "fold" if many else "mean", fold, scale.polyline(line.items())))
    if not many:
        return
    epochs = sorted({epoch for line in folds.values() for epoch in line})
    at = {epoch: [line[epoch] for line in folds.values() if epoch in line] for epoch in epochs}
    mean = {epoch: fmean(values) for epoch, values in at.items()}
    if mean:
        chart.lines.append(Line(kind, "mean", None, scale.polyline(mean.items())))
    spread = {epoch: stdev(values) for epoch, values in at.items() if len(values) > 1}
    if kind == "validation" and len(spread) > 1:
        there = [(epoch, mean[epoch] + sd) for epoch, sd in spread.items()]
        back = [(epoch, mean[epoch] - sd) for epoch, sd in reversed(spread.items())]
        chart.bands.append(Line(kind, "band", None, scale.polyline([*there, *back])))


def _limits(points: Sequence[tuple[int, float]], metric: str) -> tuple[float, float]:
    low, high = min(value for _, value in points), max(value for _, value in points)
    if metric == "accuracy":
        return (max(min(low, 0.9), 0.0), 1.0)
    # The first epochs may begin so high that nothing else could be seen; their curve then leaves the chart at the top.
    later = [value for epoch, value in points if epoch > FIRST_EPOCHS]
    if later:
        high = min(high, OVERSHOOT * max(later))
    return (min(0.0, low), high * 1.05 or 1.0)


@dataclass(frozen=True)
class _Scale:
    last: int
    low: float
    high: float

    def x(self, epoch: float) -> float:
        reach = max(self.last - 1, 1)
        return LEFT + (WIDTH - LEFT - RIGHT) * (epoch - 1) / reach

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)

    def polyline(self, points: Iterable[tuple[float, float]]) -> str:
        return _points((self.x(epoch), self.y(value)) for epoch, value in points)

    def x_ticks(self) -> list[Tick]:
        step = max(_nice(self.last / 8), 1)
        marks = [1, *range(int(step), self.last + 1, int(step))] if step > 1 else range(1, self.last + 1)
        return [Tick(round(self.x(epoch), 1), str(epoch)) for epoch in marks]

    def y_ticks(self) -> list[Tick]:
        step = _nice((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        marks = [place * step for place in range(first, math.floor(self.high / step + 1e-9) + 1)]
        digits = max(0, -math.floor(math.log10(step)))
        return [Tick(round(self.y(value), 1), f"{value:.{digits}f}") for value in marks]


def _nice(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``value``."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
