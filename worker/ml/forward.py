"""The pass through the layers, in the order and number formats that are cheapest.

It computes the same function of the same variables as the network (a test compares them); three things differ:

* A rectifier in front of a pooling layer is applied behind it. The larger of two numbers is the same before and after
  a rectifier, and so is the way back of its gradient; but behind the pooling a quarter of the numbers is left. Behind a
  convolution, which rectifies its sums before it writes them, it stays in front, and only its gradient is moved.
* In mixed precision, convolutions and dense layers take bfloat16 copies of their weights, which the optimiser keeps,
  so that neither the weights nor their gradients are converted in every step, nor the weights in every validation.
* Batch normalisation while training is TensorFlow's fused operation; Keras 3 writes it as a dozen passes over the map.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from worker.ml.device import LOW


def order(model: keras.Model, last: str) -> list[Any]:
    """The layers of a network up to ``last``, each rectifier together with or behind the pooling layer that follows it.

    Args:
        model: a chain of layers, as all of ``worker.ml.models`` are.
        last: name of the last layer.
    """
    found: list[Any] = []
    for layer in model.layers[1:]:
        if isinstance(layer, layers.MaxPooling2D) and found and isinstance(found[-1], layers.ReLU):
            if len(found) > 1 and isinstance(found[-2], layers.Conv2D):
                found[-1] = Pooled(layer)
            else:
                found.insert(-1, layer)
        else:
            found.append(layer)
        if layer.name == last:
            break
    return found


class Pooled:
    """A rectifier and the pooling layer behind it, in one.

    A gradient is set to zero where nothing is larger than zero: behind the pooling, where there are few numbers.
    """

    def __init__(self, pool: layers.MaxPooling2D) -> None:
        self._given = {
            "ksize": [1, *pool.pool_size, 1], "strides": [1, *pool.strides, 1], "padding": pool.padding.upper()
        }  # fmt: skip

    def __call__(self, x: Any, *, training: bool) -> Any:
        """``x`` (n, height, width, channels), the same while training and in validation."""
        return tf.custom_gradient(self._passed)(x)

    def _passed(self, x: Any) -> tuple[Any, Callable[[Any], Any]]:
        rectified = tf.nn.relu(x)
        result = tf.raw_ops.MaxPool(input=rectified, **self._given)

        def back(gradient: Any) -> Any:
            left = tf.raw_ops.ReluGrad(gradients=gradient, features=result)
            return tf.raw_ops.MaxPoolGrad(orig_input=rectified, orig_output=result, grad=left, **self._given)

        return result, back


def copied(chain: Sequence[Any]) -> list[Any]:
    """The variables (Keras' own objects) of the layers that compute with copies in low precision."""
    return [variable for layer in chain if _direct(layer) for variable in layer.trainable_variables]


def run(chain: Sequence[Any], x: Any, copies: Mapping[str, Any], *, training: bool = True) -> Any:
    """Pass of ``x`` through ``chain``, while training or as in validation.

    Args:
        chain: from ``order``.
        x: (n, size, size, 3) float32.
        copies: bfloat16 value of each variable of ``copied``, by its path.
    """
    for layer in chain:
        if _direct(layer):
            x = _compute(layer, tf.cast(x, LOW), copies)
        elif training and type(layer) is layers.BatchNormalization:
            x = _normalise(layer, x)
        else:
            x = layer(x, training=training)
    return x


def _direct(layer: Any) -> bool:
    return type(layer) in (layers.Conv2D, layers.Dense) and layer.compute_dtype == LOW


def _compute(layer: Any, x: Any, copies: Mapping[str, Any]) -> Any:
    kernel = copies[layer.kernel.path]
    if isinstance(layer, layers.Dense):
        x = tf.matmul(x, kernel)
    else:
        x = tf.nn.conv2d(x, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate)
    if layer.use_bias:
        x = tf.nn.bias_add(x, copies[layer.bias.path])
    return layer.activation(x)


def _normalise(layer: Any, x: Any) -> Any:
    """Batch normalisation while training; the moving averages are those that Keras would keep."""
    empty = tf.zeros((0,))
    result, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=layer.gamma.value, offset=layer.beta.value, mean=empty, variance=empty, epsilon=layer.epsilon,
        is_training=True,
    )  # fmt: skip
    # The operation gives the variance with n - 1 in the denominator, Keras averages the one with n.
    count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
    keep_averages(layer, mean, variance * (count - 1) / count)
    return result


def keep_averages(layer: Any, mean: Any, variance: Any) -> None:
    """Move the averages of a batch normalisation towards those of a batch (variance with n in the denominator)."""
    for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average.value * layer.momentum + tf.stop_gradient(value) * (1 - layer.momentum))
