"""Brings a picture to the square input of a network. The preview and the training use the same function."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.domain.errors import Invalid
from app.domain.recipe import RESIZE_MODES

# Pillow widens the filter when it makes a picture smaller, so fine structures are averaged and not skipped.
_FILTER = Image.Resampling.BICUBIC


def fit(image: NDArray[np.uint8], size: int, mode: str, pad_color: str = "#000000") -> NDArray[np.uint8]:
    """The picture as a square of ``size`` pixels.

    Args:
        image: (height, width, 3) RGB, 8 bits.
        size: side of the result in pixels.
        mode: ``stretch`` changes the proportions, ``crop`` cuts the longer side equally at both ends,
            ``pad`` shows everything and fills the rest with ``pad_color``.
        pad_color: ``#rrggbb``.

    Returns:
        (size, size, 3), 8 bits.

    Raises:
        Invalid: ``field_choice`` for an unknown mode, ``picture_shape`` for an array that is not an RGB picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise Invalid("picture_shape", shape=str(image.shape), kind=str(image.dtype))
    if mode not in RESIZE_MODES:
        raise Invalid("field_choice", value=mode, choices=", ".join(RESIZE_MODES))
    if image.shape[:2] == (size, size):
        return image
    picture = Image.fromarray(image)
    if mode == "crop":
        result = ImageOps.fit(picture, (size, size), method=_FILTER)
    elif mode == "pad":
        result = _padded(picture, size, pad_color)
    else:
        result = picture.resize((size, size), _FILTER)
    return np.asarray(result, dtype=np.uint8)


def _padded(picture: Image.Image, size: int, pad_color: str) -> Image.Image:
    scale = size / max(picture.size)
    # A very long picture keeps at least one pixel of its short side.
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    result = Image.new("RGB", (size, size), pad_color)
    result.paste(picture.resize(inner, _FILTER), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return result
