"""The vocabulary in which networks are written down, and a network on paper.

``Sketch`` works out shapes and numbers of parameters without any library, so that a page can show the table of a
network before anything is trained.
"""

from dataclasses import dataclass
from math import prod
from typing import Protocol, Self

from app.domain.activations import LEAK

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")  # kinds of layers that Grad-CAM can look at
Window = int | tuple[int, int]
"""The side of a square, or (height, width)."""


class Net(Protocol):
    """What the ready networks are written with; ``Sketch`` knows more, for networks that somebody wrote.

    ``initializer`` is that of all kernels added from now on.
    """

    initializer: str

    def conv(self, filters: int, kernel: int, *, padding: str = "same", bias: bool = True) -> Self:
        """Convolution without an activation."""

    def relu(self) -> Self:
        """Rectifier."""

    def norm(self) -> Self:
        """Batch normalisation."""

    def pool(self) -> Self:
        """Maximum of 2 x 2 pixels."""

    def mean(self) -> Self:
        """Mean over the whole map."""

    def border(self, pixels: int) -> Self:
        """Zeros around the map."""

    def flatten(self) -> Self:
        """All values of the map in one row."""

    def dropout(self, rate: float) -> Self:
        """Zeroes a part of the values while training."""

    def dense(self, units: int) -> Self:
        """Dense layer with a rectifier."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: name, kind (the name Keras has for it), output shape without the batch, number of parameters.

    ``setting`` is what was chosen for it, such as "32 x 3x3" or "0.5".
    """

    name: str
    kind: str
    setting: str
    shape: tuple[int, ...]
    parameters: int


