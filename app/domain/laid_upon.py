"""How alike two sketches are once one is laid upon the other by a small shift and stretch, which undoes a crop.

Gauss-Newton on the brightness, as Lucas and Kanade 1981; what is left of the fine structure then tells copies from
pictures that only look alike.
"""

import numpy as np
from numpy.typing import NDArray

SIZE = 32  # pixels of a side of a sketch
GLANCES, HOPE = 2, 0.75  # steps after which soft pictures of copies agree at least so far
STEPS = 3
STRETCH = 0.2  # the most that a crop may have taken away
Sketches = NDArray[np.uint8]  # (n, 32, 32)
Floats = NDArray[np.float32]
GRID = (np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2) / (SIZE / 2)  # places of the pixels, -1 to 1


def agreement(first: Sketches, second: Sketches) -> Floats:
    """How well the fine structure of pairs agrees once one is laid upon the other, shape (m,), -1 to 1."""
    one, other = _standard(first.astype(np.float32)), _standard(second.astype(np.float32))
    best = _fine_likeness(one, other, np.ones(one.shape, dtype=np.bool_))
    rest = np.flatnonzero(best < 0.95)
    if len(rest):
        best[rest] = np.maximum(best[rest], aligned(one[rest], other[rest]))
    return best


def _standard(values: Floats) -> Floats:
    """Mean 0 and deviation 1 of each: brightness and contrast do not matter."""
    values = values - values.mean(axis=(1, 2), keepdims=True)
    scaled: Floats = values / np.maximum(values.std(axis=(1, 2), keepdims=True), 1e-6)
    return scaled


def aligned(one: Floats, other: Floats) -> Floats:
    """Likeness after shift and stretch (x, y) of ``one`` that fit it best upon ``other``; -1 where there is no hope."""
    likeness = np.full(len(one), -1, dtype=np.float32)
    moves = np.zeros((len(one), 4), dtype=np.float32)  # shift x, shift y, stretch x, stretch y, in half widths
    soft_one, soft_other = _soft(one), _soft(other)
    for _step in range(GLANCES):
        moves = _better(soft_one, soft_other, moves)
    moved, inside, _slopes = _moved(soft_one, moves)
    rest = np.flatnonzero(_correlation(moved * inside, soft_other * inside) >= HOPE)
    if len(rest):
        one, other, moves = one[rest], other[rest], moves[rest]
        moves = _better(soft_one[rest], soft_other[rest], moves)
        for _step in range(STEPS):
            moves = _better(one, other, moves)
        moved, inside, _slopes = _moved(one, moves)
        likeness[rest] = _fine_likeness(moved, other, inside)
    return likeness


def _better(one: Floats, other: Floats, moves: Floats) -> Floats:
    """One step of Gauss and Newton from ``moves`` (m, 4) towards those that lay ``one`` upon ``other``."""
    moved, inside, (slope_x, slope_y) = _moved(one, moves)
    weight = inside.astype(np.float32)
    slopes = np.stack([slope_x, slope_y, slope_x * GRID, slope_y * GRID[:, None]], axis=1) * weight[:, None]
    flat = slopes.reshape(len(one), 4, -1)
    left = ((other - moved) * weight).reshape(len(one), -1, 1)
    normal = flat @ flat.transpose(0, 2, 1) + 0.5 * np.eye(4, dtype=np.float32)
    better: Floats = np.clip(moves + np.linalg.solve(normal, flat @ left)[..., 0], -STRETCH, STRETCH)
    return better


def _moved(values: Floats, moves: Floats) -> tuple[Floats, NDArray[np.bool_], tuple[Floats, Floats]]:
    """``values`` read at the moved places, where those lie inside, and the slopes there (for each half width).

    Shift and stretch keep rows and columns apart, so that reading is a product of matrices from both sides.
    """
    across, in_x = _reading(moves[:, 0:1], moves[:, 2:3])
    down, in_y = _reading(moves[:, 1:2], moves[:, 3:4])
    read = down @ (values @ across.transpose(0, 2, 1))
    slopes = read[:, :SIZE, SIZE:], read[:, SIZE:, :SIZE]
    return read[:, :SIZE, :SIZE], in_y[:, :, None] & in_x[:, None, :], slopes


def _reading(shift: Floats, stretch: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Matrices (m, 2 * SIZE, SIZE) that read a line between its pixels, then its slope; which places lie inside."""
    half = np.float32(SIZE / 2)
    place = (shift + GRID * (1 + stretch)) * half + np.float32((SIZE - 1) / 2)  # (m, SIZE)
    before = np.clip(np.floor(place).astype(np.int64), 0, SIZE - 2)
    share = np.clip(place - before, 0, 1).astype(np.float32)
    matrices = np.zeros((len(place), 2 * SIZE, SIZE), dtype=np.float32)
    pictures, rows = np.arange(len(place))[:, None], np.arange(SIZE)
    matrices[pictures, rows, before], matrices[pictures, rows, before + 1] = 1 - share, share
    matrices[pictures, rows + SIZE, before], matrices[pictures, rows + SIZE, before + 1] = -half, half
    return matrices, (place > -0.5) & (place < SIZE - 0.5)


def _soft(values: Floats) -> Floats:
    """Each value as the mean of its 3 x 3 neighbours."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]
    soft: Floats = (across[:, :-2] + across[:, 1:-1] + across[:, 2:]) / np.float32(9)
    return soft


def _fine_likeness(one: Floats, other: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Correlation of what is left when the soft part is taken off, where both pictures have something to say."""
    first, second = (one - _soft(_soft(one))) * inside, (other - _soft(_soft(other))) * inside
    return _correlation(first, second)


def _correlation(first: Floats, second: Floats) -> Floats:
    """Of (m, 32, 32) whose mean is about 0, shape (m,)."""
    product = (first * second).sum(axis=(1, 2))
    length = np.sqrt((first**2).sum(axis=(1, 2)) * (second**2).sum(axis=(1, 2)))
    found: Floats = product / np.maximum(length, 1e-6)
    return found
