"""Random changes of what the pixels show, after a picture has been moved: draws, and NumPy's side of them.

``worker.ml.pixels`` computes the same in the training's kernel; a test compares both. In their order:

* channel shift and brightness, as Keras' ``ImageDataGenerator`` does them;
* contrast: away from the mean of the picture, or towards it;
* blur: Gaussian, with the edge repeated beyond the border;
* noise: Gaussian, independent for each value; a counter-based generator (the finaliser of MurmurHash3 and the
  transform of Box and Muller), so that both sides draw the same numbers from one seed for each picture;
* erasing: a rectangle in the mean colour of the picture (Zhong and others 2017).
"""

import math

import numpy as np
from numpy.typing import NDArray

from app.domain.recipe import Augmentation

Float32 = NDArray[np.float32]
UInt32 = NDArray[np.uint32]

# Columns of a row of draws; the last four are left, top, right and bottom of the erased rectangle in pixels.
CHANNEL_SHIFT, BRIGHTNESS, CONTRAST, BLUR, NOISE, NOISE_SEED, ERASED = range(7)
COLUMNS = ERASED + 4
ERASED_AREA, ERASED_RATIO = (0.02, 0.25), (0.3, 1 / 0.3)  # of the picture; height to width
LEAST_BLUR = 0.05  # deviation in pixels below which nothing is seen


def radius(spec: Augmentation) -> int:
    """Pixels to each side that the strongest blur looks at."""
    return math.ceil(3 * spec.blur)


def draw(spec: Augmentation, n: int, size: int, rng: np.random.Generator) -> Float32:
    """(n, COLUMNS) float32; what is switched off takes no random number."""
    drawn = np.zeros((n, COLUMNS), np.float32)
    drawn[:, CHANNEL_SHIFT] = rng.uniform(-spec.channel_shift, spec.channel_shift, n)
    drawn[:, BRIGHTNESS] = rng.uniform(spec.brightness_low, spec.brightness_high, n)
    drawn[:, CONTRAST] = 1.0
    if (spec.contrast_low, spec.contrast_high) != (1.0, 1.0):
        drawn[:, CONTRAST] = rng.uniform(spec.contrast_low, spec.contrast_high, n)
    if spec.blur:
        drawn[:, BLUR] = rng.uniform(0, spec.blur, n)
    if spec.noise:
        drawn[:, NOISE] = rng.uniform(0, spec.noise, n)
        drawn[:, NOISE_SEED] = rng.integers(0, 2**24, n)
    if spec.erase:
        drawn[:, ERASED:] = _rectangles(n, size, rng) * (rng.random(n) < spec.erase)[:, None]
    return drawn


def _rectangles(n: int, size: int, rng: np.random.Generator) -> Float32:
    area = rng.uniform(*ERASED_AREA, n) * size * size
    ratio = np.exp(rng.uniform(math.log(ERASED_RATIO[0]), math.log(ERASED_RATIO[1]), n))
    width, height = np.minimum(np.sqrt(area / ratio), size), np.minimum(np.sqrt(area * ratio), size)
    left, top = rng.uniform(0, size - width), rng.uniform(0, size - height)
    corners: Float32 = np.stack([left, top, left + width, top + height], axis=1).astype(np.float32)
    return np.rint(corners)


def apply(changed: Float32, spec: Augmentation, drawn: Float32) -> Float32:
    """The pictures after the drawn changes.

    Args:
        changed: (n, size, size, 3) float32 between 0 and 255.
        spec: which changes there are.
        drawn: (n, COLUMNS), see ``draw``.
    """
    rows = drawn[:, :, None, None, None]
    if spec.channel_shift:
        low, high = (limit(changed, axis=(1, 2, 3), keepdims=True) for limit in (np.min, np.max))
        changed = np.clip(changed + rows[:, CHANNEL_SHIFT], low, high)
    if (spec.brightness_low, spec.brightness_high) != (1.0, 1.0):
        # Keras hands the picture to Pillow for this, which works in whole numbers. A factor of 1 is that of a picture
        # of a class whose brightness stays.
        darker = _clip(np.floor(np.floor(changed) * rows[:, BRIGHTNESS]))
        changed = np.where(rows[:, BRIGHTNESS] == 1, changed, darker)
    if (spec.contrast_low, spec.contrast_high) != (1.0, 1.0):
        mean = changed.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        changed = _clip((changed - mean) * rows[:, CONTRAST] + mean)
    if spec.blur:
        changed = _blurred(changed, weights(drawn[:, BLUR], radius(spec)))
    if spec.noise:
        changed = _clip(changed + rows[:, NOISE] * _noise(drawn[:, NOISE_SEED], changed.shape[1]))
    if spec.erase:
        changed = _erased(changed, drawn[:, ERASED:])
    return changed


def _clip(values: Float32) -> Float32:
    return np.clip(values, np.float32(0), np.float32(255))


def weights(deviation: Float32, reach: int) -> Float32:
    """Of the pixels from ``-reach`` to ``reach``, (n, 2 reach + 1), for a blur of (n,) pixels."""
    place = np.arange(-reach, reach + 1, dtype=np.float32) / np.maximum(deviation, LEAST_BLUR)[:, None]
    values = np.exp(-0.5 * place * place)
    kernel: Float32 = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    return kernel


def _blurred(pictures: Float32, kernel: Float32) -> Float32:
    size, reach = pictures.shape[1], kernel.shape[1] // 2
    places = np.clip(np.arange(-reach, size + reach), 0, size - 1)
    for axis in (1, 2):
        wide = np.take(pictures, places, axis=axis)
        parts = (np.take(wide, np.arange(k, k + size), axis=axis) for k in range(2 * reach + 1))
        weighted = [kernel[:, k, None, None, None] * part for k, part in enumerate(parts)]
        pictures = np.sum(weighted, axis=0, dtype=np.float32)
    return pictures


def _noise(seeds: Float32, size: int) -> Float32:
    """Normal numbers with mean 0 and deviation 1, (n, size, size, 3)."""
    place = np.arange(size * size * 3, dtype=np.uint32).reshape(1, size, size, 3)
    start = seeds.astype(np.uint32)[:, None, None, None] * np.uint32(0x9E3779B1) + place * np.uint32(2)
    first, second = (_uniform(start + np.uint32(step)) for step in (0, 1))
    normal: Float32 = np.sqrt(-2 * np.log(first)) * np.cos(np.float32(2 * np.pi) * second)
    return normal


def _uniform(counter: UInt32) -> Float32:
    """Between 0 and 1, never one of them."""
    bits = counter ^ (counter >> np.uint32(16))
    bits = bits * np.uint32(0x85EBCA6B)
    bits = bits ^ (bits >> np.uint32(13))
    bits = bits * np.uint32(0xC2B2AE35)
    bits = bits ^ (bits >> np.uint32(16))
    part: Float32 = (bits >> np.uint32(8)).astype(np.float32) * np.float32(2**-24) + np.float32(2**-25)
    return part


def _erased(pictures: Float32, rectangles: Float32) -> Float32:
    inside = within(rectangles, pictures.shape[1])[..., None]
    mean = pictures.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    return np.where(inside, mean, pictures)


def within(rectangles: Float32, size: int) -> NDArray[np.bool_]:
    """(n, size, size): the pixels of (n, 4) rectangles left, top, right, bottom; the last two are outside."""
    place = np.arange(size, dtype=np.float32)
    left, top, right, bottom = (rectangles[:, i, None] for i in range(4))
    columns, rows = (place >= left) & (place < right), (place >= top) & (place < bottom)
    return rows[:, :, None] & columns[:, None, :]
