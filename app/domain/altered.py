"""What became of a network's answers when its pictures were changed: pure functions of labels and probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import metrics
from app.domain.metrics import Interval
from app.domain.stats import exact

MOST_LISTED = 60
Ints = NDArray[np.integer]
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Effect:
    """Some pictures before and after a change.

    Attributes:
        count: pictures.
        changed: other answers than before; ``interval`` is that of their share.
        gained: wrong before and right after. lost: right before and wrong after.
        p: of McNemar's exact test of ``gained`` against ``lost``.
        right: right answers before.
        fall: mean change of the probability of the former answer, 0 to -1 mostly; ``fall_interval`` 95 %.
        truth: mean change of the probability of the label; ``truth_interval`` 95 %.
        listed: (place, former answer, new answer, its probability before and after), other answers first, then by
            how far the probability of the former answer changed.
    """

    count: int
    changed: int
    interval: Interval
    gained: int
    lost: int
    p: float
    right: int
    fall: float
    fall_interval: Interval
    truth: float
    truth_interval: Interval
    listed: Sequence[tuple[int, int, int, float, float]]

    @property
    def proven(self) -> bool:
        """True when the change surely makes the network better or worse."""
        return self.p < exact.LEVEL


def effect(labels: Ints, before: Floats, after: Floats) -> Effect | None:
    """Compare probabilities (n, classes) of the same pictures; None without pictures.

    The intervals of the means are those of the normal distribution.
    """
    interval = metrics.wilson(0, len(labels))
    if interval is None:
        return None
    rows = np.arange(len(labels))
    said, says = before.argmax(axis=1), after.argmax(axis=1)
    other = said != says
    fall = (after[rows, said] - before[rows, said]).astype(float)
    truth = (after[rows, labels] - before[rows, labels]).astype(float)
    gained = int(((said != labels) & (says == labels)).sum())
    lost = int(((said == labels) & (says != labels)).sum())
    order = np.lexsort((rows, -np.abs(fall), ~other))[:MOST_LISTED].tolist()
    return Effect(
        count=len(labels),
        changed=int(other.sum()),
        interval=metrics.wilson(int(other.sum()), len(labels)) or interval,
        gained=gained,
        lost=lost,
        p=exact.mcnemar(gained, lost),
        right=int((said == labels).sum()),
        fall=float(fall.mean()),
        fall_interval=_mean_interval(fall),
        truth=float(truth.mean()),
        truth_interval=_mean_interval(truth),
        listed=[
            (at, int(said[at]), int(says[at]), float(before[at, said[at]]), float(after[at, said[at]])) for at in order
        ],
    )


def to_json(found: Effect, ids: Ints) -> dict[str, Any]:
    """For a row of the database; places become the ids of the pictures."""
    return {
        "count": found.count,
        "changed": found.changed,
        "low": found.interval.low,
        "high": found.interval.high,
        "gained": found.gained,
        "lost": found.lost,
        "p": found.p,
        "right": found.right,
        "fall": [found.fall, found.fall_interval.low, found.fall_interval.high],
        "truth": [found.truth, found.truth_interval.low, found.truth_interval.high],
        "listed": [[int(ids[at]), *rest] for at, *rest in found.listed],
    }


def _mean_interval(values: Floats) -> Interval:
    mean = float(values.mean())
    half = metrics.Z_95 * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Interval(mean - half, mean + half)
