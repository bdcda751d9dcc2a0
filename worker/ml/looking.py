"""Channels of a layer and filters of a convolution as small pictures in a grid."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST = 48  # channels that are shown, the strongest first
COLUMNS = 8
TILE, GAP = 56, 4  # pixels
GREY = 128
Floats = NDArray[np.float32]


def strongest(activation: Floats) -> NDArray[np.int64]:
    """The numbers of the channels of (h, w, c) by their mean, the largest first, at most MOST."""
    return np.argsort(-activation.mean(axis=(0, 1)), kind="stable")[:MOST]


def maps(activation: Floats, channels: NDArray[np.int64]) -> str:
    """Those channels side by side on one scale from 0 to the largest value of all, as a PNG in base64."""
    shown = activation[..., channels]
    top = float(shown.max(initial=0.0))
    grey = np.clip(shown / top if top > 0 else shown, 0, 1)
    return _grid([np.repeat(grey[..., at, None], 3, axis=-1) for at in range(len(channels))])


def filters(kernel: Floats, channels: NDArray[np.int64]) -> str:
    """Filters (kh, kw, in, out) of those channels: in colour with three channels in, else their sum in grey.

    Each is stretched around grey by its own largest weight, so that its form is seen, not its strength.
    """
    tiles = []
    for channel in channels.tolist():
        one = kernel[..., channel]
        one = one if one.shape[-1] == 3 else np.repeat(one.sum(axis=-1, keepdims=True), 3, axis=-1)
        top = float(np.abs(one).max(initial=0.0))
        tiles.append(one / (2 * top) + 0.5 if top > 0 else np.full_like(one, 0.5))
    return _grid(tiles)


def _grid(tiles: list[Floats]) -> str:
    """Tiles (h, w, 3) of values 0 to 1, each enlarged without smoothing, so that its cells can be counted."""
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) - GAP, rows * (TILE + GAP) - GAP), (GREY, GREY, GREY))
    for place, tile in enumerate(tiles):
        row, column = divmod(place, COLUMNS)
        picture = Image.fromarray(np.rint(tile * 255).astype(np.uint8)).resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(picture, (column * (TILE + GAP), row * (TILE + GAP)))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")
