"""The vocabulary in which the networks are written down."""

from typing import Any

from keras import layers

LOGITS = "logits"


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

    def conv(self, filters: int, kernel: int, *, padding: str = "same", strides: int = 1, bias: bool = True) -> "Chain":
        """Convolution without an activation."""
        return self._add(
            "conv", layers.Conv2D, filters=filters, kernel_size=kernel, padding=padding, strides=strides,
            use_bias=bias, kernel_initializer=self.initializer,
        )  # fmt: skip

    def relu(self) -> "Chain":
        """Rectifier; Grad-CAM looks at its output."""
        return self._add("relu", layers.ReLU)

    def norm(self) -> "Chain":
        """Batch normalisation. Its averages follow quickly, because small sets have few steps."""
        return self._add("norm", layers.BatchNormalization, momentum=0.9, epsilon=1e-3)

    def pool(self) -> "Chain":
        """Maximum of 2 x 2 pixels."""
        return self._add("pool", layers.MaxPooling2D, pool_size=2)

    def mean(self) -> "Chain":
        """Mean over the whole map."""
        return self._add("mean", layers.GlobalAveragePooling2D)

    def border(self, pixels: int) -> "Chain":
        """Zeros around the map."""
        return self._add("border", layers.ZeroPadding2D, padding=pixels)

    def flatten(self) -> "Chain":
        """All values of the map in one row."""
        return self._add("flatten", layers.Flatten)

    def dropout(self, rate: float) -> "Chain":
        """Zeroes a part of the values while training."""
        return self._add("dropout", layers.Dropout, rate=rate)

    def dense(self, units: int) -> "Chain":
        """Dense layer with a rectifier."""
        return self._add("dense", layers.Dense, units=units, activation="relu", kernel_initializer=self.initializer)
