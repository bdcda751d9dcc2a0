"""ZCA whitening as Keras' ``ImageDataGenerator`` defines it, without a matrix of all pixels times all pixels.

Keras takes the singular values s and directions u of the flattened training pictures, whose channels have mean 0, and
multiplies a picture with ``u sqrt(n) / (s + epsilon) u'``. Here u and s come from the smaller one of two matrices,
pixels times pixels or pictures times pictures, and what is kept is the root r of that product: a picture times r times
r'.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.ml import samplewise
from worker.ml.data import OnDemand, Pictures, let_go, taken

EXACT = 256  # products of so many pairs of bytes have a sum below 2 ** 24: float32 holds it exactly
AT_ONCE = 16  # pictures whose numbers are held as float64
_NOTHING = 1e-6  # of the largest singular value: what is smaller is rounding, and is left out

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Rows = NDArray[np.uint8] | NDArray[np.float32]


def root(
    pictures: Pictures | OnDemand,
    indices: NDArray[np.int64],
    mean: tuple[float, float, float],
    epsilon: float,
    first: str = "",
) -> Float32:
    """The root of the whitening matrix, (size * size * 3, directions).

    Args:
        pictures: (n, size, size, 3) uint8.
        indices: of those that it is fitted on.
        mean: of each channel of these, on the scale 0 to 1.
        epsilon: what Keras calls ``zca_epsilon``.
        first: what is done with each picture before, a step of ``samplewise``; "" for nothing.
    """
    few = taken(pictures, indices[:1])
    width = few[0].size
    middle = np.tile(np.asarray(mean, np.float64), width // 3)
    if len(indices) < width:
        rows = _rows(pictures, indices, first)
        found = _of_pictures(rows, middle, epsilon)
    else:
        parts = (_rows(pictures, indices[part], first) for part in _parts(len(indices)))
        found = _of_pixels(parts, middle, epsilon)
    return found if found.shape[1] else np.zeros((width, 1), np.float32)  # all pictures are of one colour


def _rows(pictures: Pictures | OnDemand, indices: NDArray[np.int64], first: str) -> Rows:
    """The pictures as rows of numbers: bytes, or float32 where something is done with each picture first."""
    if not first:
        rows: Rows = taken(pictures, indices).reshape(len(indices), -1)
        let_go(pictures)
        return rows
    pieces = (taken(pictures, indices[part]) for part in _parts(len(indices), AT_ONCE))
    some = [samplewise.fitted(piece, first).astype(np.float32) for piece in pieces]
    let_go(pictures)
    return np.concatenate(some).reshape(len(indices), -1)


def _unit(rows: Rows) -> tuple[int, type[np.floating[Any]]]:
    """What stands for 1 in ``rows``, and the numbers in which ``EXACT`` products of them lose nothing that counts."""
    return (255, np.float32) if rows.dtype == np.uint8 else (1, np.float64)


def _of_pictures(rows: Rows, middle: Float64, epsilon: float) -> Float32:
    """From the products of pictures with pictures."""
    unit, exact = _unit(rows)
    products = np.zeros((len(rows), len(rows)))
    for part in _parts(rows.shape[1]):
        some = rows[:, part].astype(exact)
        products += some @ some.T
    onto = rows @ (unit * middle)
    products += unit**2 * float(middle @ middle) - onto[:, None] - onto[None, :]
    values, vectors = np.linalg.eigh(products)
    single, factors = _factors(values, unit, len(rows), epsilon)
    kept = single > _NOTHING * single.max()
    mixed = vectors[:, kept] * (np.sqrt(factors[kept]) / single[kept])
    found = np.empty((rows.shape[1], int(kept.sum())), np.float32)
    for part in _parts(rows.shape[1]):
        found[part] = (rows[:, part] / unit - middle[part]).T @ mixed
    return found


def _of_pixels(parts: Iterator[Rows], middle: Float64, epsilon: float) -> Float32:
    """From the products of pixels with pixels, in pieces of the pictures."""
    width, count, unit = len(middle), 0, 1
    products, total = np.zeros((width, width)), np.zeros(width)
    for rows in parts:
        unit, exact = _unit(rows)
        some = rows.astype(exact)
        products += some.T @ some
        total += some.sum(axis=0, dtype=np.float64)
        count += len(rows)
    moved = np.outer(unit * middle, total)
    products += count * unit**2 * np.outer(middle, middle) - moved - moved.T
    values, vectors = np.linalg.eigh(products)
    single, factors = _factors(values, unit, count, epsilon)
    kept = single + epsilon > _NOTHING * single.max()
    found: Float32 = (vectors[:, kept] * np.sqrt(factors[kept])).astype(np.float32)
    return found


def _parts(count: int, size: int = EXACT) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def _factors(values: Float64, unit: int, count: int, epsilon: float) -> tuple[Float64, Float64]:
    """Singular values where ``unit`` stands for 1, and what Keras multiplies their directions with."""
    single = np.sqrt(np.maximum(values, 0)) / unit
    return single, np.sqrt(count) / np.maximum(single + epsilon, np.finfo(np.float32).tiny)
