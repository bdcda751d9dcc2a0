"""The vocabulary in which the networks are written down."""

import math
from typing import Any

from keras import initializers, layers

from app.domain.activations import LEAK
from app.domain.sketch import Window, sides_of

LOGITS = "logits"
_CUT = 0.87962566103423978  # deviation of a normal distribution that is cut off at 2


class Chain:
    """Layers one after the other, with names that count the convolutions: conv1, relu1, pool1, conv2, …

    Attributes:
        x: the output so far.
        initializer: of all kernels added from now on.
        precision: dtype policy of all layers, by name; no global policy is touched.
    """

    def __init__(self, x: Any, precision: str) -> None:
        self.x = x
        self.initializer = "glorot_uniform"
        self.precision = precision
        self._counts: dict[str, int] = {}

    def _add(self, kind: str, make: Any, **values: Any) -> "Chain":
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self.x = make(name=f"{kind}{self._counts[kind]}", dtype=self.precision, **values)(self.x)
        return self

    def conv(
        self, filters: int, kernel: Window, *, padding: str = "same", bias: bool = True, stride: int = 1
    ) -> "Chain":
        """Convolution without an activation."""
        return self._add(
            "conv", layers.Conv2D, filters=filters, kernel_size=kernel, padding=padding, strides=stride,
            use_bias=bias, kernel_initializer=self.initializer,
        )  # fmt: skip

    def depthwise(
        self, kernel: Window, *, padding: str = "same", bias: bool = True, stride: int = 1, multiplier: int = 1
    ) -> "Chain":
        """Convolution of each channel by itself."""
        return self._add(
            "depthwise", layers.DepthwiseConv2D, kernel_size=kernel, padding=padding, strides=stride, use_bias=bias,
            depth_multiplier=multiplier, depthwise_initializer=_of_one_channel(kernel, 2.0),
        )  # fmt: skip

    def separable(
        self, filters: int, kernel: Window, *, padding: str = "same", bias: bool = True, stride: int = 1
    ) -> "Chain":
        """Convolution of each channel by itself, and one of single pixels over all of them."""
        return self._add(
            "separable", layers.SeparableConv2D, filters=filters, kernel_size=kernel, padding=padding, strides=stride,
            use_bias=bias, depthwise_initializer=_of_one_channel(kernel, 1.0), pointwise_initializer=self.initializer,
        )  # fmt: skip

    def relu(self) -> "Chain":
        """Rectifier; Grad-CAM looks at its output."""
        return self._add("relu", layers.ReLU)

    def leaky_relu(self, slope: float = LEAK) -> "Chain":
        """Rectifier that lets a part of what is below zero through."""
        return self._add("leaky_relu", layers.LeakyReLU, negative_slope=slope)

    def activation(self, name: str) -> "Chain":
        """Another function of each number."""
        return self._add(name, layers.Activation, activation=name)

    def norm(self) -> "Chain":
        """Batch normalisation. Its averages follow quickly, because small sets have few steps."""
        return self._add("norm", layers.BatchNormalization, momentum=0.9, epsilon=1e-3)

    def layer_norm(self) -> "Chain":
        """Mean 0 and deviation 1 over the channels of each place."""
        return self._add("layer_norm", layers.LayerNormalization, epsilon=1e-3)

    def pool(self, size: int = 2, stride: int | None = None, padding: str = "valid") -> "Chain":
        """Maximum of so many pixels each way."""
        return self._add("pool", layers.MaxPooling2D, pool_size=size, strides=stride, padding=padding)

    def average_pool(self, size: int = 2, stride: int | None = None, padding: str = "valid") -> "Chain":
        """Mean of so many pixels each way."""
        return self._add("average_pool", layers.AveragePooling2D, pool_size=size, strides=stride, padding=padding)

    def mean(self) -> "Chain":
        """Mean over the whole map."""
        return self._add("mean", layers.GlobalAveragePooling2D)

    def max(self) -> "Chain":
        """Maximum over the whole map."""
        return self._add("max", layers.GlobalMaxPooling2D)

    def border(self, pixels: int) -> "Chain":
        """Zeros around the map."""
        return self._add("border", layers.ZeroPadding2D, padding=pixels)

    def flatten(self) -> "Chain":
        """All values of the map in one row."""
        return self._add("flatten", layers.Flatten)

    def dropout(self, rate: float) -> "Chain":
        """Zeroes a part of the values while training."""
        return self._add("dropout", layers.Dropout, rate=rate)

    def dense(self, units: int, activation: str = "relu", *, bias: bool = True) -> "Chain":
        """Dense layer, with a rectifier unless another function is named."""
        return self._add(
            "dense", layers.Dense, units=units, activation=activation, use_bias=bias,
            kernel_initializer=self.initializer,
        )  # fmt: skip


def _of_one_channel(kernel: Window, gain: float) -> Any:
    """As He and others draw filters: Keras would count all channels, though each filter sees one of them."""
    deviation = math.sqrt(gain / math.prod(sides_of(kernel))) / _CUT
    return initializers.TruncatedNormal(stddev=deviation)
