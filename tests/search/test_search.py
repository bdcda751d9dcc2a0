"""The statistics of a search for settings: draws, rounds, ranking, and the luck of the best one."""

import math
from collections import Counter

import numpy as np
import pytest

from app.domain import search
from app.domain.presets import PRESETS
from app.domain.recipe import FIELDS, Augmentation, Recipe

PLUS = PRESETS["wbc-plus"].recipe


def test_trial__is_the_same_whenever_it_is_drawn_and_the_first_is_the_recipe_itself():
    varied = list(search.dimensions(PLUS).values())
    assert search.trial(PLUS, varied, 3, 0) == PLUS
    assert search.trial(PLUS, varied, 3, 7) == search.trial(PLUS, varied, 3, 7)
    assert len({search.trial(PLUS, varied, 3, number) for number in range(30)}) == 30
    assert search.trial(PLUS, varied, 3, 7) != search.trial(PLUS, varied, 4, 7)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_trial__of_every_preset_is_a_recipe_that_can_be_used(name):
    recipe = PRESETS[name].recipe
    for number in range(1, 40):
        made = search.trial(recipe, list(search.dimensions(recipe).values()), 0, number)
        assert Recipe.from_json(made.to_json()) == made


@pytest.mark.parametrize("name", ["wbc-plus", "transfer"])
def test_dimensions__weights_of_an_earlier_run_are_not_taken_to_another_network(name):
    recipe = PRESETS[name].recipe
    gone = set(search.dimensions(recipe)) - set(search.dimensions(recipe.updated({"begin": "1", "folds": 0})))
    assert gone == ({"head_units"} if recipe.pretrained else {"architecture", "image_size"})


def test_draw__rates_are_even_on_the_scale_of_the_logarithm():
    rng = np.random.default_rng(0)
    one = search.Dimension("learning_rate", 1e-4, 1e-2, log=True)
    powers = np.log10([one.draw(rng) for _ in range(4000)])
    assert -4 <= powers.min() < -3.99
    assert abs(powers.mean() + 3) < 0.03
    assert abs(np.mean(powers < -3) - 0.5) < 0.03


def test_draw__choices_come_equally_often():
    rng = np.random.default_rng(1)
    one = search.Dimension("batch_size", choices=(8, 16, 32, 64))
    counts = Counter(one.draw(rng) for _ in range(4000))
    assert set(counts) == {8, 16, 32, 64}
    assert max(counts.values()) - min(counts.values()) < 6 * math.sqrt(1000)


def test_strengthened__one_changes_nothing_zero_leaves_only_the_mirror_and_limits_hold():
    for preset in PRESETS.values():
        given = preset.recipe.augmentation
        assert search.strengthened(preset.recipe, 1.0) == preset.recipe
        none = search.strengthened(preset.recipe, 0.0)
        assert none.augmentation == Augmentation(
            horizontal_flip=given.horizontal_flip, vertical_flip=given.vertical_flip, fill_mode=given.fill_mode,
            fill_value=given.fill_value,
        )  # fmt: skip
    own = {"猫": {"rotation": 10, "zoom_low": 0.8, "horizontal_flip": True, "added_copies": 2}}
    plain = Recipe(augmentation=Augmentation(rotation=170, brightness_high=4.9, erase=0.9))
    stronger = search.strengthened(plain.updated({"class_augmentation": own}), 1.5)
    strong = stronger.augmentation
    assert (strong.rotation, strong.erase) == (180, 1)
    # A part of the side stays one, and pixels stay pixels.
    shifted = Recipe(augmentation=Augmentation(width_shift=0.8, height_shift=8))
    moved = [search.strengthened(shifted, factor).augmentation for factor in (0.1, 0.5, 1.5, 100)]
    assert [one.width_shift for one in moved[:3]] == [pytest.approx(0.08), 0.4, 0.99]
    assert [one.height_shift for one in moved] == [0, 4, 12, 512]
    assert strong.brightness_high == FIELDS["augmentation.brightness_high"].high
    assert stronger.class_changes == {
        "猫": {"rotation": 15, "zoom_low": pytest.approx(0.7), "horizontal_flip": True, "added_copies": 2}
    }


@pytest.mark.parametrize(
    ("trials", "epochs", "expected"),
    [
        (27, 27, [(27, 1), (9, 3), (3, 9), (1, 27)]),
        (9, 60, [(9, 6), (3, 20), (1, 60)]),
        (20, 2, [(20, 2)]),
        (1, 50, [(1, 50)]),
        (100, 9, [(100, 1), (33, 3), (11, 9)]),
    ],
)
def test_rounds__thin_out_and_end_with_all_epochs(trials, epochs, expected):
    assert search.rounds(trials, epochs) == expected


def test_rounds__cost_less_than_training_all_to_their_end():
    for trials in range(3, 101):
        found = search.rounds(trials, 60)
        assert sum(count * epochs for count, epochs in found) < trials * 60
        assert found[-1][1] == 60


def test_ranked__by_accuracy_and_among_equals_by_loss():
    assert search.ranked({0: (0.9, 0.5), 1: (0.95, 0.9), 2: (0.95, 0.4), 3: (0.9, 0.5)}) == [2, 1, 0, 3]


def test_honest__the_best_of_equal_trials_is_no_better_than_they_are():
    """Thirty coins: the best of them looks far better than 0.8 on 100 pictures; the corrected figure does not."""
    rng = np.random.default_rng(5)
    seen, corrected, covered = [], [], 0
    for _ in range(25):
        right = rng.random((30, 100)) < 0.8
        found = search.honest(right, np.zeros(right.shape))
        assert found is not None
        seen.append(found.seen)
        corrected.append(found.accuracy)
        covered += found.low <= 0.8 <= found.high
    assert np.mean(seen) > 0.86
    assert abs(np.mean(corrected) - 0.8) < 0.015
    assert covered >= 22


def test_honest__a_trial_that_is_really_best_keeps_its_figure():
    rng = np.random.default_rng(6)
    right = rng.random((10, 2000)) < 0.7
    right[4] = rng.random(2000) < 0.95
    found = search.honest(right, np.zeros(right.shape))
    assert found is not None
    assert abs(found.optimism) < 0.002
    assert found.low < 0.95 < found.high


def test_honest__says_nothing_of_one_trial_or_a_handful_of_pictures():
    assert search.honest(np.ones((1, 50), bool), np.zeros((1, 50))) is None
    assert search.honest(np.ones((5, 9), bool), np.zeros((5, 9))) is None


def test_honest__of_trials_that_are_all_right_is_as_unsure_as_one_model():
    found = search.honest(np.ones((2, 90), bool), np.zeros((2, 90)))
    assert found is not None
    assert (found.accuracy, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.959, abs=0.001)
