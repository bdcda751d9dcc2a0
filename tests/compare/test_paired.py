"""Two runs on the same pictures: flips, verdicts and bootstrap intervals, on the counts of the posts too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score

from app.domain import leaks
from app.domain.stats import bootstrap, exact, paired
from app.domain.stats.paired import Finding, Flips


def answers(seed, count, classes, first=0.8, second=0.8):
    """Labels and the answers of two runs that are right with the given chances."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, count)
    made = [np.where(rng.random(count) < share, truth, rng.integers(0, classes, count)) for share in (first, second)]
    return truth, made[0], made[1]


def overlaps(first, second, total):
    """All ways in which runs with so many right answers of ``total`` pictures may agree."""
    for both in range(max(first + second - total, 0), min(first, second) + 1):
        yield Flips(gained=second - both, lost=first - both, wrong=total - first - second + both, right=both)


@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(1, 7))
def test_flips__count_every_picture_once(seed, count, classes):
    truth, first, second = answers(seed, count, classes)
    whole = paired.flips(truth, first, second)
    assert whole.total == count
    assert (whole.first, whole.second) == ((first == truth).sum(), (second == truth).sum())
    rows = paired.by_class(truth, first, second, classes)
    for name in ("gained", "lost", "wrong", "right"):
        assert sum(getattr(row.flips, name) for row in rows) == getattr(whole, name)
    for row in rows:
        assert row.flips.total == (truth == row.position).sum()
        assert (row.said_first, row.said_second) == ((first == row.position).sum(), (second == row.position).sum())
        assert row.adjusted >= row.flips.p
    swapped = paired.flips(truth, second, first)
    assert (swapped.gained, swapped.lost, swapped.p) == (whole.lost, whole.gained, whole.p)


def test_post_002__transfer_did_not_lose_whatever_the_overlap():
    """315 and 313 of 360: 87.5 % and 86.9 %."""
    found = list(overlaps(315, 313, 360))
    assert all(one.finding() is Finding.UNPROVEN for one in found)
    assert (min(one.p for one in found), max(one.p for one in found)) == pytest.approx((0.5, 0.917), abs=0.001)
    assert {round(100 * one.difference, 1) for one in found} == {-0.6}


def test_post_002__augmentation_did_win_whatever_the_overlap():
    """229 to 315 of 360."""
    assert all(one.finding() is Finding.BETTER and one.p < 1e-10 for one in overlaps(229, 315, 360))


def test_post_004__not_proven_overall_but_for_each_class():
    """158 to 178 wrong of 1,000: cats 109 to 28, dogs 49 to 150 wrong of 500 each."""
    whole = list(overlaps(842, 822, 1000))
    # The overlap is not published. It is at most as good as the classes allow: 81 cats and 101 dogs changed side.
    seen = [one for one in whole if one.changed >= 81 + 101]
    assert all(one.finding() is Finding.UNPROVEN for one in seen)
    assert (min(one.p for one in seen), max(one.p for one in seen)) == pytest.approx((0.16, 0.30), abs=0.01)
    for first, second, wanted in ((391, 472, Finding.BETTER), (451, 350, Finding.WORSE)):
        values = [one.p for one in overlaps(first, second, 500)]
        assert max(exact.holm([max(values), max(values)])) < 1e-6
        assert {one.finding() for one in overlaps(first, second, 500)} == {wanted}


def test_post_004__both_classes_flipped_is_proven():
    """842 to 909 of 1,000."""
    assert all(one.finding() is Finding.BETTER and one.p <= 2.6e-5 for one in overlaps(842, 909, 1000))


@pytest.mark.parametrize(
    ("flips", "finding"),
    [
        (Flips(0, 0, 0, 0), Finding.NOTHING),
        (Flips(0, 0, 1, 0), Finding.SAME),
        (Flips(1, 0, 0, 0), Finding.UNPROVEN),
        (Flips(5, 0, 0, 95), Finding.UNPROVEN),
        (Flips(6, 0, 0, 94), Finding.BETTER),
        (Flips(0, 6, 0, 94), Finding.WORSE),
    ],
)
def test_finding__at_the_edges(flips, finding):
    assert flips.finding() is finding


