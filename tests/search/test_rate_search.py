"""What a curve of losses over growing rates says: known curves, noise, and those that say nothing."""

import math

import numpy as np
import pytest

from app.domain import rate_search
from app.domain.rate_search import HIGH, LOW, Watch


def curve(lowest: float = 1e-1, width: float = 1.0) -> np.ndarray:
    """A loss that stands at 2, falls to 0.5 at ``lowest`` and rises again; steepest one deviation before it."""
    place = np.log10(rate_search.rates())
    bell = np.exp(-0.5 * ((place - math.log10(lowest)) / width) ** 2)
    return np.asarray(2 - 1.5 * bell)


def test_rates__grow_by_one_factor_from_end_to_end():
    rates = rate_search.rates()
    assert rates[0] == pytest.approx(LOW)
    assert rates[-1] == pytest.approx(HIGH)
    assert np.ptp(np.diff(np.log(rates))) < 1e-9


def test_smoothed__keeps_a_constant_and_does_not_lag_behind():
    assert np.allclose(rate_search.smoothed([3.0] * 50), 3.0)
    line = np.arange(100.0)
    assert np.allclose(rate_search.smoothed(line)[20:80], line[20:80])


def test_find__reads_both_rates_off_a_bell():
    found = rate_search.find(rate_search.rates(), curve(1e-1))
    assert found is not None
    assert found.tenth == pytest.approx(1e-2, rel=0.15)
    assert found.at_steepest == pytest.approx(1e-2, rel=0.3)  # one deviation, a factor of ten, before the lowest point
    assert found.proposed == min(found.tenth, found.at_steepest)


def test_find__noise_moves_the_rates_by_less_than_a_factor_of_three():
    clean = rate_search.find(rate_search.rates(), curve())
    assert clean is not None
    for seed in range(20):
        noisy = curve() + np.random.default_rng(seed).normal(0, 0.05, rate_search.STEPS)
        found = rate_search.find(rate_search.rates(), noisy)
        assert found is not None
        assert clean.proposed / 3 < found.proposed < clean.proposed * 3


@pytest.mark.parametrize("losses", [[], [1.0] * 15, [1.0] * 210, list(np.linspace(1, 3, 210))])
def test_find__says_nothing_of_a_loss_that_does_not_fall(losses):
    assert rate_search.find(rate_search.rates()[: len(losses)], losses) is None


def test_watch__ends_at_the_first_number_that_is_none_and_when_the_mean_has_grown_fourfold():
    assert Watch().ended(math.nan)
    watch = Watch()
    assert not any(watch.ended(1.0) for _ in range(60))
    steps = next(step for step in range(1, 200) if watch.ended(20.0))
    # 1 + 19 (1 - 0.95^n) is first above 4 at n = 4.
    assert steps == 4


def test_watch__a_bad_beginning_does_not_end_it():
    watch = Watch()
    assert not any(watch.ended(loss) for loss in (1.0, 50.0, 60.0, 1.0, 1.0))
