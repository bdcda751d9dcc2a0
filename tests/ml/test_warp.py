"""The training's kernel against the preview's NumPy warp and against Keras' own transform."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as keras_legacy

from app.domain import augment, mixing
from app.domain.augment_pixels import BRIGHTNESS, CHANNEL_SHIFT
from app.domain.recipe import FILL_MODES, Augmentation, Recipe
from worker.ml import pixels, warp

pytestmark = pytest.mark.ml

SIZE = 64
ALL: dict[str, Any] = {
    "rotation": 40, "width_shift": 0.2, "height_shift": 0.2, "shear": 15, "zoom_low": 0.7, "zoom_high": 1.4,
    "horizontal_flip": True, "vertical_flip": True,
}  # fmt: skip
OPERATIONS: dict[str, dict[str, Any]] = {
    "rotation": {"rotation": 180},
    "shifts": {"width_shift": 0.3, "height_shift": 0.1},
    "shear": {"shear": 30},
    "zoom": {"zoom_low": 0.5, "zoom_high": 1.8},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "channel shift": {"channel_shift": 60},
    "brightness": {"brightness_low": 0.4, "brightness_high": 1.8},
    "contrast": {"contrast_low": 0.3, "contrast_high": 1.7},
    "blur": {"blur": 2.5},
    "noise": {"noise": 40},
    "erase": {"erase": 0.8},
    "affine": ALL,
    "all": ALL
    | {
        "channel_shift": 40,
        "brightness_low": 0.5,
        "brightness_high": 1.5,
        "contrast_low": 0.5,
        "blur": 1,
        "noise": 9,
        "erase": 0.5,
    },
}


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_kernel__equals_the_preview(mode, name):
    spec = Augmentation(**OPERATIONS[name], fill_mode=mode, fill_value=90)
    images = noise(16)
    draws = augment.draw(spec, 16, SIZE, np.random.default_rng(3))
    kernel = warp.make_kernel(spec, SIZE, lambda pictures: pictures)
    ours = kernel(images, draws.matrices, draws.pixels).numpy()
    # On the scale 0 to 255. The pictures are noise, far rougher than photographs.
    assert np.abs(ours - augment.apply(images, draws)).mean() <= 0.001


@pytest.mark.parametrize("mode", FILL_MODES)
def test_apply__equals_keras_with_all_operations(mode):
    generator = keras_legacy.ImageDataGenerator(fill_mode=mode, cval=90, data_format="channels_last")
    rng = np.random.default_rng(11)
    spec = Augmentation(channel_shift=1, brightness_low=0.5, fill_mode=mode, fill_value=90)
    differences = []
    for image in noise(12):
        rotation, shear, intensity = rng.uniform(-180, 180), rng.uniform(-20, 20), rng.uniform(-50, 50)
        shift, zoom, flip = rng.uniform(-15, 15, 2), rng.uniform(0.6, 1.5, 2), rng.random(2) < 0.5
        brightness = rng.uniform(0.5, 1.5)
        parameters = {
            "theta": rotation, "tx": shift[0], "ty": shift[1], "shear": shear, "zx": zoom[0], "zy": zoom[1],
            "flip_horizontal": flip[0], "flip_vertical": flip[1], "channel_shift_intensity": intensity,
            "brightness": brightness,
        }  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its scipy namespace is an old one
            expected = generator.apply_transform(image.astype(np.float32), parameters)
        matrix = augment.matrices(
            SIZE, rotation=np.array([rotation]), shift=shift[None], shear=np.array([shear]), zoom=zoom[None],
            flip=flip[None],
        )  # fmt: skip
        draws = replace(augment.draw(spec, 1, SIZE, rng), matrices=matrix)
        draws.pixels[0, [CHANNEL_SHIFT, BRIGHTNESS]] = intensity, brightness
        differences.append(np.abs(augment.apply(image[None], draws)[0] - expected).mean())
    # The whole-number step of the brightness turns a rounding difference into 1 in very few pixels.
    assert np.mean(differences) <= 0.001


@pytest.mark.parametrize("shift", [0.25, 0.999, 1.0, 1.5, 12.0])
def test_draw__a_shift_has_the_meaning_that_keras_gives_a_float(shift):
    """Below 1 a part of the side, from 1 on pixels, drawn evenly from both sides."""
    generator = keras_legacy.ImageDataGenerator(width_shift_range=shift, data_format="channels_last")
    theirs = np.sort([generator.get_random_transform((SIZE, SIZE, 3), seed)["ty"] for seed in range(1500)])
    spec = Recipe().updated({"augmentation.width_shift": shift}).augmentation
    ours = np.sort(augment.draw(spec, 1500, SIZE, np.random.default_rng(2)).matrices[:, 2])
    limit = shift * SIZE if shift < 1 else shift
    assert 0.98 * limit < max(-theirs[0], theirs[-1]) <= limit
    assert np.abs(ours - theirs).max() < 0.1 * limit


@pytest.mark.parametrize("values", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}])
def test_mixed__equals_the_preview(values):
    drawn = mixing.draw(Augmentation(**values), 12, SIZE, np.random.default_rng(3))
    images = noise(12).astype(np.float32)
    ours = pixels.mixed(images, drawn).numpy()
    np.testing.assert_allclose(ours, mixing.apply(images, np.roll(images, 1, axis=0), drawn), atol=1e-3)
    assert np.abs(ours - images).mean() > 1
