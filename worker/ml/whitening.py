"""ZCA whitening as Keras' ``ImageDataGenerator`` defines it, without a matrix of all pixels times all pixels.

Keras takes the singular values s and directions u of the flattened training pictures, whose channels have mean 0, and
multiplies a picture with ``u sqrt(n) / (s + epsilon) u'``. Here u and s come from the smaller one of two matrices,
pixels times pixels or pictures times pictures, and what is kept is the root r of that product: a picture times r times
r'.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from worker.ml.data import OnDemand, Pictures, let_go, taken

EXACT = 256  # products of so many pairs of bytes have a sum below 2 ** 24: float32 holds it exactly
_NOTHING = 1e-6  # of the largest singular value: what is smaller is rounding, and is left out

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def root(
    pictures: Pictures | OnDemand, indices: NDArray[np.int64], mean: tuple[float, float, float], epsilon: float
) -> Float32:
    """The root of the whitening matrix, (size * size * 3, directions).

    Args:
        pictures: (n, size, size, 3) uint8.
        indices: of those that it is fitted on.
        mean: of each channel of these, on the scale 0 to 1.
        epsilon: what Keras calls ``zca_epsilon``.
    """
    few = taken(pictures, indices[:1])
    width = few[0].size
    middle = np.tile(np.asarray(mean, np.float64), width // 3)
    if len(indices) < width:
        rows = taken(pictures, indices).reshape(len(indices), -1)
        let_go(pictures)
        found = _of_pictures(rows, middle, epsilon)
    else:
        found = _of_pixels(pictures, indices, middle, epsilon)
    return found if found.shape[1] else np.zeros((width, 1), np.float32)  # all pictures are of one colour


def _of_pictures(rows: NDArray[np.uint8], middle: Float64, epsilon: float) -> Float32:
    """From the products of pictures with pictures."""
    products = np.zeros((len(rows), len(rows)))
    for part in _parts(rows.shape[1]):
        some = rows[:, part].astype(np.float32)
        products += some @ some.T
    onto = rows @ (255 * middle)
    products += 255**2 * float(middle @ middle) - onto[:, None] - onto[None, :]
    values, vectors = np.linalg.eigh(products)
    single, factors = _factors(values, len(rows), epsilon)
    kept = single > _NOTHING * single.max()
    mixed = vectors[:, kept] * (np.sqrt(factors[kept]) / single[kept])
    found = np.empty((rows.shape[1], int(kept.sum())), np.float32)
    for part in _parts(rows.shape[1]):
        found[part] = (rows[:, part] / 255 - middle[part]).T @ mixed
    return found


def _of_pixels(pictures: Pictures | OnDemand, indices: NDArray[np.int64], middle: Float64, epsilon: float) -> Float32:
    """From the products of pixels with pixels, in pieces of the pictures."""
    width = len(middle)
    products, total = np.zeros((width, width)), np.zeros(width)
    for part in _parts(len(indices)):
        some = taken(pictures, indices[part]).reshape(-1, width).astype(np.float32)
        let_go(pictures)
        products += some.T @ some
        total += some.sum(axis=0, dtype=np.float64)
    moved = np.outer(255 * middle, total)
    products += len(indices) * 255**2 * np.outer(middle, middle) - moved - moved.T
    values, vectors = np.linalg.eigh(products)
    single, factors = _factors(values, len(indices), epsilon)
    kept = single + epsilon > _NOTHING * single.max()
    found: Float32 = (vectors[:, kept] * np.sqrt(factors[kept])).astype(np.float32)
    return found


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + EXACT) for start in range(0, count, EXACT))


def _factors(values: Float64, count: int, epsilon: float) -> tuple[Float64, Float64]:
    """Singular values on the scale 0 to 1, and what Keras multiplies their directions with."""
    single = np.sqrt(np.maximum(values, 0)) / 255
    return single, np.sqrt(count) / np.maximum(single + epsilon, np.finfo(np.float32).tiny)
