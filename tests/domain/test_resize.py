"""Bringing pictures to the square of the network."""

import numpy as np
import pytest

from app.domain import resize
from app.domain.errors import Invalid
from app.domain.recipe import RESIZE_MODES

RED, BLACK = (255, 0, 0), (0, 0, 0)


def picture(height: int, width: int) -> np.ndarray:
    """Left third red, middle third green, right third blue."""
    image = np.zeros((height, width, 3), np.uint8)
    for channel, part in enumerate(np.array_split(np.arange(width), 3)):
        image[:, part, channel] = 255
    return image


@pytest.mark.parametrize("mode", RESIZE_MODES)
@pytest.mark.parametrize("shape", [(60, 120), (120, 60), (7, 5), (1, 300), (90, 90)])
def test_fit__gives_the_square(mode, shape):
    result = resize.fit(picture(*shape), 90, mode)
    assert result.shape == (90, 90, 3)
    assert result.dtype == np.uint8


def test_fit__leaves_a_picture_of_this_size_alone():
    image = picture(32, 32)
    for mode in RESIZE_MODES:
        np.testing.assert_array_equal(resize.fit(image, 32, mode), image)


def test_fit__stretch_keeps_all_three_thirds():
    result = resize.fit(picture(60, 180), 60, "stretch")
    assert [int(result[30, x].argmax()) for x in (10, 30, 50)] == [0, 1, 2]


def test_fit__crop_keeps_the_middle():
    result = resize.fit(picture(60, 180), 60, "crop")
    assert (result[:, 2:-2].argmax(axis=2) == 1).all()


def test_fit__pad_shows_everything_between_bars_of_the_colour():
    result = resize.fit(picture(60, 180), 60, "pad", "#102030")
    assert (result[:20] == (0x10, 0x20, 0x30)).all()
    assert (result[40:] == (0x10, 0x20, 0x30)).all()
    assert [int(result[30, x].argmax()) for x in (10, 30, 50)] == [0, 1, 2]


def test_fit__pad_of_a_tall_picture_has_bars_at_the_sides():
    result = resize.fit(np.full((40, 20, 3), 200, np.uint8), 40, "pad")
    assert (result[:, :10] == 0).all()
    assert (result[:, 10:30] == 200).all()


def test_fit__smaller_pictures_are_averaged_and_not_skipped():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    result = resize.fit(stripes, 40, "stretch")
    assert abs(float(result.mean()) - 100) < 1
    assert float(result[:, 5:-5].std()) < 2


def test_fit__unknown_mode_and_wrong_arrays_are_refused():
    with pytest.raises(Invalid, match="field_choice"):
        resize.fit(picture(9, 9), 8, "squeeze")
    for wrong in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 0, 3), np.uint8)):
        with pytest.raises(Invalid, match="picture_shape"):
            resize.fit(wrong, 8, "stretch")
    with pytest.raises(Invalid, match="picture_shape"):
        resize.fit(np.zeros((9, 9, 3), np.float32), 8, "stretch")
