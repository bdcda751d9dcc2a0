"""Verdicts on learning curves that were drawn to have one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.curve_words import Blind, Curve, Said, Verdict, blind, judge, smoothed, together

EPOCHS = np.arange(1, 31)


def even(classes: int) -> Blind:
    return blind([50] * classes, 50 * classes)


def curve(train, validation=None, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    first = np.asarray(train, float) * (1 + rng.normal(0, noise, len(train)))
    second = [] if validation is None else (np.asarray(validation) + rng.normal(0, noise, len(train))).tolist()
    return Curve(first.tolist(), second)


FALLING = 1.1 * np.exp(-EPOCHS / 8) + 0.02
TURNING = 0.8 * np.exp(-EPOCHS / 4) + 0.3 + 0.02 * np.maximum(EPOCHS - 14, 0)
FLAT = 0.8 * np.exp(-EPOCHS / 4) + 0.3


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("seed", range(5))
def test_judge__over_fits_from_the_epoch_after_the_lowest_validation_loss(noise, seed):
    said = judge(curve(FALLING, TURNING, noise, seed), even(3))
    assert said.verdict is Verdict.OVERFITS
    assert said.epoch is not None
    assert abs(said.epoch - 15) <= (0 if noise == 0 else 3)


@pytest.mark.parametrize("seed", range(5))
def test_judge__a_flat_end_is_fine_also_with_noise(seed):
    assert judge(curve(FALLING, FLAT, 0.02, seed), even(3)).verdict is Verdict.FINE


@pytest.mark.parametrize("seed", range(5))
def test_judge__still_learning(seed):
    slow = 1.1 * np.exp(-EPOCHS / 25)
    assert judge(curve(slow, slow + 0.02, 0.005, seed), even(3)).verdict is Verdict.LEARNING
    assert judge(curve(slow), even(3)).verdict is Verdict.LEARNING  # without validation images


@pytest.mark.parametrize("seed", range(5))
def test_judge__a_rate_that_is_too_high(seed):
    rng = np.random.default_rng(seed)
    jumping = 0.9 * np.exp(rng.normal(0, 0.6, 30))
    assert judge(curve(np.minimum(jumping, 5), jumping), even(3)).verdict is Verdict.RATE_HIGH


def test_judge__diverged_and_learned_nothing():
    broken = [0.9, 0.8, math.nan, math.nan, math.nan]
    assert judge(curve(broken), even(3)) == Said(Verdict.DIVERGED, 3)
    assert judge(curve([0.9, 5000.0, 9.0, 9.0, 9.0, 9.0]), even(3)) == Said(Verdict.DIVERGED, 2)
    still = np.full(12, math.log(3))
    assert judge(curve(still, still), even(3)).verdict is Verdict.NOTHING


@pytest.mark.parametrize("end", [0.0, -0.3])
def test_judge__a_validation_loss_that_never_beat_guessing_is_neither_fine_nor_learning(end):
    chance = math.log(2)
    useless = chance + 0.3 + end * EPOCHS / 30  # flat, or still falling where the training ends
    assert judge(curve(0.6 * FALLING, useless), even(2)).verdict is Verdict.BY_HEART
    assert judge(curve(0.6 * FALLING, useless - chance / 2), even(2)).verdict in (Verdict.FINE, Verdict.LEARNING)
    assert judge(curve(0.6 * FALLING), even(2)).verdict in (Verdict.FINE, Verdict.LEARNING)  # without validation images


def test_judge__little_losses_may_jump():
    rng = np.random.default_rng(1)
    tiny = 0.001 * np.exp(rng.normal(0, 1, 30))
    assert judge(curve(tiny, FLAT), even(3)).verdict is not Verdict.RATE_HIGH


@pytest.mark.parametrize("count", range(5))
def test_judge__too_few_epochs(count):
    assert judge(curve(FALLING[:count], TURNING[:count]), even(3)).verdict is Verdict.SHORT


def test_together__most_models_decide_and_the_epoch_is_their_median():
    over, fine = curve(FALLING, TURNING), curve(FALLING, FLAT)
    assert together({0: over, 1: fine, 2: over}, even(3)) == Said(Verdict.OVERFITS, 15, 2, 3)
    assert together({0: over, 1: fine}, even(3)).verdict is Verdict.OVERFITS  # the more serious one
    assert together({}, even(3)) == Said(Verdict.SHORT, None, 0, 0)


losses = st.floats(0, 1e6) | st.sampled_from([math.nan, math.inf])


@given(st.lists(st.tuples(losses, st.none() | losses), max_size=40), st.integers(1, 100))
def test_judge__says_something_of_any_numbers(pairs, classes):
    said = judge(Curve([one for one, _ in pairs], [two for _, two in pairs]), even(classes))
    assert said.verdict in Verdict
    assert (said.epoch is not None) == (said.verdict in (Verdict.OVERFITS, Verdict.DIVERGED))
    assert said.epoch is None or 1 <= said.epoch <= len(pairs)


def test_smoothed__keeps_a_turning_point_and_drops_an_outlier():
    assert smoothed(np.array([5.0, 4, 3, 99, 2, 1, 2, 3])).tolist() == [5, 4, 4, 3, 2, 2, 2, 3]


@pytest.mark.parametrize(
    ("images", "accuracy", "expected"), [(200, 0.9, "by_heart"), (200, 0.99, "fine"), (20, 0.95, "by_heart")]
)
def test_judge__uneven_classes_are_guessed_by_their_shares_and_the_largest_class(images, accuracy, expected):
    """Nine of ten pictures are of one class: a loss of 0.4 is worse than guessing, though it is below ln 2."""
    guess = blind([9 * images // 10, images // 10], images)
    assert (round(guess.validation, 3), guess.accuracy, guess.classes) == (0.325, 0.9, 2)
    one = Curve((0.3 * FLAT).tolist(), [0.4] * len(FLAT), [accuracy] * len(FLAT))
    assert judge(one, guess).verdict == expected
    assert judge(one, blind([images // 2] * 2, images)).verdict == "fine"
    never = Curve([0.33] * 12, [0.33] * 12, [0.9] * 12)
    assert judge(never, guess).verdict is Verdict.NOTHING
    assert judge(never, blind([90, 10], 100, balanced=True)).verdict is not Verdict.NOTHING
    assert blind([0, 0], 0) == Blind(2, math.log(2), math.log(2), 0.5, 0)
