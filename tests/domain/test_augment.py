"""Augmentation against scipy, whose transform Keras' ImageDataGenerator uses, and what each operation means."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from scipy import ndimage

from app.domain import augment
from app.domain.augment_pixels import BRIGHTNESS, CHANNEL_SHIFT
from app.domain.recipe import FILL_MODES, Augmentation

SIZE = 48
NEUTRAL: dict[str, Any] = {
    "rotation": 0.0,
    "shift": (0.0, 0.0),
    "shear": 0.0,
    "zoom": (1.0, 1.0),
    "flip": (False, False),
}
CASES: dict[str, dict[str, Any]] = {
    "rotation": {"rotation": 33.0},
    "far rotation": {"rotation": -171.0},
    "shift": {"shift": (7.3, -4.6)},
    "whole shift": {"shift": (5.0, 3.0)},
    "shear": {"shear": 25.0},
    "tiny shear": {"shear": 0.2},
    "zoom": {"zoom": (0.7, 1.4)},
    "horizontal flip": {"flip": (True, False)},
    "vertical flip": {"flip": (False, True)},
    "all": {"rotation": 40.0, "shift": (9.1, -6.2), "shear": -12.0, "zoom": (1.3, 0.8), "flip": (True, True)},
}


def noise(n: int = 1, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def matrix_of(**values) -> np.ndarray:
    spec = NEUTRAL | values
    return augment.matrices(
        SIZE,
        rotation=np.array([spec["rotation"]]),
        shift=np.array([spec["shift"]]),
        shear=np.array([spec["shear"]]),
        zoom=np.array([spec["zoom"]]),
        flip=np.array([spec["flip"]]),
    )


def legacy(image: np.ndarray, mode: str, value: float, **values) -> np.ndarray:
    """What keras.src.legacy.preprocessing.image does, written with scipy alone.

    ``tests/ml/test_warp.py`` compares with the function of Keras itself.
    """
    spec = NEUTRAL | values
    angle, shear = math.radians(spec["rotation"]), math.radians(spec["shear"])
    rotation = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    shift = np.array([[1, 0, spec["shift"][0]], [0, 1, spec["shift"][1]], [0, 0, 1]])
    slant = np.array([[1, -math.sin(shear), 0], [0, math.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([*spec["zoom"], 1])
    centre = SIZE / 2 - 0.5
    to, back = (
        np.array([[1, 0, centre], [0, 1, centre], [0, 0, 1]]),
        np.array([[1, 0, -centre], [0, 1, -centre], [0, 0, 1]]),
    )
    matrix = to @ rotation @ shift @ slant @ zoom @ back
    matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    channels = [
        ndimage.affine_transform(
            image[..., c].astype(np.float32), matrix[:2, :2], matrix[:2, 2], order=1, mode=mode, cval=value
        )
        for c in range(3)
    ]
    result = np.stack(channels, axis=-1)
    if spec["flip"][0]:
        result = result[:, ::-1]
    return result[::-1] if spec["flip"][1] else result


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("case", CASES)
def test_warp__equals_scipy(mode, case):
    image = noise()
    ours = augment.warp(image, matrix_of(**CASES[case]), mode, 37.0)[0]
    difference = np.abs(ours - legacy(image[0], mode, 37.0, **CASES[case]))
    # On the scale 0 to 255, for noise, where neighbours differ by 85 on average. The largest one is not bounded for
    # "constant" and "wrap": a place within rounding of the border may fall on either side of it.
    assert difference.mean() <= 0.001
    if mode in ("nearest", "reflect"):
        assert difference.max() <= 0.02


def test_warp__without_change_is_exact():
    images = noise(3)
    np.testing.assert_array_equal(augment.warp(images, np.repeat(matrix_of(), 3, axis=0), "constant", 9), images)


@pytest.mark.parametrize("mode", FILL_MODES)
def test_warp__far_outside_stays_within_the_picture_or_the_value(mode):
    image = noise()
    result = augment.warp(image, matrix_of(shift=(1000.0, -700.0), rotation=20.0), mode, 300.0)
    if mode == "constant":
        assert (result == 300).all()
    else:
        assert result.min() >= 0
        assert result.max() <= 255


def test_shift__horizontal_moves_left_and_right():
    image = noise()
    moved = augment.warp(image, matrix_of(shift=(5.0, 0.0)), "nearest", 0)[0]
    np.testing.assert_array_equal(moved[:, : SIZE - 5], image[0, :, 5:])
    moved = augment.warp(image, matrix_of(shift=(0.0, 5.0)), "nearest", 0)[0]
    np.testing.assert_array_equal(moved[: SIZE - 5], image[0, 5:])


def test_draw__only_width_shift_never_moves_a_row():
    draws = augment.draw(Augmentation(width_shift=0.3), 200, SIZE, np.random.default_rng(0))
    assert np.ptp(draws.matrices[:, 2]) > 20
    np.testing.assert_array_equal(draws.matrices[:, 5], 0)


def test_draw__ranges_are_kept_and_used():
    spec = Augmentation(
        rotation=30, zoom_low=0.8, zoom_high=1.5, channel_shift=20, brightness_low=0.5, brightness_high=1.2,
        horizontal_flip=True,
    )  # fmt: skip
    draws = augment.draw(spec, 5000, SIZE, np.random.default_rng(1))
    a, _, _, d, e, _ = draws.matrices.T
    zoom = np.hypot(a, d)
    assert 0.8 <= zoom.min() < 0.81
    assert 1.49 < zoom.max() <= 1.5
    angle = np.degrees(np.arctan2(d * np.sign(a), np.abs(a)))
    assert -30 - 1e-3 <= angle.min() < -29.5
    assert 29.5 < angle.max() <= 30 + 1e-3
    assert 0.47 < (a < 0).mean() < 0.53
    assert (e > 0).all()
    assert -20 <= draws.pixels[:, CHANNEL_SHIFT].min() < -19.9
    assert 19.9 < draws.pixels[:, CHANNEL_SHIFT].max() <= 20
    assert 0.5 <= draws.pixels[:, BRIGHTNESS].min() < 0.51
    assert 1.19 < draws.pixels[:, BRIGHTNESS].max() <= 1.2


def test_draw__same_seed_same_draws():
    spec = Augmentation(rotation=90, zoom_low=0.5, zoom_high=2, vertical_flip=True)
    first, second = (augment.draw(spec, 9, SIZE, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.matrices, second.matrices)


def test_draw__part_is_the_same_pictures():
    spec = Augmentation(rotation=90, brightness_low=0.5, channel_shift=9)
    draws, images = augment.draw(spec, 6, SIZE, np.random.default_rng(3)), noise(6)
    part = slice(2, 5)
    np.testing.assert_array_equal(augment.apply(images, draws)[part], augment.apply(images[part], draws.part(part)))


def test_apply__channel_shift_stays_within_the_picture():
    images = noise(4) // 2 + 40
    draws = augment.draw(Augmentation(channel_shift=100), 4, SIZE, np.random.default_rng(2))
    result = augment.apply(images, draws)
    for image, shift, changed in zip(images, draws.pixels[:, CHANNEL_SHIFT], result, strict=True):
        expected = np.clip(image.astype(np.float32) + shift, image.min(), image.max())
        np.testing.assert_allclose(changed, expected, atol=1e-4)


def test_apply__brightness_equals_pillow():
    images = noise(8)
    draws = augment.draw(Augmentation(brightness_low=0.2, brightness_high=2.5), 8, SIZE, np.random.default_rng(4))
    for image, factor, changed in zip(images, draws.pixels[:, BRIGHTNESS], augment.apply(images, draws), strict=True):
        expected = np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(float(factor)), np.float32)
        np.testing.assert_array_equal(changed, expected)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-180, 180), st.floats(-40, 40), st.floats(-60, 60), st.floats(0.2, 4), st.sampled_from(FILL_MODES)
)  # fmt: skip
def test_warp__an_even_picture_stays_even(rotation, shift, shear, zoom, mode):
    image = np.full((1, SIZE, SIZE, 3), 143, np.uint8)
    matrix = matrix_of(rotation=rotation, shift=(shift, -shift), shear=shear, zoom=(zoom, 1 / zoom))
    assert (augment.warp(image, matrix, mode, 143.0) == 143).all()
