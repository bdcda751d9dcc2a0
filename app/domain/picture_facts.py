"""What the pixels of one picture say by themselves: a sketch to find its copies, and a few numbers.

Numbers are measured at no more than ``SIDE`` pixels a side: a network sees no more of a picture either, and the same
picture in two sizes gets nearly the same numbers.
"""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

METHOD = 2  # to be raised when anything below changes, so that all pictures are measured again
SIDE = 256
SHARP_SIDE = 64  # what is blurred at this size is blurred for any network; grain and traces of JPEG are gone
SKETCH = 32
BORDER = 0.08  # width of the border as a share of the shorter side
Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Facts:
    """See ``app.db.health_models.ImageFact``. Brightness and contrast are shares of 255."""

    pixels_sha256: str
    sketch: bytes
    brightness: float
    contrast: float
    sharpness: float
    entropy: float
    colourfulness: float
    border_brightness: float
    border_contrast: float


def measure(data: bytes) -> Facts:
    """The facts of a picture.

    Args:
        data: a file that Pillow reads; ours are PNG or JPEG, 8-bit RGB.

    Raises:
        OSError, ValueError: what Pillow raises for broken data.
    """
    with Image.open(io.BytesIO(data)) as file:
        picture = file.convert("RGB") if file.mode != "RGB" else file.copy()
    digest = hashlib.sha256(f"{picture.width}x{picture.height} ".encode() + picture.tobytes()).hexdigest()
    grey_sketch = picture.convert("L").resize((SKETCH, SKETCH), Image.Resampling.BOX)
    colours = _at_most(picture, SIDE)
    grey = colours @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    rim = grey[border_mask(*grey.shape)]
    return Facts(
        pixels_sha256=digest,
        sketch=grey_sketch.tobytes(),
        brightness=float(grey.mean()) / 255,
        contrast=float(grey.std()) / 255,
        sharpness=sharpness(_at_most(picture.convert("L"), SHARP_SIDE)),
        entropy=entropy(grey),
        colourfulness=colourfulness(colours),
        border_brightness=float(rim.mean()) / 255,
        border_contrast=float(rim.std()) / 255,
    )


def _at_most(picture: Image.Image, side: int) -> NDArray[np.float32]:
    """The pixels of a picture, made smaller where it is larger than ``side`` x ``side``."""
    if max(picture.size) > side:
        picture = picture.copy()
        picture.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(picture, dtype=np.float32)


def border_mask(height: int, width: int) -> NDArray[np.bool_]:
    """True for the pixels near the edge, shape (height, width)."""
    rim = max(1, round(BORDER * min(height, width)))
    mask = np.ones((height, width), dtype=np.bool_)
    mask[rim : height - rim, rim : width - rim] = False
    return mask


def sharpness(grey: Grey) -> float:
    """How fast brightness changes from one pixel to the next, compared with its change over two: 0 to about 1.

    The ratio of the strongest differences at a distance of one pixel to those at two is 0.5 for an edge that is wide
    (blurred) and 1 for one that is sharp, whatever the contrast of the picture; 0.5 is taken off and the rest doubled.
    The strongest hundredth of the pixels counts, so a plain background around one sharp object does no harm.
    """
    if min(grey.shape) < 5:
        return 1.0
    near = np.maximum(np.abs(grey[:, 1:-1] - grey[:, :-2])[1:-1], np.abs(grey[1:-1] - grey[:-2])[:, 1:-1])
    far = np.maximum(np.abs(grey[:, 2:] - grey[:, :-2])[1:-1], np.abs(grey[2:] - grey[:-2])[:, 1:-1])
    count = max(far.size // 100, 4)
    strongest = np.partition(far, -count, axis=None)[-count:].mean()
    if strongest < 2:  # nothing but rounding: there is nothing that could be blurred
        return 1.0
    ratio = float(np.partition(near, -count, axis=None)[-count:].mean() / strongest)
    return max(2 * (ratio - 0.5), 0.0)


def entropy(grey: Grey) -> float:
    """Bits that the brightness of a pixel carries, 0 (one grey) to 8, of the histogram of 256 greys."""
    counts = np.bincount(grey.astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / grey.size
    return float(-(shares * np.log2(shares)).sum())


def colourfulness(colours: NDArray[np.float32]) -> float:
    """The measure of Hasler and Süsstrunk (2003): 0 for grey, about 50 for a photograph, 100 for gaudy."""
    red, green, blue = colours[..., 0], colours[..., 1], colours[..., 2]
    first, second = red - green, (red + green) / 2 - blue
    spread = np.hypot(first.std(), second.std())
    return float(spread + 0.3 * np.hypot(first.mean(), second.mean()))
