"""Class activation maps: pure functions of what a layer says and of the gradient of a class in it.

Every function takes the layer's output (n, h, w, c) and, for each of k classes, the gradient (n, k, h, w, c) of the
value before the softmax in that output. It gives maps (n, k, h, w), 0 and more, not scaled.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from app.domain.explaining import Method

TINY = 1e-12  # of a denominator; below it a place has no gradient at all


def grad_cam(activation: Any, gradient: Any) -> Any:
    """Selvaraju and others (2017): each channel weighted by the mean of its gradient."""
    weights = tf.reduce_mean(gradient, axis=(2, 3))
    return tf.nn.relu(tf.einsum("nhwc,nkc->nkhw", activation, weights))


def grad_cam_plus(activation: Any, gradient: Any) -> Any:
    """Chattopadhyay and others (2018): each channel weighted by its positive gradients, the large ones more.

    Their coefficients follow from the exponential of the class's value; its factor is the same at all places of a
    picture and is left out, as in their own program.
    """
    total = tf.reduce_sum(activation, axis=(1, 2))[:, None, None, None, :]
    square = tf.square(gradient)
    below = 2.0 * square + total * square * gradient
    alpha = tf.where(tf.abs(below) > TINY, square / tf.where(tf.abs(below) > TINY, below, 1.0), 0.0)
    weights = tf.reduce_sum(alpha * tf.nn.relu(gradient), axis=(2, 3))
    return tf.nn.relu(tf.einsum("nhwc,nkc->nkhw", activation, weights))


def layer_cam(activation: Any, gradient: Any) -> Any:
    """Jiang and others (2021): each place weighted by its own positive gradient."""
    return tf.nn.relu(tf.einsum("nhwc,nkhwc->nkhw", activation, tf.nn.relu(gradient)))


def hires_cam(activation: Any, gradient: Any) -> Any:
    """Draelos and others (2020): each place weighted by its own gradient."""
    return tf.nn.relu(tf.einsum("nhwc,nkhwc->nkhw", activation, gradient))


MAPS: dict[Method, Callable[[Any, Any], Any]] = {
    Method.GRAD_CAM: grad_cam,
    Method.GRAD_CAM_PLUS: grad_cam_plus,
    Method.LAYER_CAM: layer_cam,
    Method.HIRES_CAM: hires_cam,
}
