"""Heat maps as pictures: a perceptual colour table of our own, a fixed scale, transparency by value.

A heat map comes as a small grey PNG together with its peak, the value that grey 255 stands for. It is never stretched
to its own maximum unless asked: two pictures can only be compared on one scale.
"""

import io
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224  # pixels of the coloured map; the browser stretches it over the picture
MOST_OPAQUE = 235  # a little of the picture stays visible under the strongest value


@cache
def table() -> NDArray[np.uint8]:
    """The colours of the values 0 to 1 in 256 steps, shape (256, 3).

    Lightness grows evenly in OKLab while the hue turns from violet over red to yellow, so that equal steps of the value
    look like equal steps, also in grey and for most kinds of colour blindness.
    Source of the conversion: Björn Ottosson, "A perceptual color space for image processing" (2020).
    """
    t = np.linspace(0.0, 1.0, 256)
    lightness = 0.22 + 0.72 * t
    hue = np.deg2rad(290.0 + 170.0 * t)  # 290 violet, 360 red, 460 yellow
    chroma = 0.05 + 0.145 * np.sin(np.pi * (0.12 + 0.78 * t)) ** 1.2
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    return _srgb(lab)


def nice_limit(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``value``; 1 for nothing."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def colored(grey_png: bytes, peak: float, limit: float, *, opaque: bool = False) -> bytes:
    """A heat map as an RGBA PNG of SIDE x SIDE pixels.

    Args:
        grey_png: the map as stored, 8-bit grey of any size.
        peak: the value that grey 255 stands for.
        limit: the value of the last colour; larger values get the same colour.
        opaque: without it the value decides the transparency too, for laying it over the picture.
    """
    with Image.open(io.BytesIO(grey_png)) as picture:
        values = np.asarray(picture.convert("L"), np.float32) * (peak / 255.0)
    # Interpolate the values, not the colours: half way between two values must get the colour of the mean.
    smooth = Image.fromarray(values).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth) / limit, 0.0, 1.0)
    rgba = np.empty((SIDE, SIDE, 4), np.uint8)
    rgba[..., :3] = table()[np.rint(share * 255).astype(np.uint8)]
    rgba[..., 3] = 255 if opaque else np.rint(share * MOST_OPAQUE).astype(np.uint8)
    return _png(rgba)


def legend(width: int = 256, height: int = 12) -> bytes:
    """The colour table as a picture from left (0) to right (the limit)."""
    row = table()[np.linspace(0, 255, width).round().astype(np.uint8)]
    return _png(np.broadcast_to(row, (height, width, 3)).copy())


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """OKLab (n, 3) -> sRGB (n, 3) of 8 bits; what lies outside sRGB is cut."""
    to_lms = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(((lab @ to_lms.T) ** 3) @ to_rgb.T, 0.0, 1.0)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels: NDArray[np.uint8] = np.rint(curved * 255).astype(np.uint8)
    return pixels
