"""The rate of each step, against the formulas and rules that the schedules are named after."""

import numpy as np
import pytest

from app.domain import schedules
from app.domain.recipe import SCHEDULES, Recipe


def whole(recipe: Recipe, per_epoch: int) -> np.ndarray:
    return np.concatenate([schedules.rates(recipe, epoch, per_epoch) for epoch in range(1, recipe.epochs + 1)])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates__positive_at_most_the_rate_and_the_same_in_parts(schedule):
    recipe = Recipe(schedule=schedule, learning_rate=0.02, epochs=30, decay_epochs=9, warmup_epochs=2)
    rates = whole(recipe, 7)
    assert rates.shape == (210,)
    assert rates.dtype == np.float32
    assert (rates > 0).all()
    assert rates.max() == pytest.approx(0.02, rel=0.02)
    np.testing.assert_array_equal(rates.reshape(30, 7), schedules.curve(recipe, 7))


def test_rates__constant_and_warm_up():
    rates = whole(Recipe(learning_rate=0.5, epochs=3, warmup_epochs=1), 4)
    np.testing.assert_allclose(rates, 0.5 * np.array([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1, 1]), rtol=1e-6)


def test_rates__steps():
    rates = whole(Recipe(learning_rate=1.0, schedule="step", epochs=5, decay_epochs=2, decay_factor=0.1), 2)
    np.testing.assert_allclose(rates, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01], rtol=1e-6)


def test_rates__one_cycle_rises_and_falls_as_pytorchs_does():
    recipe = Recipe(learning_rate=0.1, schedule="one-cycle", epochs=10)
    rates = whole(recipe, 10)
    assert rates[0] == pytest.approx(0.1 / 25, rel=1e-5)
    assert rates[-1] == pytest.approx(0.1 / 25 / 1e4, rel=1e-3)
    top = int(rates.argmax())
    assert top == 29  # int(0.3 * 100) - 1, the end of its first phase
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()


def test_rates__plateau_follows_the_watched_value():
    recipe = Recipe(learning_rate=1.0, schedule="plateau", epochs=20, decay_epochs=2, decay_factor=0.5)
    improving = [1.0, 0.9, 0.8]
    assert schedules.rates(recipe, 4, 3, improving).tolist() == [1.0, 1.0, 1.0]
    assert schedules.rates(recipe, 6, 1, [*improving, 0.85, 0.8]).tolist() == [0.5]  # equal is no improvement
    assert schedules.rates(recipe, 8, 1, [*improving, 0.9, 0.9, 0.9, 0.9]).tolist() == [0.25]
    assert schedules.rates(recipe, 8, 1, [*improving, 0.9, 0.9, 0.7, 0.9]).tolist() == [0.5]
