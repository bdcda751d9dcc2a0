"""The networks against the layer tables of the posts."""

import itertools
from dataclasses import replace

import keras
import pytest

from app.domain.backbones import OFFLINE
from app.domain.errors import Invalid
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.domain.recipe_fields import ARCHITECTURES, PRECISIONS, RESIZE_MODES
from tests.chaos.record import FULL
from worker.ml import check, models

pytestmark = pytest.mark.ml

POSTS = {
    # preset: (classes, parameters, [(kind, shape, parameters) of every layer that the post's table names])
    "wbc": (
        3, 10_250_179,
        [("Conv2D", (100, 100, 32), 896), ("MaxPooling2D", (50, 50, 32), 0), ("Conv2D", (50, 50, 64), 8256),
         ("MaxPooling2D", (25, 25, 64), 0), ("Flatten", (40_000,), 0), ("Dense", (256,), 10_240_256),
         ("Dropout", (256,), 0), ("Dense", (3,), 771)],
    ),
    "keras-blog": (
        2, 1_212_578,  # 1,212,513 with one sigmoid output: a softmax of two has 65 more
        [("Conv2D", (148, 148, 32), 896), ("MaxPooling2D", (74, 74, 32), 0), ("Conv2D", (72, 72, 32), 9248),
         ("MaxPooling2D", (36, 36, 32), 0), ("Conv2D", (34, 34, 64), 18_496), ("MaxPooling2D", (17, 17, 64), 0),
         ("Flatten", (18_496,), 0), ("Dense", (64,), 1_183_808), ("Dropout", (64,), 0), ("Dense", (2,), 130)],
    ),
    "penguins": (
        6, 2_603_718,
        [("Conv2D", (126, 126, 32), 896), ("MaxPooling2D", (63, 63, 32), 0), ("Conv2D", (61, 61, 64), 18_496),
         ("MaxPooling2D", (30, 30, 64), 0), ("Conv2D", (28, 28, 128), 73_856), ("MaxPooling2D", (14, 14, 128), 0),
         ("Conv2D", (12, 12, 128), 147_584), ("MaxPooling2D", (6, 6, 128), 0), ("Flatten", (4608,), 0),
         ("Dense", (512,), 2_359_808), ("Dense", (6,), 3078)],
    ),
    "cifar": (
        10, 1_250_858,
        [("Conv2D", (32, 32, 32), 896), ("Conv2D", (30, 30, 32), 9248), ("MaxPooling2D", (15, 15, 32), 0),
         ("Dropout", (15, 15, 32), 0), ("Conv2D", (15, 15, 64), 18_496), ("Conv2D", (13, 13, 64), 36_928),
         ("MaxPooling2D", (6, 6, 64), 0), ("Dropout", (6, 6, 64), 0), ("Flatten", (2304,), 0),
         ("Dense", (512,), 1_180_160), ("Dropout", (512,), 0), ("Dense", (10,), 5130)],
    ),
    "deepconv": (
        2, 392_232,
        [("Conv2D", (80, 80, 16), 448), ("Conv2D", (80, 80, 16), 2320), ("MaxPooling2D", (40, 40, 16), 0),
         ("Conv2D", (40, 40, 32), 4640), ("ZeroPadding2D", (44, 44, 32), 0), ("Conv2D", (42, 42, 32), 9248),
         ("MaxPooling2D", (21, 21, 32), 0), ("Conv2D", (21, 21, 64), 18_496), ("Conv2D", (21, 21, 64), 36_928),
         ("MaxPooling2D", (10, 10, 64), 0), ("Flatten", (6400,), 0), ("Dense", (50,), 320_050),
         ("Dropout", (50,), 0), ("Dense", (2,), 102), ("Dropout", (2,), 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POSTS)
def test_layer_table__is_that_of_the_post(name):
    classes, parameters, expected = POSTS[name]
    table = models.layer_table(PRESETS[name].recipe, classes)
    assert sum(row.parameters for row in table) == parameters
    assert [(row.kind, row.shape, row.parameters) for row in table if row.kind not in ("ReLU", "Softmax")] == expected


def test_build__deepconv_draws_its_weights_as_the_book_does():
    model = models.build(PRESETS["deepconv"].recipe, 2)
    kinds = {type(layer.kernel_initializer).__name__ for layer in model.layers if hasattr(layer, "kernel_initializer")}
    assert kinds == {"HeNormal"}
    assert model.get_layer("logit_dropout").rate == 0.5


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_build__mixed_precision_ends_in_float32_and_leaves_no_global_policy(name):
    before = keras.config.dtype_policy().name
    model = models.build(Recipe(architecture=name, image_size=64), 4, "mixed_bfloat16")
    assert keras.config.dtype_policy().name == before == "float32"
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert model.get_layer("logits").compute_dtype == "float32"
    assert model.output.dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_build__a_picture_too_small_for_the_network_is_refused():
    with pytest.raises(Invalid, match="network_needs_larger_images") as caught:
        models.build(replace(PRESETS["penguins"].recipe, image_size=32), 3)
    assert caught.value.params["size"] == 32


def contract() -> list[tuple[str, str, str]]:
    """Every network, way of resizing and precision; each small network with one of them unless CHAOS is full."""
    every = list(itertools.product((*ARCHITECTURES, OFFLINE), RESIZE_MODES, PRECISIONS[1:]))
    ways = len(RESIZE_MODES) * len(PRECISIONS[1:])
    return every if FULL else [every[number * ways + number % ways] for number in range(len(ARCHITECTURES))]


@pytest.mark.parametrize(("name", "mode", "precision"), contract())
def test_check_recipe__every_architecture_from_building_to_explaining(name, mode, precision):
    recipe = Recipe(
        architecture=name, resize_mode=mode, precision=precision, image_size=64, batch_size=4, learning_rate=0.001
    )
    result = check.check_recipe(recipe)
    assert result.passed
    assert result.map_shape[0] == 3
    assert result.parameters > 1000
