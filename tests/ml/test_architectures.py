"""The tables that the form works out are those of the networks that are trained."""

import pytest

from app.domain.architectures import layer_table
from app.domain.recipe import ARCHITECTURES, Recipe
from worker.ml import models

pytestmark = pytest.mark.ml


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("size", [47, 100])
def test_layer_table__is_that_of_keras(name, size):
    recipe = Recipe(architecture=name, image_size=size, logit_dropout=0.5)
    expected = [(row.name, row.kind, row.shape, row.parameters) for row in models.layer_table(recipe, 5)]
    assert [(row.name, row.kind, row.shape, row.parameters) for row in layer_table(recipe, 5)] == expected