class Sketch:
    """A network on paper: every layer of ``own_layers``, with arithmetic in place of layers.

    Attributes:
        shape: output so far, (height, width, channels) or (units,).
        layers: the layers so far.
    """

    initializer = "glorot_uniform"

    def __init__(self, size: int) -> None:
        self.shape: tuple[int, ...] = (size, size, 3)
        self.layers: list[Layer] = []
        self._counts: dict[str, int] = {}

    def _add(self, name: str, kind: str, shape: tuple[int, ...], setting: str = "", parameters: int = 0) -> Self:
        if min(shape) < 1:
            raise ValueError("nothing is left of the picture")
        self._counts[name] = self._counts.get(name, 0) + 1
        self.shape = shape
        self.layers.append(Layer(f"{name}{self._counts[name]}", kind, setting, shape, parameters))
        return self

    def _moved(self, window: Window, stride: int, padding: str, channels: int) -> tuple[int, ...]:
        """The shape behind a window that moves over the map."""
        sides = [
            -(-side // stride) if padding == "same" else (side - wide) // stride + 1
            for side, wide in zip(self.shape, sides_of(window), strict=False)
        ]
        return (*sides, channels)

    def conv(self, filters: int, kernel: Window, *, padding: str = "same", bias: bool = True, stride: int = 1) -> Self:
        """Convolution without an activation."""
        parameters = (prod(sides_of(kernel)) * self.shape[-1] + bias) * filters
        shape = self._moved(kernel, stride, padding, filters)
        return self._add("conv", "Conv2D", shape, f"{filters} × {_told(kernel, stride)} {padding}", parameters)

    def depthwise(
        self, kernel: Window, *, padding: str = "same", bias: bool = True, stride: int = 1, multiplier: int = 1
    ) -> Self:
        """Convolution of each channel by itself."""
        channels = self.shape[-1] * multiplier
        shape = self._moved(kernel, stride, padding, channels)
        setting = f"{_told(kernel, stride)} {padding}"
        return self._add("depthwise", "DepthwiseConv2D", shape, setting, (prod(sides_of(kernel)) + bias) * channels)

    def separable(
        self, filters: int, kernel: Window, *, padding: str = "same", bias: bool = True, stride: int = 1
    ) -> Self:
        """Convolution of each channel by itself, and one of single pixels over all of them."""
        channels = self.shape[-1]
        parameters = prod(sides_of(kernel)) * channels + (channels + bias) * filters
        shape = self._moved(kernel, stride, padding, filters)
        setting = f"{filters} × {_told(kernel, stride)} {padding}"
        return self._add("separable", "SeparableConv2D", shape, setting, parameters)

    def relu(self) -> Self:
        """Rectifier."""
        return self._add("relu", "ReLU", self.shape)

    def leaky_relu(self, slope: float = LEAK) -> Self:
        """Rectifier that lets a part of what is below zero through."""
        return self._add("leaky_relu", "LeakyReLU", self.shape, f"{slope:g}")

    def activation(self, name: str) -> Self:
        """Another function of each number."""
        return self._add(name, "Activation", self.shape, name)

    def norm(self) -> Self:
        """Batch normalisation: two weights and two averages for each channel."""
        return self._add("norm", "BatchNormalization", self.shape, parameters=4 * self.shape[-1])

    def layer_norm(self) -> Self:
        """Mean 0 and deviation 1 over the channels of each place: two weights for each channel."""
        return self._add("layer_norm", "LayerNormalization", self.shape, parameters=2 * self.shape[-1])

    def pool(self, size: int = 2, stride: int | None = None, padding: str = "valid") -> Self:
        """Maximum of so many pixels each way."""
        return self._pooled("pool", "MaxPooling2D", size, stride or size, padding)

    def average_pool(self, size: int = 2, stride: int | None = None, padding: str = "valid") -> Self:
        """Mean of so many pixels each way."""
        return self._pooled("average_pool", "AveragePooling2D", size, stride or size, padding)

    def _pooled(self, name: str, kind: str, size: int, stride: int, padding: str) -> Self:
        setting = _told(size, stride, side_by_side=size) + (f" {padding}" if padding == "same" else "")
        return self._add(name, kind, self._moved(size, stride, padding, self.shape[-1]), setting)

    def mean(self) -> Self:
        """Mean over the whole map."""
        return self._add("mean", "GlobalAveragePooling2D", self.shape[-1:])

    def max(self) -> Self:
        """Maximum over the whole map."""
        return self._add("max", "GlobalMaxPooling2D", self.shape[-1:])

    def border(self, pixels: int) -> Self:
        """Zeros around the map."""
        height, width, channels = self.shape
        return self._add("border", "ZeroPadding2D", (height + 2 * pixels, width + 2 * pixels, channels), str(pixels))

    def flatten(self) -> Self:
        """All values of the map in one row."""
        return self._add("flatten", "Flatten", (prod(self.shape),))

    def dropout(self, rate: float) -> Self:
        """Zeroes a part of the values while training."""
        return self._add("dropout", "Dropout", self.shape, f"{rate:g}")

    def dense(self, units: int, activation: str = "relu", *, bias: bool = True) -> Self:
        """Dense layer."""
        shown = {"relu": "ReLU", "linear": ""}.get(activation, activation)
        return self._add("dense", "Dense", (units,), f"{units} {shown}".strip(), (self.shape[0] + bias) * units)

    def end(self, classes: int, logit_dropout: float) -> list[Layer]:
        """Add the outputs and return all layers."""
        head = Layer("logits", "Dense", str(classes), (classes,), (self.shape[0] + 1) * classes)
        dropout = [Layer("logit_dropout", "Dropout", f"{logit_dropout:g}", (classes,), 0)] if logit_dropout else []
        return [*self.layers, head, *dropout, Layer("probabilities", "Softmax", "", (classes,), 0)]


def sides_of(window: Window) -> tuple[int, int]:
    """(height, width) of a window."""
    return (window, window) if isinstance(window, int) else window


def _told(window: Window, stride: int, *, side_by_side: int = 1) -> str:
    """A window in figures, such as "3×3", and "/2" where it moves by two pixels."""
    height, width = sides_of(window)
    return f"{height}×{width}" + (f" /{stride}" if stride != side_by_side else "")
