"""ROC and precision-recall curves of one class against all others; pure functions of scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 400  # points of a curve that is drawn


@dataclass(frozen=True)
class Curves:
    """Points from the highest threshold down; all arrays have the same length.

    Attributes:
        thresholds: an image is called so from this score on; the first is infinite: nothing is.
        wrongly, found_share: shares of the others and of the class that are called so.
        precision: share of the class among those called so; 1 where nothing is.
    """

    thresholds: NDArray[np.float64]
    wrongly: NDArray[np.float64]
    found_share: NDArray[np.float64]
    precision: NDArray[np.float64]


def curves(scores: NDArray[np.floating], mine: NDArray[np.bool_]) -> Curves | None:
    """All points at which a score changes; images of equal score are taken together. None without one of both."""
    count, others = int(mine.sum()), int((~mine).sum())
    if not count or not others:
        return None
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    last = np.concatenate([np.flatnonzero(np.diff(ranked)), [len(ranked) - 1]])
    hits = np.cumsum(mine[order])[last]
    called = last + 1
    return Curves(
        thresholds=np.concatenate([[np.inf], ranked[last]]),
        wrongly=np.concatenate([[0.0], (called - hits) / others]),
        found_share=np.concatenate([[0.0], hits / count]),
        precision=np.concatenate([[1.0], hits / called]),
    )


def thinned(found: Curves, most: int = MOST) -> Curves:
    """A curve of at most about ``most`` points for drawing: those that move furthest along it."""
    if len(found.found_share) <= most:
        return found
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(found.wrongly)) + np.abs(np.diff(found.found_share)))])
    # Steps of precision are kept too: they lie where the curve has hardly begun.
    way += np.concatenate([[0.0], np.cumsum(np.abs(np.diff(found.precision)))])
    kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most - 2)))
    kept = np.unique(np.concatenate([[0], np.minimum(kept, len(way) - 1), [len(way) - 1]]))
    return Curves(found.thresholds[kept], found.wrongly[kept], found.found_share[kept], found.precision[kept])
