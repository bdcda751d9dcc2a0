"""Reading pictures once, in memory or in a mapped file."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.domain.recipe import Recipe
from worker.ml import data, standard

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


def resident() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT CHECKED: only Linux counts it in this way")
def test_let_go__gives_memory_back_and_loses_nothing(tmp_path):
    size = 32 * 2**20
    pictures = data.room((64, size // 64), np.uint8, tmp_path, 0)
    pictures[:] = np.arange(64, dtype=np.uint8)[:, None]
    full = resident()
    data.let_go(pictures)
    assert full - resident() > size * 0.8
    np.testing.assert_array_equal(pictures[:, -1], np.arange(64))
    whole = np.ones(3)
    data.let_go(whole)  # nothing happens to an array in memory
    np.testing.assert_array_equal(whole, 1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT CHECKED: only Linux counts it in this way")
def test_taken__of_a_mapped_array_is_the_same_and_leaves_its_pages_where_they_are(tmp_path):
    shape = (400, 3, 20_000)
    whole = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    mapped = data.room(shape, np.uint8, tmp_path, 0)
    mapped[:] = whole
    data.let_go(mapped)
    places = np.random.default_rng(1).permutation(400)[:250]
    versions = places % 3
    before = resident()
    found, layer = data.taken(mapped, places), data.taken(mapped, places, versions)
    assert resident() - before < found.nbytes + layer.nbytes + 4 * 2**20
    np.testing.assert_array_equal(found, whole[places])
    np.testing.assert_array_equal(layer, whole[places, versions])
    np.testing.assert_array_equal(data.taken(mapped, places[:0]), whole[:0])


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
    found = standard.statistics(pictures, chosen)
    np.testing.assert_allclose(found.mean, (pictures[chosen] / 255).mean(axis=(0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(found.std, (pictures[chosen] / 255).std(axis=(0, 1, 2)), atol=1e-10)
