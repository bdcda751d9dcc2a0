"""The improved networks: normalised convolutions and a global mean in place of a large dense layer.

A dense layer behind a flattened map holds nearly all weights of the posts' networks and learns where in the picture
something stood; the mean over the map forgets the place, and the few weights left can be learned from few pictures.
"""

from collections.abc import Callable
from typing import Any

from worker.ml.blocks import Chain


def _stages(net: Chain, widths: tuple[int, ...], depth: int, dropout: float) -> None:
    net.initializer = "he_normal"
    for number, width in enumerate(widths):
        for _ in range(1 if number == 0 else depth):
            net.conv(width, 3, bias=False).norm().relu()
        if number < len(widths) - 1:
            net.pool()
    net.mean().dropout(dropout)
    net.initializer = "glorot_uniform"


BUILDERS: dict[str, Callable[[Chain], Any]] = {
    "conv2-plus": lambda net: _stages(net, (16, 32, 64, 96), 1, 0.2),
    "conv3-plus": lambda net: _stages(net, (16, 32, 64, 96, 128), 1, 0.3),
    "conv4-plus": lambda net: _stages(net, (16, 32, 64, 128, 192), 1, 0.3),
    "cifar4-plus": lambda net: _stages(net, (32, 64, 128), 2, 0.3),
    "deepconv-plus": lambda net: _stages(net, (16, 32, 64, 128), 2, 0.3),
}
