"""What our own copies of JPEG files promise: the pixels that a training sees, against those of the file itself."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.domain.imaging import LOSSLESS_PIXELS, decode
from tests.imports.pictures import encode

SIZE = (251, 187)  # no multiple of 8 or 16
OWN_GRID, ANEW = 0.75, 2.5  # of 255, root mean square: on the grid of the file, and in quality 95


def photo(size: tuple[int, int] = SIZE) -> Image.Image:
    """Soft colours as of a photograph: values at both ends of the scale are clipped anew each time."""
    rng = np.random.default_rng(3)
    grey = rng.integers(60, 200, (24, 32, 1)) + rng.integers(-20, 20, (24, 32, 3))
    small = Image.fromarray(grey.astype(np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def compared(data: bytes) -> tuple[float, bool, str]:
    """(root mean square difference to the file as any viewer shows it, its own tables, kind of the copy)."""
    decoded = decode(data)
    original, copy = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(decoded.canonical))
    wanted = np.asarray(ImageOps.exif_transpose(original).convert("RGB")).astype(float)
    found = np.asarray(copy).astype(float)
    assert found.shape == wanted.shape == (decoded.height, decoded.width, 3)
    assert not copy.getexif()
    apart = float(np.sqrt(((wanted - found) ** 2).mean()))
    tables = getattr(copy, "quantization", None)
    return apart, tables == getattr(original, "quantization", {}), str(copy.format)


@pytest.mark.parametrize("quality", [30, 75, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_copy__on_the_grid_of_the_file(quality, subsampling):
    apart, own, kind = compared(encode(photo(), "JPEG", quality=quality, subsampling=subsampling))
    assert (own, kind) == (True, "JPEG")
    assert apart < OWN_GRID


@pytest.mark.parametrize(
    ("mode", "options"), [("L", {}), ("RGB", {"progressive": True}), ("RGB", {"optimize": True, "quality": 60})]
)
def test_copy__of_grey_and_progressive_files_is_on_their_grid(mode, options):
    apart, own, kind = compared(encode(photo().convert(mode), "JPEG", **options))
    assert (own, kind) == (True, "JPEG")
    assert apart < OWN_GRID


@pytest.mark.parametrize("orientation", range(1, 9))
def test_copy__is_upright_and_turned_ones_are_encoded_anew(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    apart, own, _kind = compared(encode(photo(), "JPEG", quality=80, exif=exif))
    assert own == (orientation == 1)
    assert apart < (OWN_GRID if orientation == 1 else ANEW)


def test_copy__of_cmyk_is_encoded_anew():
    apart, own, _kind = compared(encode(photo().convert("CMYK"), "JPEG", quality=80))
    assert not own
    assert apart < ANEW


def test_copy__of_a_small_file_has_the_very_pixels_of_the_file():
    assert compared(encode(photo((128, 128)), "JPEG", quality=40)) == (0.0, False, "PNG")
    assert compared(encode(photo((129, 128)), "JPEG", quality=40))[2] == "JPEG"


@pytest.mark.real
def test_copy__of_real_photographs(shared_data):
    files = sorted((shared_data / "cats_dogs").rglob("*.jpg"))[::65]
    large = [
        compared(data)
        for data in (file.read_bytes() for file in files)
        if np.prod(Image.open(io.BytesIO(data)).size) > LOSSLESS_PIXELS
    ]
    assert len(large) > 30
    assert all(own for _apart, own, _kind in large)
    assert np.mean([apart for apart, *_rest in large]) < 0.5