def test_detectable__is_the_rule_of_the_health_page():
    flips = Flips(gained=31, lost=29, wrong=16, right=284)
    assert flips.detectable == leaks.detectable(360, 60 / 360)
    assert Flips(1, 0, 0, 359).detectable == leaks.detectable(360)  # one change says nothing of what could be seen
    assert Flips(0, 0, 0, 12).detectable is None


@settings(max_examples=12)
@given(st.integers(0, 1000), st.integers(1, 120), st.integers(1, 6))
def test_macro_f1__is_that_of_scikit_learn(seed, count, classes):
    truth, first, second = answers(seed, count, classes, 0.7, 0.4)
    found = bootstrap.differences(truth, first, second, classes)
    assert found is not None
    wanted = [f1_score(truth, one, average="macro") for one in (first, second)]
    assert (found.first_f1.value, found.second_f1.value) == pytest.approx(wanted, abs=1e-9)
    assert found.macro_f1.value == pytest.approx(wanted[1] - wanted[0], abs=1e-9)
    assert found.accuracy.value == pytest.approx((second == truth).mean() - (first == truth).mean(), abs=1e-9)


def test_differences__intervals_are_those_of_scipys_paired_bootstrap():
    truth, first, second = answers(3, 400, 4, 0.75, 0.85)
    found = bootstrap.differences(truth, first, second, 4)

    def gap(*columns):
        t, a, b = (np.asarray(column).astype(int) for column in columns)
        sums = [
            np.stack([np.bincount(x, minlength=4) for x in rows]).astype(float)
            for rows in ((t, a, b), (t[a == t], t[b == t]))
        ]
        (support, said_a, said_b), (right_a, right_b) = sums
        return bootstrap.macro_f1(right_b, support, said_b) - bootstrap.macro_f1(right_a, support, said_a)

    wanted = stats.bootstrap(
        (truth, first, second), gap, paired=True, vectorized=False, method="percentile", n_resamples=2000,
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found is not None
    assert found.resamples == 2000
    limits = (found.macro_f1.interval.low, found.macro_f1.interval.high)
    assert limits == pytest.approx((wanted.low, wanted.high), abs=0.006)
    assert bootstrap.differences(truth, first, second, 4) == found  # the seed is fixed


def test_differences__few_resamples_of_many_pictures_give_the_interval_of_the_formula():
    truth, first, second = answers(8, 60_000, 5, 0.5, 0.51)
    found = bootstrap.differences(truth, first, second, 5)
    flips = paired.flips(truth, first, second)
    assert found is not None
    assert found.resamples < bootstrap.ENOUGH
    variance = (flips.changed - (flips.gained - flips.lost) ** 2 / flips.total) / flips.total**2
    assert (found.accuracy.interval.high - found.accuracy.value) == pytest.approx(1.96 * variance**0.5, rel=0.15)


def test_differences__hold_the_true_difference_as_often_as_they_say():
    hits = 0
    for seed in range(20):
        truth, first, second = answers(100 + seed, 150, 3, 0.7, 0.8)
        found = bootstrap.differences(truth, first, second, 3)
        assert found is not None
        true = (0.8 + 0.2 / 3) - (0.7 + 0.3 / 3)
        hits += found.accuracy.interval.low <= true <= found.accuracy.interval.high
    assert hits >= 16  # 19 of 20 would be 95 %


def test_differences__without_pictures_and_with_one():
    empty = np.zeros(0, np.int64)
    assert bootstrap.differences(empty, empty, empty, 3) is None
    one = bootstrap.differences(np.array([1]), np.array([1]), np.array([0]), 3)
    assert one is not None
    assert (one.accuracy.value, one.accuracy.interval.low, one.accuracy.interval.high) == (-1.0, -1.0, -1.0)
