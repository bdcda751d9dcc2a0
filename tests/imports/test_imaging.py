import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.domain import imaging
from app.domain.errors import BadImage
from app.domain.imaging import decode
from tests.imports.pictures import encode, huge_png, picture, pixels


def refusal(data: bytes) -> str:
    with pytest.raises(BadImage) as caught:
        decode(data)
    return caught.value.code


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation__all_eight_give_the_same_upright_picture(orientation):
    upright = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 33, 3), dtype=np.uint8))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what a camera would have stored: the inverse operation
    stored = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encode(stored, "PNG", exif=exif))
    assert (decoded.width, decoded.height) == (33, 20)
    np.testing.assert_array_equal(pixels(decoded.canonical), np.asarray(upright))


def test_orientation__tiff_is_turned_once():
    upright = Image.fromarray(np.random.default_rng(2).integers(0, 256, (20, 33, 3), dtype=np.uint8))
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    decoded = decode(encode(stored, "TIFF", tiffinfo={0x0112: 6}))
    np.testing.assert_array_equal(pixels(decoded.canonical), np.asarray(upright))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit__spread_from_lowest_to_highest(file_format):
    ramp = np.linspace(1000, 5000, 64 * 64).astype(np.uint16).reshape(64, 64)
    decoded = decode(encode(Image.fromarray(ramp), file_format))
    grey = pixels(decoded.canonical)
    assert decoded.conversion["scaled"] == [1000.0, 5000.0]
    expected = np.rint((ramp.astype(float) - 1000) * 255 / 4000)
    assert np.abs(grey[..., 0] - expected).max() <= 1
    assert len(np.unique(grey)) == 256
    assert (grey[..., 0] == grey[..., 2]).all()


def test_float__values_that_are_no_numbers_are_the_lowest():
    values = np.linspace(-0.5, 0.5, 100, dtype=np.float32).reshape(10, 10)
    values[0, 5], values[9, 0], values[9, 1] = np.nan, np.inf, -np.inf
    decoded = decode(encode(Image.fromarray(values), "TIFF"))
    grey = pixels(decoded.canonical)[..., 0]
    assert (grey[0, 5], grey[9, 0], grey[9, 1], grey[9, 9]) == (0, 255, 0, 255)
    assert decoded.conversion["scaled"] == [-0.5, 0.5]


def test_float__whole_range_does_not_overflow():
    values = np.array([[np.finfo(np.float32).min, 0], [1, np.finfo(np.float32).max]], np.float32)
    assert pixels(decode(encode(Image.fromarray(values), "TIFF")).canonical)[..., 0].tolist() == [[0, 128], [128, 255]]


