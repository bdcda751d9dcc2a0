"""The preview shows what the training would get."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.domain import augment, resize
from app.domain.presets import PRESETS
from app.domain.recipe import Augmentation, Recipe
from app.web import preview
from tests import factories

DATA = factories.png(3, 60)
STRONG = PRESETS["penguins"].recipe.updated({"image_size": 48, "augmentation.brightness_low": 0.7})


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg)).convert("RGB")).astype(int)


def test_tiles__are_the_output_of_the_training_augmentation():
    square = resize.fit(np.asarray(Image.open(BytesIO(DATA)).convert("RGB")), 48, "pad", "#000000")
    draws = augment.draw(STRONG.augmentation, 8, 48, np.random.default_rng(11))
    expected = augment.apply(np.repeat(square[None], 8, axis=0), draws)
    tiles = preview.tiles(DATA, STRONG, seed=11)
    assert np.array_equal(tiles[0], square)
    assert np.abs(tiles[1:] - expected).max() <= 0.5
    sheet = pixels(preview.sprite(tiles))
    assert sheet.shape == (48, 9 * 48, 3)
    for number, tile in enumerate(tiles):
        shown = sheet[:, number * 48 : (number + 1) * 48]
        assert np.abs(shown - tile).mean() < 6  # what JPEG changes in a picture of noise
    assert not np.array_equal(tiles, preview.tiles(DATA, STRONG, seed=12))


def test_tiles__large_inputs_are_shown_smaller():
    assert preview.tiles(DATA, Recipe(image_size=512), seed=0).shape == (9, preview.LARGEST, preview.LARGEST, 3)


def test_extremes__one_operation_at_its_two_limits():
    recipe = Recipe(image_size=60, augmentation=Augmentation(rotation=90, horizontal_flip=True, brightness_low=0.5))
    square = preview.tiles(DATA, Recipe(image_size=60), seed=0)[0]
    turned = preview.extremes(DATA, recipe, "rotation")
    assert np.array_equal(turned[0], np.rot90(square, -1)) or np.array_equal(turned[0], np.rot90(square, 1))
    assert np.array_equal(turned[1], np.rot90(turned[0], 2))
    mirrored = preview.extremes(DATA, recipe, "horizontal_flip")
    assert mirrored.shape[0] == 1
    assert np.array_equal(mirrored[0], square[:, ::-1])
    darker, same = preview.extremes(DATA, recipe, "brightness")
    assert np.array_equal(same, square)
    assert np.array_equal(darker, square // 2)


def test_tiles__mixed_with_another_picture():
    recipe = Recipe(image_size=60, augmentation=Augmentation(mixup=1.0))
    other = factories.png(4, 60)
    square, second = (preview.tiles(data, Recipe(image_size=60), seed=0)[0].astype(int) for data in (DATA, other))
    alone, mixed = preview.tiles(DATA, recipe, 0), preview.tiles(DATA, recipe, 0, other)
    assert np.array_equal(alone[1], alone[0])
    low, high = np.minimum(square, second), np.maximum(square, second)
    assert all(((tile >= low) & (tile <= high)).all() and (tile != square).any() for tile in mixed[1:].astype(int))
    three, half = preview.extremes(DATA, recipe, "mixup", other).astype(int)
    assert np.abs(three - (0.75 * square + 0.25 * second)).max() <= 0.5
    assert np.abs(half - (square + second) / 2).max() <= 0.5


@pytest.mark.parametrize("name", preview.OPERATIONS)
def test_alone__keeps_only_its_own_operation(name):
    every = replace(
        PRESETS["keras-blog-plus"].recipe.augmentation,
        contrast_low=0.5,
        blur=1,
        noise=5,
        erase=0.5,
        mixup=0.2,
        cutmix=1,
    )
    spec = preview.alone(every, preview.OPERATIONS[name])
    assert [operation.name for operation in preview.active(spec)] in ([name], [])


def test_active__of_the_posts():
    names = {name: [item.name for item in preview.active(PRESETS[name].recipe.augmentation)] for name in PRESETS}
    assert names["wbc"] == ["rotation", "horizontal_flip"]
    assert names["cifar"] == []
    assert names["penguins"] == ["rotation", "width_shift", "height_shift", "shear", "zoom", "horizontal_flip"]


def test_extremes__a_shift_in_pixels_is_one_of_the_networks_input():
    """Of 384 pixels 96 are a quarter of the side, also in a tile of half the size."""
    recipe = Recipe(image_size=384, augmentation=Augmentation(width_shift=96))
    square = preview.tiles(DATA, recipe, seed=0)[0]
    left, right = preview.extremes(DATA, recipe, "width_shift")
    edge = preview.LARGEST // 4
    assert np.array_equal(right[:, :-edge], square[:, edge:])
    assert np.array_equal(left[:, edge:], square[:, :-edge])
    parts = preview.extremes(DATA, recipe.updated({"augmentation.width_shift": 0.25}), "width_shift")
    assert np.array_equal(parts, np.stack([left, right]))
    captions = [
        preview.caption(Augmentation(width_shift=shift), preview.OPERATIONS["width_shift"]) for shift in (0.25, 1, 96)
    ]
    assert captions == ["±25 %", "±1 px", "±96 px"]
