"""The training's side of ``app.domain.augment_pixels`` and ``app.domain.mixing``, in TensorFlow operations."""

import math
from typing import Any

import tensorflow as tf

from app.domain import augment_pixels as domain
from app.domain import mixing
from app.domain.recipe import Augmentation


def apply(changed: Any, spec: Augmentation, drawn: Any) -> Any:
    """(n, size, size, 3) float32 pictures after the changes in ``drawn`` (n, domain.COLUMNS)."""

    def column(index: int) -> Any:
        return drawn[:, index, None, None, None]

    if spec.channel_shift:
        low = tf.reduce_min(changed, axis=(1, 2, 3), keepdims=True)
        high = tf.reduce_max(changed, axis=(1, 2, 3), keepdims=True)
        changed = tf.clip_by_value(changed + column(domain.CHANNEL_SHIFT), low, high)
    if (spec.brightness_low, spec.brightness_high) != (1.0, 1.0):
        darker = _clip(tf.floor(tf.floor(changed) * column(domain.BRIGHTNESS)))
        changed = tf.where(column(domain.BRIGHTNESS) == 1.0, changed, darker)
    if (spec.contrast_low, spec.contrast_high) != (1.0, 1.0):
        mean = tf.reduce_mean(changed, axis=(1, 2, 3), keepdims=True)
        changed = _clip((changed - mean) * column(domain.CONTRAST) + mean)
    if spec.blur:
        changed = _blurred(changed, drawn[:, domain.BLUR], domain.radius(spec))
    if spec.noise:
        changed = _clip(changed + column(domain.NOISE) * _noise(drawn[:, domain.NOISE_SEED], changed.shape[1]))
    if spec.erase:
        inside = _within(drawn[:, domain.ERASED :], changed.shape[1])
        changed = tf.where(inside, tf.reduce_mean(changed, axis=(1, 2), keepdims=True), changed)
    return changed


def mixed(pictures: Any, drawn: Any) -> Any:
    """Each picture mixed with the one before it in the batch.

    Args:
        pictures: (n, size, size, 3) float32, as the network gets them.
        drawn: (n, mixing.COLUMNS).
    """
    others = tf.roll(pictures, 1, axis=0)
    weight = drawn[:, mixing.PIXELS, None, None, None]
    inside = _within(drawn[:, mixing.RECTANGLE], pictures.shape[1])
    return tf.where(inside, others, pictures * weight + others * (1 - weight))


def _clip(values: Any) -> Any:
    return tf.clip_by_value(values, 0.0, 255.0)


def _blurred(pictures: Any, deviation: Any, reach: int) -> Any:
    size = pictures.shape[1]
    place = tf.range(-reach, reach + 1, dtype=tf.float32) / tf.maximum(deviation, domain.LEAST_BLUR)[:, None]
    kernel = tf.exp(-0.5 * place * place)
    kernel /= tf.reduce_sum(kernel, axis=1, keepdims=True)
    places = tf.clip_by_value(tf.range(-reach, size + reach), 0, size - 1)
    for axis in (1, 2):
        wide = tf.gather(pictures, places, axis=axis)
        pictures = tf.add_n(
            [
                kernel[:, k, None, None, None] * (wide[:, k : k + size] if axis == 1 else wide[:, :, k : k + size])
                for k in range(2 * reach + 1)
            ]
        )
    return pictures


def _noise(seeds: Any, size: int) -> Any:
    place = tf.reshape(tf.range(size * size * 3), (1, size, size, 3))
    start = tf.cast(tf.cast(seeds, tf.int64), tf.uint32)[:, None, None, None] * _bits(0x9E3779B1)
    start += tf.cast(place, tf.uint32) * _bits(2)
    first, second = _uniform(start), _uniform(start + _bits(1))
    return tf.sqrt(-2.0 * tf.math.log(first)) * tf.cos(2 * math.pi * second)


def _uniform(bits: Any) -> Any:
    def mixed_in(value: Any, by: int) -> Any:
        return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _bits(by)))

    bits = mixed_in(bits, 16) * _bits(0x85EBCA6B)
    bits = mixed_in(bits, 13) * _bits(0xC2B2AE35)
    bits = tf.bitwise.right_shift(mixed_in(bits, 16), _bits(8))
    return tf.cast(tf.cast(bits, tf.int32), tf.float32) * 2.0**-24 + 2.0**-25


def _bits(value: int) -> Any:
    return tf.constant(value, tf.uint32)


def _within(rectangles: Any, size: int) -> Any:
    place = tf.range(size, dtype=tf.float32)
    left, top, right, bottom = (rectangles[:, i, None] for i in range(4))
    columns, rows = (place >= left) & (place < right), (place >= top) & (place < bottom)
    return (rows[:, :, None] & columns[:, None, :])[..., None]