def test_float__no_finite_value_is_refused():
    assert refusal(encode(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF")) == "image_no_values"


def test_sixteen_bit__constant_picture_is_black():
    decoded = decode(encode(Image.fromarray(np.full((4, 4), 777, np.uint16)), "TIFF"))
    assert pixels(decoded.canonical).max() == 0
    assert decoded.conversion["scaled"] == [777.0, 777.0]


def test_alpha__hidden_colour_does_not_show():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[..., :3], rgba[0, 0, 3] = (10, 200, 30), 255
    decoded = decode(encode(Image.fromarray(rgba)))
    assert pixels(decoded.canonical)[0, 0].tolist() == [10, 200, 30]
    assert pixels(decoded.canonical)[1, 1].tolist() == [255, 255, 255]
    assert decoded.conversion["flattened"] == "#ffffff"


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA", "YCbCr", "LAB"])
def test_modes__become_rgb(mode):
    image = Image.open(io.BytesIO(picture())).convert("L" if mode == "1" else "RGB")
    image = image.convert("RGBA").convert("LA") if mode == "LA" else image.convert(mode) if mode != "LAB" else image
    if mode == "LAB":
        image = Image.new("LAB", (8, 8), (128, 128, 128))
    decoded = decode(encode(image, "TIFF" if mode in {"CMYK", "LAB", "YCbCr"} else "PNG"))
    assert pixels(decoded.canonical).shape[2] == 3


def test_animation__first_frame_with_notice():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    decoded = decode(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert decoded.conversion["frames"] == 3
    assert pixels(decoded.canonical)[0, 0].tolist() == [255, 0, 0]


def test_metadata__text_and_exif_do_not_survive():
    info = PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = encode(Image.open(io.BytesIO(picture())), "PNG", pnginfo=info, exif=exif)
    assert b"script" in data
    decoded = decode(data + b"PK\x03\x04<html>tail")
    for copy in (decoded.canonical, decoded.thumbnail):
        assert b"script" not in copy
        assert b"secret" not in copy
        assert b"tail" not in copy


def test_polyglots__only_the_picture_comes_back():
    gif = picture(file_format="GIF") + b"PK\x05\x06" + bytes(18)
    jpeg = picture(file_format="JPEG", comment=b"*/alert(1)/*") + b"<script>"
    for data in (gif, jpeg):
        decoded = decode(data)
        assert b"alert" not in decoded.canonical
        assert b"script" not in decoded.canonical
        assert b"PK\x05\x06" not in decoded.canonical


def test_copy__small_jpeg_is_kept_without_loss_and_large_as_jpeg():
    small = picture(1, (100, 100), "JPEG")
    decoded = decode(small)
    assert decoded.conversion["copy"] == "PNG"
    np.testing.assert_array_equal(pixels(decoded.canonical), pixels(small))
    large = picture(1, (400, 300), "JPEG")
    decoded = decode(large)
    assert decoded.conversion["copy"] == "JPEG"
    assert np.abs(pixels(decoded.canonical).astype(int) - pixels(large)).mean() < 1.0
    assert max(pixels(decoded.thumbnail).shape) == 256


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [20, 75, 95])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_copy__of_a_jpeg_meets_the_steps_of_the_file_again(mode, quality, sampling):
    smooth = Image.open(io.BytesIO(picture(1, (16, 12)))).resize((200, 150), Image.Resampling.BICUBIC)
    data = encode(smooth.convert(mode), "JPEG", quality=quality, subsampling=sampling, comment=b"secret") + b"tail"
    decoded = decode(data)
    original = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
    difference = pixels(decoded.canonical) - original
    assert np.sqrt((difference**2).mean()) < 0.8
    assert Image.open(io.BytesIO(decoded.canonical)).mode == "RGB"
    assert decoded.canonical != data
    assert b"secret" not in decoded.canonical
    assert b"tail" not in decoded.canonical


def test_copy__that_is_small_is_its_own_thumbnail():
    decoded = decode(picture(1, (200, 150), "JPEG"))
    assert decoded.thumbnail is decoded.canonical
    assert decode(picture(1, (300, 150), "JPEG")).thumbnail != decoded.canonical


def test_copy__of_a_turned_jpeg_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.open(io.BytesIO(picture(1, (8, 6)))).resize((200, 150))
    data = encode(lying, "JPEG", quality=90, exif=exif)
    decoded = decode(data)
    assert (decoded.width, decoded.height, decoded.conversion["copy"]) == (150, 200, "JPEG")
    upright = np.asarray(Image.open(io.BytesIO(data)).transpose(Image.Transpose.ROTATE_270)).astype(float)
    assert np.sqrt(((pixels(decoded.canonical) - upright) ** 2).mean()) < 2


def test_limits__pixels_and_sides():
    assert refusal(huge_png(7000, 6000)) == "image_too_many_pixels"
    assert refusal(huge_png(20_001, 10)) == "image_too_long"
    assert refusal(huge_png(60_000, 60_000)) == "image_too_large"
    assert decode(huge_png(20_000, 16)).width == 20_000


@pytest.mark.parametrize("share", range(1, 10))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_truncated__refused_at_every_tenth(share, file_format):
    data = picture(3, (120, 90), file_format)
    assert refusal(data[: len(data) * share // 10]) in {"image_truncated", "image_broken", "image_unknown"}


@pytest.mark.parametrize(
    ("data", "code", "name"),
    [
        (b"", "image_empty", None),
        (b"hello", "image_unknown", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image_format", "SVG"),
        (b"<!DOCTYPE html><p>", "image_format", "HTML"),
        (b"%PDF-1.7", "image_format", "PDF"),
        (b"\x00\x00\x00\x18ftypheic", "image_format", "HEIC"),
        (b"8BPS\x00\x01", "image_format", "Photoshop"),
        (bytes(128) + b"DICM", "image_format", "DICOM"),
        (b"PK\x03\x04", "image_format", "zip"),
    ],
)
def test_foreign__is_named(data, code, name):
    with pytest.raises(BadImage) as caught:
        decode(data)
    assert caught.value.code == code
    assert caught.value.params.get("format") == name


def test_formats__of_pillow_that_are_not_ours_stay_closed():
    for file_format in ("PPM", "PCX", "ICO", "TGA"):
        assert refusal(picture(file_format=file_format)) in {"image_format", "image_unknown"}


def test_constants__are_those_of_the_documentation():
    assert (imaging.MAX_PIXELS, imaging.MAX_SIDE, imaging.THUMBNAIL_SIDE) == (40_000_000, 20_000, 256)
