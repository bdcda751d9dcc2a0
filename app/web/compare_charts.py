"""The validation curves of several runs in one chart; of a K-fold run the mean over its folds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from app.services.progress import EpochRow
from app.web import charts
from app.web.charts import Chart


def overlaid(rows: Sequence[Sequence[EpochRow]], metric: str) -> Chart:
    """One line of "loss" or "accuracy" for each run; ``fold`` of a line is the place of its run."""
    means = [row for place, own in enumerate(rows) for row in _mean(own, place)]
    best = {place: epoch for place in range(len(rows)) if (epoch := _best(means, place, metric)) is not None}
    chart = charts.curves(means, metric, best)
    lines = [line for line in chart.lines if line.kind == "validation" and line.fold is not None]
    return replace(chart, lines=lines, bands=[])


def _mean(rows: Sequence[EpochRow], place: int) -> list[EpochRow]:
    """The epochs of a run as if it had one model, numbered ``place``: training values are left at the validation's."""
    found: dict[int, list[EpochRow]] = defaultdict(list)
    for row in rows:
        found[row.epoch].append(row)
    return [_row(own, place, epoch) for epoch, own in sorted(found.items())]


def _row(rows: Sequence[EpochRow], place: int, epoch: int) -> EpochRow:
    loss, accuracy = _known(row.val_loss for row in rows), _known(row.val_accuracy for row in rows)
    return replace(
        rows[0],
        fold=place,
        epoch=epoch,
        loss=math.nan if loss is None else loss,
        accuracy=math.nan if accuracy is None else accuracy,
        val_loss=loss,
        val_accuracy=accuracy,
    )


def _known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return fmean(known) if known else None


def _best(rows: Sequence[EpochRow], place: int, metric: str) -> int | None:
    """The epoch with the lowest loss or the highest accuracy of the mean curve."""
    known = [
        (row.val_loss if metric == "loss" else -row.val_accuracy, row.epoch)
        for row in rows
        if row.fold == place and row.val_loss is not None and row.val_accuracy is not None
    ]
    return min(known)[1] if known else None
