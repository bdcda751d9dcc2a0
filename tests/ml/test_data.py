"""Reading pictures once, in memory or in a mapped file."""

import io

import numpy as np
import pytest
from PIL import Image

from app.domain.recipe import Recipe
from worker.ml import data

pytestmark = pytest.mark.ml

RECIPE = Recipe(image_size=24)


def encoded(value: int, size: tuple[int, int] = (24, 24), file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(buffer, file_format)
    return buffer.getvalue()


@pytest.mark.parametrize("limit", [10**9, 100])
def test_load__reads_each_picture_once_in_order(limit, tmp_path):
    asked: list[int] = []
    heard: list[tuple[int, int]] = []

    def read(index: int) -> bytes:
        asked.append(index)
        return encoded(index % 256, (30, 20))

    pictures = data.load(
        300, read, RECIPE, folder=tmp_path, memory_limit=limit, progress=lambda *values: heard.append(values)
    )
    assert isinstance(pictures, np.memmap) == (limit == 100)
    assert sorted(asked) == list(range(300))
    assert pictures.shape == (300, 24, 24, 3)
    np.testing.assert_array_equal(pictures[:, 5, 5, 0], np.arange(300) % 256)
    assert heard == [(256, 300), (300, 300)]
    assert list(tmp_path.iterdir()) == []  # nothing is left behind, whatever becomes of the process


def test_load__stops():
    with pytest.raises(data.LoadingStopped):
        data.load(5, encoded, RECIPE, should_stop=lambda: True)


def test_load__a_reading_error_is_passed_on():
    def read(index: int) -> bytes:
        raise OSError(f"picture {index} is gone")

    with pytest.raises(OSError, match="picture 0 is gone"):
        data.load(1, read, RECIPE)


def test_square__grey_and_transparent_copies_become_rgb():
    buffer = io.BytesIO()
    Image.new("L", (10, 40), 77).save(buffer, "PNG")
    assert data.square(buffer.getvalue(), RECIPE).shape == (24, 24, 3)


def test_statistics__equal_numpy():
    pictures = np.random.default_rng(0).integers(0, 256, (600, 5, 5, 3), dtype=np.uint8)
    chosen = np.arange(3, 590, 2)
    found = data.statistics(pictures, chosen)
    np.testing.assert_allclose(found.mean, (pictures[chosen] / 255).mean(axis=(0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(found.std, (pictures[chosen] / 255).std(axis=(0, 1, 2)), atol=1e-10)
