"""Exact tests and intervals against scipy and, in the slow suite, statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from app.domain.stats import beta, exact

SMALL = st.integers(0, 400)


@given(st.floats(0.5, 5000), st.floats(0.5, 5000), st.floats(0, 1))
def test_incomplete_beta__is_scipys(a, b, x):
    assert beta.incomplete(a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-9)


@given(st.floats(0.5, 5000), st.floats(0.5, 5000), st.floats(0.001, 0.999))
def test_beta_quantile__is_scipys(a, b, share):
    assert beta.quantile(a, b, share) == pytest.approx(special.betaincinv(a, b, share), abs=1e-9)


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_clopper_pearson__is_scipys(correct, more):
    total = correct + more - 1
    if total == 0:
        assert exact.clopper_pearson(0, 0) is None
        return
    found = exact.clopper_pearson(correct, total)
    wanted = stats.binomtest(correct, total).proportion_ci(method="exact")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert 0 <= found.low <= correct / total <= found.high <= 1


def test_clopper_pearson__twelve_of_twelve_of_the_first_post():
    found = exact.clopper_pearson(12, 12)
    assert found is not None
    assert (round(found.low, 4), found.high) == (0.7354, 1.0)


@given(SMALL, SMALL)
def test_mcnemar__is_the_binomial_test(gained, lost):
    wanted = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert exact.mcnemar(gained, lost) == pytest.approx(wanted, abs=1e-9)
    assert exact.mcnemar(gained, lost) == exact.mcnemar(lost, gained)


@pytest.mark.parametrize(("gained", "lost"), [(10_100, 10_000), (100_000, 99_000), (7, 250_000)])
def test_mcnemar__large_counts(gained, lost):
    wanted = 2 * stats.binom.cdf(min(gained, lost), gained + lost, 0.5)
    assert exact.mcnemar(gained, lost) == pytest.approx(min(wanted, 1.0), rel=1e-6, abs=1e-12)


def test_mcnemar__false_alarms_stay_below_the_level():
    """When changes go either way with the same chance, fewer than 5 of 100 comparisons are called proven."""
    for changed in (6, 20, 77, 300):
        gained = np.arange(changed + 1)
        alarms = [exact.mcnemar(int(one), changed - int(one)) < exact.LEVEL for one in gained]
        assert stats.binom.pmf(gained, changed, 0.5)[alarms].sum() <= exact.LEVEL


def test_fewest_changes__six_at_five_percent():
    assert exact.fewest_changes() == 6
    assert exact.mcnemar(6, 0) < exact.LEVEL <= exact.mcnemar(5, 0)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm__keeps_the_order_and_never_falls_below(values):
    adjusted = exact.holm(values)
    assert len(adjusted) == len(values)
    assert all(value <= more <= 1 for value, more in zip(values, adjusted, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[place] for place in order] == sorted(adjusted)
    if values:
        assert adjusted[order[0]] == min(len(values) * values[order[0]], 1.0)
