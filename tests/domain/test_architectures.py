"""Networks on paper: the parameters of the posts, and pictures that are too small."""

from dataclasses import replace

import pytest

from app.domain.architectures import BUILDERS, layer_table, smallest_size
from app.domain.errors import Invalid
from app.domain.presets import PRESETS
from app.domain.recipe import ARCHITECTURES, Recipe


def test_builders__one_for_each_architecture():
    assert set(BUILDERS) == set(ARCHITECTURES)


@pytest.mark.parametrize(
    ("preset", "classes", "parameters"),
    [("wbc", 3, 10_250_179), ("penguins", 6, 2_603_718), ("cifar", 10, 1_250_858), ("deepconv", 2, 392_232)],
)
def test_layer_table__has_the_parameters_of_the_posts(preset, classes, parameters):
    assert sum(layer.parameters for layer in layer_table(PRESETS[preset].recipe, classes)) == parameters


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layer_table__a_picture_that_is_too_small_is_refused(name):
    size = smallest_size(name)
    assert layer_table(Recipe(architecture=name, image_size=size), 2)
    with pytest.raises(Invalid, match="network_needs_larger_images") as refusal:
        layer_table(replace(Recipe(architecture=name), image_size=size - 1), 2)
    assert refusal.value.params["smallest"] == size
