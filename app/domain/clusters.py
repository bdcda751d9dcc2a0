"""Groups of like rows, and the nearest rows of each, quickly and not quite exactly: enough for a picture of them."""

import numpy as np
from numpy.typing import NDArray

TURNS = 8
SAMPLE = 40_000  # rows that centres are moved by
EXACT = 6_000  # up to so many rows all are compared with all
MEMBERS = 400  # rows of a group, about
REACH = 4  # groups that are searched for the neighbours of a row, its own among them
_STEP = 2048

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


def group(rows: Floats, count: int, *, seed: int = 0) -> tuple[Places, Floats]:
    """The group of each row (n,) and the centres (count, width), by k-means from rows drawn at random."""
    rng = np.random.default_rng(seed)
    sample = rows if len(rows) <= SAMPLE else rows[rng.choice(len(rows), SAMPLE, replace=False)]
    count = max(1, min(count, len(sample)))
    centres = sample[rng.choice(len(sample), count, replace=False)].copy()
    for _ in range(TURNS):
        owner = _closest(sample, centres)
        sizes = np.bincount(owner, minlength=count)
        order = np.argsort(owner, kind="stable")
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        filled = sizes > 0
        sums = np.add.reduceat(sample[order], starts[filled], axis=0)
        centres[filled] = sums / sizes[filled, None]
    return _closest(rows, centres), centres


def _closest(rows: Floats, centres: Floats) -> Places:
    half = np.einsum("ij,ij->i", centres, centres) / 2
    found = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _STEP):
        part = slice(start, start + _STEP)
        found[part] = (rows[part] @ centres.T - half).argmax(axis=1)
    return found


def neighbours(rows: Floats, count: int, *, seed: int = 0) -> tuple[Places, Floats]:
    """For each row ``count`` near ones (n, count), itself left out, and their distances (n, count), nearest first."""
    count = min(count, len(rows) - 1)
    places = np.empty((len(rows), count), dtype=np.int64)
    distances = np.empty((len(rows), count), dtype=np.float32)
    squares = np.einsum("ij,ij->i", rows, rows)
    for asked, among in _rounds(rows, seed, count):
        square = squares[asked, None] + squares[None, among] - 2 * (rows[asked] @ rows[among].T)
        square[asked[:, None] == among[None, :]] = np.inf
        near = np.argpartition(square, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(near, np.take_along_axis(square, near, 1).argsort(axis=1, kind="stable"), 1)
        places[asked] = among[near]
        distances[asked] = np.sqrt(np.maximum(np.take_along_axis(square, near, 1), 0))
    return places, distances


def _rounds(rows: Floats, seed: int, count: int) -> list[tuple[Places, Places]]:
    """Which rows are compared with which."""
    everything = np.arange(len(rows))
    if len(rows) <= EXACT:
        return [(everything[start : start + _STEP], everything) for start in range(0, len(rows), _STEP)]
    owner, centres = group(rows, len(rows) // MEMBERS, seed=seed)
    members = [np.flatnonzero(owner == one) for one in range(len(centres))]
    found = []
    for one, asked in enumerate(members):
        near = np.argsort(((centres - centres[one]) ** 2).sum(axis=1), kind="stable")
        reach = REACH
        while sum(len(members[other]) for other in near[:reach]) <= count:
            reach += REACH
        among = np.concatenate([members[other] for other in near[:reach]])
        found += [(asked[start : start + _STEP], among) for start in range(0, len(asked), _STEP)]
    return found
