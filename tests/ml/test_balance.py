"""Orders and weights for classes of different size."""

import numpy as np
import pytest

from worker.ml import balance

LABELS = np.array([0] * 30 + [1] * 6 + [2] * 4 + [3] * 2)


def test_class_weights__every_class_costs_the_same_in_all():
    weights = balance.class_weights(LABELS, 5)
    counts = np.bincount(LABELS, minlength=5)
    assert weights.dtype == np.float32
    np.testing.assert_allclose((weights * counts)[:4], len(LABELS) / 4, rtol=1e-6)
    assert weights[4] == 1
    assert weights[LABELS].mean() == pytest.approx(1)


def test_order__is_a_permutation_or_an_even_draw():
    places = np.flatnonzero(LABELS < 3)
    plain = balance.order(places, LABELS, np.random.default_rng(1), even=False)
    assert sorted(plain) == places.tolist()
    even = balance.order(places, LABELS, np.random.default_rng(1), even=True)
    assert len(even) == len(places) == 40
    assert np.ptp(np.bincount(LABELS[even])) <= 1
    assert set(even) <= set(places.tolist())
    assert np.ptp(np.bincount(even, minlength=40)[30:36]) <= 1  # no picture of a class much more often than another
    np.testing.assert_array_equal(even, balance.order(places, LABELS, np.random.default_rng(1), even=True))
    assert not np.array_equal(even, balance.order(places, LABELS, np.random.default_rng(2), even=True))
