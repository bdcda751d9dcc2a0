"""MixUp and CutMix: each picture of a batch is mixed with the one before it, and its label likewise.

MixUp (Zhang and others 2017) adds both with weights that sum to 1; CutMix (Yun and others 2019) lays a rectangle of the
other upon it. Where a recipe has both, each picture gets one of them by chance.
"""

import numpy as np
from numpy.typing import NDArray

from app.domain.augment_pixels import within
from app.domain.recipe import Augmentation

Float32 = NDArray[np.float32]

# Columns of a row of draws: weight of the own pixels; left, top, right and bottom of what comes from the other; weight
# of the own label.
PIXELS, RECTANGLE, LABEL = 0, slice(1, 5), 5
COLUMNS = 6


def draw(spec: Augmentation, n: int, size: int, rng: np.random.Generator) -> Float32:
    """(n, COLUMNS) float32; nothing is mixed where the recipe does not say so, and no random number taken."""
    drawn = np.zeros((n, COLUMNS), np.float32)
    drawn[:, [PIXELS, LABEL]] = 1.0
    cut = np.full(n, bool(spec.cutmix))
    if spec.mixup and spec.cutmix:
        cut = rng.random(n) < 0.5
    if spec.mixup:
        weight = rng.beta(spec.mixup, spec.mixup, n)
        drawn[~cut, PIXELS] = drawn[~cut, LABEL] = weight[~cut]
    if spec.cutmix:
        rectangles = _rectangles(rng.beta(spec.cutmix, spec.cutmix, n), size, rng)
        taken = (rectangles[:, 2] - rectangles[:, 0]) * (rectangles[:, 3] - rectangles[:, 1]) / (size * size)
        drawn[cut, RECTANGLE], drawn[cut, LABEL] = rectangles[cut], 1 - taken[cut]
    return drawn


def _rectangles(kept: NDArray[np.float64], size: int, rng: np.random.Generator) -> Float32:
    """Squares of the area ``1 - kept`` around a point anywhere in the picture, cut at its border."""
    half = size * np.sqrt(1 - kept) / 2
    middle = rng.uniform(0, size, (2, len(kept)))
    low, high = np.rint(np.clip(middle - half, 0, size)), np.rint(np.clip(middle + half, 0, size))
    return np.concatenate([low.T, high.T], axis=1).astype(np.float32)


def apply(pictures: Float32, others: Float32, drawn: Float32) -> Float32:
    """The mixed pictures; NumPy's side of ``worker.ml.pixels.mixed``.

    Args:
        pictures, others: (n, size, size, 3) float32.
        drawn: (n, COLUMNS), see ``draw``.
    """
    weight = drawn[:, PIXELS, None, None, None]
    inside = within(drawn[:, RECTANGLE], pictures.shape[1])[..., None]
    return np.where(inside, others, pictures * weight + others * (1 - weight))
