"""Smaller steps, and as many pictures as before for each change of the weights."""

import pytest

from app.domain import gathering
from app.domain.recipe import Recipe


@pytest.mark.parametrize(
    ("size", "gathered", "learned", "batch", "wanted"),
    [
        (32, 1, 0, 16, 2),
        (32, 2, 0, 16, 4),
        (5, 1, 0, 2, 2),  # the nearest there is
        (1024, 64, 0, 512, 64),  # no recipe may gather more
        (256, 1, 96, 24, 4),  # there are only 96 to learn from
        (64, 3, 500, 64, 3),
    ],
)
def test_in_steps_of__keeps_the_pictures_of_one_change(size, gathered, learned, batch, wanted):
    recipe = Recipe(batch_size=size, accumulation=gathered)
    found = gathering.in_steps_of(batch, recipe, learned)
    assert found == {"batch_size": batch, "accumulation": wanted}
    assert recipe.updated(found).accumulation == wanted
