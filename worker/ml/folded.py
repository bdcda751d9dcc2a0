"""Convolutions of a pretrained network together with the batch normalisation behind them.

A normalisation that keeps its averages multiplies each channel by a number and adds another one. The convolution before
it can do both: its filters are multiplied and it gets a summand, so that two passes over a map, and with the rectifier
that TensorFlow then joins to them three, become one. It is the same function of the same variables up to rounding, also
for the gradients of the filters, and takes a third less of the time.

While the filters learn, those of one pixel are products of matrices, whose gradients take a fifth less of a step than
those of convolutions; in bfloat16 a step takes three fifths. Filters of single channels stay in float32: processors
have no quick way for their gradients in anything else (docs/log.md). Answers are those of float32, or of bfloat16 in
all layers but the first ones, which takes three fifths of the time; rounding in the first ones alone would change the
answers as much as in all others together.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from worker.ml.device import FLOAT32, LOW

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
_FIRST = ("stem_", "block0_")  # as ``backbone`` names its layers
_RECTIFIER = ("max_value", "negative_slope", "threshold")


class Convolution(layers.Layer):  # type: ignore[misc]
    """A convolution and the normalisation behind it.

    ``products``: number format in which it multiplies to learn; ``answers``: of all numbers when it does not learn.
    """

    def __init__(self, inner: Any, norm: Any, products: str, answers: str) -> None:
        super().__init__(name=inner.name, autocast=False)
        self.inner, self.norm, self._products, self._answers = inner, norm, products, answers
        self.built = True  # both have their variables

    def call(self, x: Any, training: bool = False) -> Any:
        """(n, height, width, channels) to what the two layers give, without training of the averages."""
        inner, norm = self.inner, self.norm
        factor = norm.gamma.value * tf.math.rsqrt(norm.moving_variance.value + norm.epsilon)
        strides, padding = inner.strides, inner.padding.upper()
        wanted = FLOAT32 if training else self._answers
        if isinstance(inner, layers.DepthwiseConv2D):
            kernel = tf.cast(inner.kernel.value * factor[:, None], wanted)
            x = tf.nn.depthwise_conv2d(tf.cast(x, wanted), kernel, (1, *strides, 1), padding)
        elif training:
            x = self._learning(x, inner.kernel.value * factor)
        else:
            x = tf.nn.conv2d(tf.cast(x, wanted), tf.cast(inner.kernel.value * factor, wanted), strides, padding)
        mean = norm.moving_mean.value - inner.bias.value if inner.use_bias else norm.moving_mean.value
        return tf.nn.bias_add(x, tf.cast(norm.beta.value - mean * factor, wanted))

    def _learning(self, x: Any, kernel: Any) -> Any:
        """As in an answer, with cheaper gradients."""
        strides, padding = self.inner.strides, self.inner.padding.upper()
        x, kernel = tf.cast(x, self._products), tf.cast(kernel, self._products)
        if tuple(kernel.shape[:2]) == tuple(strides) == (1, 1):
            rows = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), tf.reshape(kernel, kernel.shape[2:]))
            found = tf.reshape(rows, (-1, *x.shape[1:-1], kernel.shape[-1]))
        else:
            found = tf.nn.conv2d(x, kernel, strides, padding)
        return tf.cast(found, tf.float32)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the convolution."""
        return self.inner.compute_output_shape(input_shape)


def fold(model: keras.Model, products: str = FLOAT32, answers: str = FLOAT32) -> keras.Model:
    """``model`` with the variables that it has, for answers, and for training in which no averages are moved.

    Args:
        model: for pictures of one size where it is trained.
        products: ``float32`` or ``bfloat16``, of its convolutions while training.
        answers: ``bfloat16`` for maps in it where nothing learns, of a network of convolutions, normalisations,
            rectifiers and sums as those of ``backbone`` are. A map that it gives is in it too.
    """
    pairs = _pairs(model)
    behind = {id(norm) for norm in pairs.values()}
    made = {
        name: Convolution(model.get_layer(name), norm, products, FLOAT32 if name.startswith(_FIRST) else answers)
        for name, norm in pairs.items()
    }
    if answers == LOW:
        made |= {layer.name: _either(layer) for layer in model.layers if type(layer) in (layers.ReLU, layers.Add)}

    def instead(layer: Any) -> Any:
        return made.get(layer.name, layer)

    def call(layer: Any, *values: Any, **named: Any) -> Any:
        return values[0] if id(layer) in behind else layer(*values, **named)

    return keras.models.clone_model(model, clone_function=instead, call_function=call)


def _either(layer: Any) -> Any:
    """A layer without variables that takes maps in the number format in which they come."""
    if isinstance(layer, layers.Add):
        return layers.Add(name=layer.name, autocast=False)
    return layers.ReLU(**{name: layer.get_config()[name] for name in _RECTIFIER}, name=layer.name, autocast=False)


def _pairs(model: keras.Model) -> dict[str, Any]:
    """The normalisation behind each convolution that is followed by it and by nothing else, by its name."""
    follow: dict[int, list[Any]] = {}
    for operation in model.operations:
        if not isinstance(operation, layers.InputLayer):
            for tensor in keras.tree.flatten(operation.input):
                follow.setdefault(id(tensor), []).append(operation)
    found = {}
    for layer in model.layers:
        after = follow.get(id(layer.output), [])
        if _plain(layer) and len(after) == 1 and _normalises(after[0]):
            found[layer.name] = after[0]
    return found


def _plain(layer: Any) -> bool:
    """True for a convolution in float32 without groups, holes or an activation of its own."""
    return (
        type(layer) in _CONVOLUTIONS
        and layer.compute_dtype == "float32"
        and layer.activation is keras.activations.linear
        and tuple(layer.dilation_rate) == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "depth_multiplier", 1) == 1
        and layer.data_format == "channels_last"
        and layer.strides[0] == layer.strides[1]
    )


def _normalises(layer: Any) -> bool:
    return type(layer) is layers.BatchNormalization and layer.scale and layer.center
