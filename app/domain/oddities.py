"""Single pictures that are unlike the others: dark, bright, blurred, plain, of an odd size, or odd for their class.

A picture is dark, bright, blurred or plain only if it is so by a fixed measure *and* apart from the other pictures of
the project: slides of a fluorescence microscope are all dark, and none of them deserves a warning.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FAR = 4.0  # deviations from the median, of a kind that outliers do not widen
OUTLIER = 5.0
SMALLEST_CLASS = 12  # members below which nothing can be said of what is usual in a class


def far_away(values: Floats) -> Floats:
    """How many deviations each value lies from the median, with its sign; by the median deviation, shape (n,).

    Where more than half of the values are equal the mean deviation stands in; where all are equal, all are 0.
    """
    if not len(values):
        return values
    apart = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(apart))) or 1.2533 * float(np.abs(apart).mean())
    return apart / spread if spread else np.zeros_like(values)


def flagged(facts: Mapping[str, Floats]) -> dict[str, Floats]:
    """What is odd, by kind: how odd each picture is, 0 for one that is not, shape (n,).

    Args:
        facts: ``brightness``, ``contrast``, ``sharpness``, ``entropy`` (see ``picture_facts``), ``width`` and
            ``height``; each of shape (n,).
    """
    bright, sharp = facts["brightness"], np.log(np.maximum(facts["sharpness"], 1e-3))
    away = far_away(bright)
    plain = (facts["entropy"] < 2.0) | (facts["contrast"] < 0.02)
    blur = far_away(sharp)
    area = np.log(facts["width"] * facts["height"])
    shape = np.log(facts["width"] / facts["height"])
    size = np.maximum(_apart(area, np.log(4.0)), _apart(shape, np.log(2.0)))
    soft = (blur < -FAR) | (facts["sharpness"] < 0.4 * np.median(facts["sharpness"]))
    blurred = (facts["sharpness"] < 0.2) & soft
    dark = ((bright < 0.25) & (away < -FAR)) | (bright < 0.04)
    light = ((bright > 0.75) & (away > FAR)) | (bright > 0.97)
    plain &= ~dark & ~light  # nothing can be seen on these either, and one word is enough
    return {
        "dark": np.where(dark, np.maximum(-away, 1.0), 0.0),
        "bright": np.where(light, np.maximum(away, 1.0), 0.0),
        "blurred": np.where(blurred & ~plain, np.maximum(-blur, 1.0), 0.0),
        "plain": np.where(plain & (far_away(facts["entropy"]) < -2), 8.0 - facts["entropy"], 0.0),
        "odd_size": size,
    }


def _apart(values: Floats, limit: float) -> Floats:
    """Distance from the median where it is beyond the limit and beyond what nine of ten pictures have, else 0."""
    apart = np.abs(values - np.median(values))
    return np.where(apart > max(limit, 1.5 * float(np.quantile(apart, 0.9))), apart, 0.0)


def outliers(table: Floats, labels: NDArray[np.int64]) -> Floats:
    """How unlike its own class each picture is, 0 for one that is not far off, shape (n,).

    The distance (Mahalanobis, with the covariance of the middle part of the class, shrunk to its diagonal) is compared
    with those of the same class.

    Args:
        table: facts, shape (n, k); columns of any scale.
        labels: class of each picture, -1 without one.
    """
    found = np.zeros(len(table))
    for label in np.unique(labels[labels >= 0]).tolist():
        members = np.flatnonzero(labels == label)
        if len(members) >= SMALLEST_CLASS:
            away = far_away(np.log1p(_distances(table[members])))
            found[members] = np.where(away > OUTLIER, away, 0.0)
    return found


def _distances(rows: Floats) -> Floats:
    scaled = np.stack([far_away(column) for column in rows.T], axis=1)
    middle = scaled[np.argsort((scaled**2).sum(axis=1))[: max(len(rows) * 3 // 4, 2)]]
    spread = np.cov(middle, rowvar=False)
    shrunk = 0.7 * spread + 0.3 * np.diag(np.diag(spread)) + 0.05 * np.eye(len(spread))
    centred = scaled - middle.mean(axis=0)
    found: Floats = np.sqrt(np.einsum("ij,jk,ik->i", centred, np.linalg.inv(shrunk), centred))
    return found
