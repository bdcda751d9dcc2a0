"""Features of many pictures in few numbers, and exact nearest neighbours by them.

The mean of the project is taken off, because it tells no picture from another, and what is left is brought to length 1,
so that the product of two is their cosine. An orthonormal basis of few directions
keeps most of each; the length of the rest is kept as one number. By Cauchy and Schwarz the true cosine differs from
the product of the few numbers by no more than the product of the two rests, so that only the few pictures that can
still be among the nearest are compared in full, and the answer is exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEATURES = 1280
FEW = 256  # directions that are kept
SPARE = 16  # directions that are iterated beside them, for speed of convergence
TURNS = 12
FEW_PICTURES = 10
SAMPLE = 20_000  # pictures that the directions are found from
STEP = 512  # pictures that are compared in full at once

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Near:
    """Neighbours, nearest first: places in the space (m,) and their cosines (m,)."""

    places: Places
    likeness: Floats


def unit(features: NDArray[np.floating]) -> Floats:
    """Rows of length 1, float32; rows of zeros stay."""
    rows = np.asarray(features, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    lengths[lengths == 0] = 1
    found: Floats = rows / lengths[:, None]
    return found


def centre(features: NDArray[np.floating]) -> Floats:
    """The mean of features (n, width), drawn towards zero where there are few: one picture alone must not vanish."""
    mean: Floats = (features.mean(axis=0, dtype=np.float64) * len(features) / (len(features) + FEW_PICTURES)).astype(
        np.float32
    )
    return mean


def basis(rows: Floats, few: int = FEW) -> Floats:
    """The ``few`` directions that keep most of the rows, (width, few), by iterating on the matrix of second moments.

    Few rows have no more directions than there are rows, and are taken apart at once. The directions are orthonormal
    whatever the rows are; only how much they keep depends on the iteration.
    """
    if len(rows) <= 2 * few:
        turned = np.linalg.svd(rows, full_matrices=False)[2]
        return np.ascontiguousarray(turned[:few].T)
    moments = rows.T @ rows
    start = np.random.default_rng(0).standard_normal((rows.shape[1], min(few + SPARE, rows.shape[1])))
    directions = np.linalg.qr(start.astype(np.float32))[0]
    for _ in range(TURNS):
        directions = np.linalg.qr(moments @ directions)[0]
    _values, turned = np.linalg.eigh(directions.T @ moments @ directions)
    return np.ascontiguousarray(directions @ turned[:, ::-1][:, :few])


def reduce(rows: Floats, directions: Floats) -> tuple[Floats, Floats]:
    """The few numbers of rows of length 1 (n, few), and the length of what they leave out (n,)."""
    few = rows @ directions
    rest = np.sqrt(np.maximum(np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", few, few), 0))
    return few, rest.astype(np.float32)


def nearest(
    few: Floats, rest: Floats, directions: Floats, asked: Floats, full: Callable[[Places], Floats], count: int
) -> Near:
    """The ``count`` rows most like any of the rows asked for, by their true cosines.

    Args:
        few: (n, few), as ``reduce`` gives them.
        rest: (n,).
        directions: (width, few).
        asked: (m, width) rows of length 1.
        full: gives the rows of length 1 (k, width) at some places.
        count: how many to find; rows that are asked for are found too, with a cosine of 1.
    """
    asked_few, asked_rest = reduce(asked, directions)
    most = (few @ asked_few.T + rest[:, None] * asked_rest[None, :]).max(axis=1)
    count = min(count, len(most))
    places, likeness = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    left, step = np.arange(len(most)), max(STEP, 2 * count)
    while len(left):
        now, later = _split(most, left, step)
        likeness = np.concatenate([likeness, (full(now) @ asked.T).max(axis=1)])
        places = np.concatenate([places, now])
        kept = np.argsort(-likeness, kind="stable")[:count]
        places, likeness = places[kept], likeness[kept]
        left = later[most[later] > likeness[-1]] if len(likeness) == count else later
    return Near(places, likeness)


def _split(values: Floats, among: Places, count: int) -> tuple[Places, Places]:
    """The places of the ``count`` largest values, and the others."""
    if len(among) <= count:
        return among, among[:0]
    order = np.argpartition(-values[among], count)
    return among[order[:count]], among[order[count:]]
