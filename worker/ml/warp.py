"""The training's side of ``app.domain.augment``: warp, colour changes and normalisation as one compiled kernel."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from app.domain.recipe import Augmentation
from worker.ml import pixels


def make_kernel(augmentation: Augmentation, size: int, normalise: Callable[[Any], Any]) -> Callable[..., Any]:
    """A compiled function ``(pictures, matrices, pixels) -> inputs of the network``.

    Args:
        augmentation: which operations are compiled in, and how gaps are filled.
        size: side of the pictures.
        normalise: from (n, size, size, 3) float32 on the scale 0 to 255 to the scale of the network.

    The kernel takes (n, size, size, 3) uint8, and (n, 6) and (n, augment_pixels.COLUMNS) float32. XLA compiles once for
    each n, so callers use one n. Convolutions stay outside: oneDNN's are faster than those XLA makes for a processor.
    """

    def kernel(pictures: Any, matrices: Any, drawn: Any) -> Any:
        changed = _warp(pictures, matrices, size, augmentation.fill_mode, augmentation.fill_value)
        return normalise(pixels.apply(changed, augmentation, drawn))

    return tf.function(kernel, jit_compile=True, autograph=False)  # type: ignore[no-any-return]


def _warp(pictures: Any, matrices: Any, size: int, fill_mode: str, fill_value: float) -> Any:
    last = size - 1.0
    rows, columns = tf.meshgrid(tf.range(size, dtype=tf.float32), tf.range(size, dtype=tf.float32), indexing="ij")
    a, b, c, d, e, f = (matrices[:, i, None, None] for i in range(6))
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    inside = (x >= 0.0) & (x <= last) & (y >= 0.0) & (y <= last)
    x, y = _inside(x, size, fill_mode), _inside(y, size, fill_mode)
    left, top = (tf.minimum(tf.floor(v), size - 2.0) for v in (x, y))
    part_x, part_y = (x - left)[..., None], (y - top)[..., None]
    start = tf.cast(top, tf.int32) * size + tf.cast(left, tf.int32)
    flat = tf.reshape(pictures, (-1, size * size, 3))

    def pixel(offset: int) -> Any:
        places = tf.reshape(start + offset, (-1, size * size))
        return tf.reshape(tf.cast(tf.gather(flat, places, batch_dims=1), tf.float32), (-1, size, size, 3))

    first, second, third, fourth = pixel(0), pixel(1), pixel(size), pixel(size + 1)
    upper = first + (second - first) * part_x
    lower = third + (fourth - third) * part_x
    result = upper + (lower - upper) * part_y
    return tf.where(inside[..., None], result, fill_value) if fill_mode == "constant" else result


def _inside(position: Any, size: int, fill_mode: str) -> Any:
    last = size - 1.0
    if fill_mode == "reflect":
        folded = tf.math.floormod(position + 0.5, 2.0 * size)
        position = tf.minimum(folded, 2.0 * size - folded) - 0.5
    elif fill_mode == "wrap":
        outside = (position < 0.0) | (position > last)
        position = tf.where(outside, tf.math.floormod(position, last), position)
    return tf.clip_by_value(position, 0.0, last)
