"""How pixels are brought to the scale of a network, as Keras' ``ImageDataGenerator`` does; what is fitted for it."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.domain.recipe import Recipe
from app.domain.recipe_fields import OF_ALL, ZCA
from worker.ml import samplewise, whitening
from worker.ml.data import OnDemand, Pictures, let_go

_CHUNK = 256
_PIECE_BYTES = 2**20  # of pictures whose numbers are held as float64 at a time
Affine = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel on the scale 0 to 1, of the training part of one fold.

    Where something is done with each picture first, they are of the pictures after that.

    ``root``: (pixels, directions) float32, see ``whitening.root``; None where pictures are not whitened.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    root: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


def fit(recipe: Recipe, pictures: Pictures | OnDemand, indices: NDArray[np.int64]) -> Statistics | None:
    """What ``recipe`` needs to know of the pictures at ``indices``; None where it needs nothing.

    Only those are read, so that nothing of the validation part leaks into the training.
    """
    if not recipe.fitted_step:
        return None
    first = recipe.sample_step
    found = _after(first, pictures, indices) if first else statistics(pictures, indices)
    if recipe.fitted_step != ZCA:
        return found
    return replace(found, root=whitening.root(pictures, indices, found.mean, recipe.zca_epsilon, first))


def statistics(pictures: Pictures | OnDemand, indices: NDArray[np.int64]) -> Statistics:
    """Mean and deviation of the pictures at ``indices``."""
    total, squares, pixels = np.zeros(3), np.zeros(3), 0
    for start in range(0, len(indices), _CHUNK):
        part = pictures[indices[start : start + _CHUNK]].reshape(-1, 3)
        counts = [np.bincount(part[:, channel], minlength=256) for channel in range(3)]
        levels = np.arange(256) / 255
        total += [float(count @ levels) for count in counts]
        squares += [float(count @ levels**2) for count in counts]
        pixels += len(part)
        let_go(pictures)
    return _of_sums(total, squares, pixels)


def _after(step: str, pictures: Pictures | OnDemand, indices: NDArray[np.int64]) -> Statistics:
    """The same of the pictures after ``samplewise.fitted``, a megabyte at a time."""
    total, squares, pixels = np.zeros(3), np.zeros(3), 0
    some = max(1, _PIECE_BYTES // max(pictures[indices[:1]].size, 1))
    for start in range(0, len(indices), some):
        part = samplewise.fitted(pictures[indices[start : start + some]], step).reshape(-1, 3)
        total += part.sum(axis=0)
        squares += (part**2).sum(axis=0)
        pixels += len(part)
        let_go(pictures)
    return _of_sums(total, squares, pixels)


def _of_sums(total: NDArray[np.float64], squares: NDArray[np.float64], pixels: int) -> Statistics:
    mean = total / max(pixels, 1)
    std = np.sqrt(np.maximum(squares / max(pixels, 1) - mean**2, 0))
    return Statistics((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def scale_offset(recipe: Recipe, fitted: Statistics | None) -> Affine:
    """Factor and summand (3,) for pixels 0 to 255; what is done with each picture comes on top, see ``Network``."""
    scale, offset = np.full(3, 1 / 255), np.zeros(3)
    if recipe.scale == "none":
        scale = np.ones(3)
    elif recipe.scale == "center":
        scale, offset = np.full(3, 1 / 127.5), np.full(3, -1.0)
    elif recipe.scale in OF_ALL and fitted is not None:
        divisor = _divisor(recipe, fitted)
        scale, offset = scale / divisor, -np.array(fitted.mean) / divisor
    return scale.astype(np.float32), offset.astype(np.float32)


def by_all(recipe: Recipe, fitted: Statistics | None) -> Affine:
    """Factor and summand (3,) for what ``samplewise.applied`` gives, where a fitted step follows it."""
    if fitted is None:
        return np.ones(3, np.float32), np.zeros(3, np.float32)
    divisor = _divisor(recipe, fitted)
    return (1 / divisor).astype(np.float32), (-np.array(fitted.mean) / divisor).astype(np.float32)


def _divisor(recipe: Recipe, fitted: Statistics) -> NDArray[np.float64]:
    return np.array(fitted.std) + samplewise.AGAINST_ZERO if recipe.fitted_step == "featurewise" else np.ones(3)
