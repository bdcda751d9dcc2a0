"""Bytes that somebody sent -> a checked picture: our own upright 8-bit RGB copy and a thumbnail.

Nothing but these copies ever reaches a browser or TensorFlow. The rules are stated in docs/import.md. ``decode`` is
meant to run in a limited child process (``app.decoder``): it changes Pillow's and Python's global settings.
"""

import io
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from app.domain import origin
from app.domain.errors import BadImage
from app.domain.signatures import foreign_format, is_accepted

PLUGINS = (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
OPEN_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
FORMATS = frozenset({*OPEN_FORMATS, "MPO"})  # MPO: a JPEG with more pictures behind the first one, made by phones
MAX_PIXELS = 40_000_000
MAX_SIDE = 20_000
THUMBNAIL_SIDE = 256
LOSSLESS_PIXELS = 16_384  # a JPEG of up to this many pixels is kept as PNG, so that training sees exactly its pixels
JPEG_QUALITY = 95  # where the tables of the file cannot be used again
LARGEST_STEP = 255  # of a quantisation table that every decoder of plain JPEG files reads
BACKGROUND = "#ffffff"  # what shows through where a picture is transparent

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """A picture we accept.

    ``canonical`` is a PNG or JPEG of ``width`` x ``height`` pixels, RGB, upright, without metadata; ``thumbnail`` a
    JPEG of at most 256 x 256 pixels, the same bytes as the copy where that is one. ``conversion`` says what was done
    and holds plain JSON values only: ``mode`` (as Pillow names it), ``copy`` ("PNG" or "JPEG"), and where they apply
    ``orientation`` (2 to 8), ``scaled`` ([low, high]: these values became 0 and 255), ``bits`` (16: the upper 8 were
    kept), ``flattened`` (colour), ``frames`` (only the first was taken), ``exif`` ("unreadable") and
    ``camera``. ``taken`` is when, by the clock of the camera, or None where the file does not say it.
    """

    width: int
    height: int
    file_format: str
    canonical: bytes
    thumbnail: bytes
    conversion: dict[str, Any] = field(default_factory=dict)


def decode(data: bytes) -> Decoded:
    """Turn the bytes of a file into our own copies.

    Raises:
        BadImage: not a picture we accept; the code says why. No other exception leaves this function, because the
            plugins raise a dozen different classes for broken files.
    """
    if not data:
        raise BadImage("image_empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data)
    except BadImage:
        raise
    except MemoryError:
        raise BadImage("image_memory") from None
    except Exception as error:
        text = str(error).lower()
        cut = "truncated" in text or "unexpected end" in text or "not enough image data" in text
        raise BadImage("image_truncated" if cut else "image_broken") from error


def _decode(data: bytes) -> Decoded:
    image = _open(data)
    file_format = str(image.format)
    conversion: dict[str, Any] = {"mode": image.mode}
    if _deep_color(data, image):
        conversion["bits"] = 16
    image.load()
    orientation = _orientation(image, conversion)
    conversion |= {"taken": None} | origin.of(image)  # None: looked for and not there
    rgb = _to_rgb(image, conversion)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
        conversion["orientation"] = orientation
    frames = _frames(image)
    if frames > 1:
        conversion["frames"] = frames
    rgb.info.clear()
    lossy = file_format in {"JPEG", "MPO"} and rgb.width * rgb.height > LOSSLESS_PIXELS
    conversion["copy"] = "JPEG" if lossy else "PNG"
    canonical = _encode_jpeg(image, rgb, turned=orientation in _TURNS) if lossy else _encode_png(rgb)
    small = lossy and max(rgb.size) <= THUMBNAIL_SIDE
    return Decoded(rgb.width, rgb.height, file_format, canonical, canonical if small else _thumbnail(rgb), conversion)


def _open(data: bytes) -> Image.Image:
    """The picture with its size checked before any pixel is decoded."""
    # Our own limits below give the reason with numbers; this one is for what a plugin allocates on its own.
    Image.MAX_IMAGE_PIXELS = 2 * MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = Image.open(io.BytesIO(data), formats=OPEN_FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadImage("image_too_large", limit=MAX_PIXELS // 1_000_000) from None
    except UnidentifiedImageError:
        foreign = foreign_format(data)
        if foreign:
            raise BadImage("image_format", format=foreign) from None
        raise BadImage("image_broken" if is_accepted(data) else "image_unknown") from None
    if image.format not in FORMATS:
        raise BadImage("image_format", format=str(image.format))
    if image.width * image.height > MAX_PIXELS:
        raise BadImage("image_too_many_pixels", width=image.width, height=image.height, limit=MAX_PIXELS // 1_000_000)
    if max(image.size) > MAX_SIDE:
        raise BadImage("image_too_long", width=image.width, height=image.height, limit=MAX_SIDE)
    if min(image.size) < 1:
        raise BadImage("image_broken")
    return image


def _deep_color(data: bytes, image: Image.Image) -> bool:
    """True for colour with 16 bits per channel, of which Pillow keeps the upper 8: a fixed rule, nothing is clipped."""
    if image.format == "PNG":
        return data[24:26] in {b"\x10\x02", b"\x10\x06", b"\x10\x04"}
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode in {"RGB", "RGBA", "RGBX", "CMYK"}:
        return 16 in tuple(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, ()))
    return False


def _orientation(image: Image.Image, conversion: dict[str, Any]) -> int:
    """The EXIF orientation, 1 when there is none; broken EXIF data does not spoil a sound picture, but it is noted.

    Read after loading: Pillow's TIFF plugin turns the pixels itself while it loads and then forgets the tag.
    """
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        conversion["exif"] = "unreadable"
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image, conversion: dict[str, Any]) -> Image.Image:
    """8-bit RGB by the written rules: deep modes are scaled, transparency is flattened, the rest is converted."""
    if image.mode.startswith(("I", "F")):
        return _scale(image, conversion).convert("RGB")
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        flat = _flatten(image)
        if flat is not None:
            conversion["flattened"] = BACKGROUND
            return flat
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _scale(image: Image.Image, conversion: dict[str, Any]) -> Image.Image:
    """Spread the values of a 16-bit, 32-bit or float picture from its lowest to its highest over 0 to 255.

    Values that are no number count as the lowest, infinite ones as the lowest or highest finite one. A picture with
    one value only becomes black.
    """
    values = np.asarray(image)
    values = values.astype(np.float32 if values.dtype.itemsize == 2 else np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise BadImage("image_no_values")
    low, high = float(values.min(where=finite, initial=np.inf)), float(values.max(where=finite, initial=-np.inf))
    conversion["scaled"] = [low, high]
    if high <= low:
        return Image.new("L", image.size, 0)
    np.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    values -= low
    values *= 255.0 / (high - low)
    np.rint(values, out=values)
    return Image.fromarray(values.astype(np.uint8))


def _flatten(image: Image.Image) -> Image.Image | None:
    """The picture on the background colour, or None when nothing in it is transparent."""
    if image.mode == "1":
        image.info.pop("transparency", None)  # black and white: Pillow cannot carry a transparent value along
        return None
    rgba = image.convert("RGBA")
    alpha = rgba.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return None
    flat = Image.new("RGB", rgba.size, BACKGROUND)
    flat.paste(rgba.convert("RGB"), mask=alpha)
    return flat


def _frames(image: Image.Image) -> int:
    """Number of pictures in the file; 1 when what follows the first one cannot be read."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1


def _encode_png(rgb: Image.Image) -> bytes:
    # Level 1 costs a third of level 6 and makes photographs 3 % larger.
    out = io.BytesIO()
    rgb.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _encode_jpeg(image: Image.Image, rgb: Image.Image, *, turned: bool) -> bytes:
    """Encoded again, with the steps and the colour grid of the file itself where the picture lies as it did there.

    On its own grid a picture meets the same steps as the first time and hardly changes: 0.3 of 255 instead of the 1.0
    that quality 95 costs (root mean square), in two thirds of the bytes.
    """
    tables = getattr(image, "quantization", {})
    sampling = 2 if image.mode == "L" else JpegImagePlugin.get_sampling(image)
    fits = image.mode in {"RGB", "L"} and all(0 < step <= LARGEST_STEP for table in tables.values() for step in table)
    out = io.BytesIO()
    if turned or not tables or not fits or sampling < 0:
        rgb.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        rgb.save(out, "JPEG", qtables=tables, subsampling=sampling)
    return out.getvalue()


def _thumbnail(rgb: Image.Image) -> bytes:
    """The whole picture is decoded already; ``reducing_gap`` saves here what draft decoding saves on a fresh file."""
    small = rgb.copy() if max(rgb.size) <= THUMBNAIL_SIDE else rgb
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()
