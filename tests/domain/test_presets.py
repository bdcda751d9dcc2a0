"""The presets and the page that describes them."""

from pathlib import Path

import pytest

from app.domain.architectures import layer_table
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "presets.md"
CLASSES = {"000": 3, "001": 2, "002": 6, "003": 10, "004": 2}
FREE = 2  # classes of the table of presets that belong to no post


@pytest.mark.parametrize("name", PRESETS)
def test_presets__are_recipes_that_pass_every_check(name):
    recipe = PRESETS[name].recipe
    assert recipe.preset == name
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("name", PRESETS)
def test_page__has_a_row_with_the_values_of_every_preset(name):
    preset = PRESETS[name]
    recipe = preset.recipe
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    parameters = sum(layer.parameters for layer in layer_table(recipe, CLASSES.get(preset.post, FREE)))
    for expected in (recipe.architecture, str(recipe.image_size), f"{parameters:,}"):
        assert expected in cells
    assert f"{recipe.epochs}, {recipe.batch_size}" in row


def test_presets__each_post_has_one_as_published_and_one_improved():
    for post in CLASSES:
        kinds = {preset.improved for preset in PRESETS.values() if preset.post == post}
        assert kinds == {True, False}
