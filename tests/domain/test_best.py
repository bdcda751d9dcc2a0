"""Which recipes are tried, when nothing is left to win, and how long the next one may take."""

from dataclasses import replace

import pytest

from app.domain import best
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe

FIRST = best.candidates(1000, 200)[0]


@pytest.mark.parametrize("images", [20, 300, 301, 5000])
@pytest.mark.parametrize("side", [28, 64, 65, 1000])
def test_candidates__are_validated_alike(images, side):
    found = best.candidates(images, side)
    assert len({recipe.pretrained for recipe in found}) == 2
    assert len({(recipe.folds, recipe.validation_share, recipe.group_by) for recipe in found}) == 1
    assert all(Recipe.from_json(recipe.to_json()) == recipe for recipe in found)
    assert all(best.about(recipe, images, images) > 0 for recipe in found)
    assert all(recipe.pretrained or best.pace(recipe) > 0 for recipe in found)


@pytest.mark.parametrize(("smallest", "folds"), [(30, 5), (3, 3), (2, 2), (1, 5), (0, 5)])
def test_candidates__no_more_folds_than_the_smallest_class_has_images(smallest, folds):
    assert {recipe.folds for recipe in best.candidates(90, 100, smallest)} == {folds}


@pytest.mark.parametrize(
    ("right", "images", "settled"),
    [
        (118, 119, True),  # monkeys6
        (395, 400, True),
        (394, 400, False),  # six: a model without a mistake would be better beyond chance
        (84, 90, False),  # wbc90
        (86, 90, False),  # as few mistakes, but 89 % may be all that it is worth
        (90, 90, True),
        (10, 10, False),
        (0, 0, False),
    ],
)
def test_settled__few_mistakes_that_are_surely_few(right, images, settled):
    assert best.settled(right, images) is settled


def test_meant__any_change_but_that_of_the_seed_is_one_training():
    begun = replace(FIRST, preset=best.NAME)
    assert best.meant(begun, FIRST)
    assert best.meant(replace(begun, seed=7), FIRST)
    assert not best.meant(FIRST, FIRST)
    assert not best.meant(replace(begun, epochs=begun.epochs + 1), FIRST)


def test_bounded__fits_what_is_left_of_the_time_or_as_long_as_the_first_took():
    recipe = replace(PRESETS["wbc-plus"].recipe, epochs=60)
    assert best.bounded(recipe, 1000, 0.001, 10.0) == recipe
    assert best.bounded(recipe, 1000, 0.005, best.SECONDS - 50).epochs == 10
    assert best.bounded(recipe, 1000, 0.005, best.SECONDS * 2).epochs == 34
    assert best.bounded(recipe, 100_000, 0.005, 10.0).epochs == best.FEWEST_EPOCHS
    assert best.bounded(recipe, 0, 0.0, 10.0) == recipe
    fine = PRESETS["transfer-tiny"].recipe
    assert best.bounded(fine, 8000, 0.004, 40.0).fine_epochs == best.FEWEST_FINE
    assert best.bounded(fine, 8000, 0.001, 40.0) == fine
    assert best.bounded(fine, 8000, 0.0014, 40.0, 10.0).fine_epochs == best.FEWEST_FINE  # what comes before counts
    assert best.bounded(recipe, 1000, 0.005, 10.0, 1000.0).epochs == best.FEWEST_EPOCHS


def test_candidates__of_tiny_pictures_leave_most_of_the_time_to_the_pretrained_network():
    scratch, pretrained = best.candidates(6_000, 32)
    assert (scratch.epochs, scratch.pretrained, pretrained.unfrozen_blocks) == (best.ENOUGH, False, 3)
    assert [recipe.preset for recipe in best.candidates(6_200, 32)] == [
        "transfer-tiny"
    ]  # of so many it sees too little
    assert best.candidates(2_000, 28)[0].epochs == 30
    few = best.candidates(90, 100)[1]
    assert (few.preset, few.epochs, few.folds) == ("wbc-plus", PRESETS["wbc-plus"].recipe.epochs, best.FOLDS)
