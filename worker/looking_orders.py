"""What the process that stays is asked about a layer, and what it answers."""

from dataclasses import dataclass
from typing import Any

from app.config import StoreAddress


@dataclass(frozen=True)
class LookOrder:
    """What the channels of a layer say of a picture, and its filters; ``weights``: hash of one saved model."""

    storage: StoreAddress
    recipe: dict[str, Any]
    weights: str
    picture: str
    layer: str


@dataclass(frozen=True)
class LayerLook:
    """The answer, as plain values for ``job.result``.

    Attributes:
        layer: its name.
        shape: height, width and channels.
        channels: numbers of the channels that are shown, the strongest first.
        highest: the largest value of each shown channel.
        maps: one grey PNG of them in a grid, base64; white is the largest value of all shown.
        filters: the filters of the same channels in the same order, in colour where the layer sees the picture itself,
            else grey, the sum over what comes in; "" where the layer is no convolution.
        kernel: height, width and number of channels that come in; empty without filters.
    """

    layer: str
    shape: list[int]
    channels: list[int]
    highest: list[float]
    maps: str
    filters: str
    kernel: list[int]
