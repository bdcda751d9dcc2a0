"""Figures of each class against scikit-learn and scipy, with ties, absent classes and single pictures."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from app.domain import class_scores, metrics


@st.composite
def answers(draw):
    """Labels and probabilities with many ties: only a few different values."""
    classes = draw(st.integers(2, 5))
    count = draw(st.integers(1, 50))
    labels = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)), np.int64)
    seed, steps = draw(st.integers(0, 10_000)), draw(st.sampled_from([2, 4, 1000]))
    raw = np.random.default_rng(seed).integers(1, steps + 1, (count, classes)).astype(np.float32)
    return labels, raw / raw.sum(axis=1, keepdims=True)


def there(value: Any) -> Any:
    """The value, which must be known."""
    assert value is not None
    return value


def judged(labels, probabilities):
    predicted = probabilities.argmax(axis=1)
    matrix = metrics.confusion(labels, predicted, probabilities.shape[1])
    return matrix, class_scores.figures(matrix, class_scores.ranking(labels, probabilities)), predicted


@settings(max_examples=80)
@given(answers())
def test_ranking__equals_scikit_learn_with_ties_and_absent_classes(case):
    labels, probabilities = case
    for position, (auroc, ap) in enumerate(class_scores.ranking(labels, probabilities)):
        mine, column = labels == position, probabilities[:, position]
        if not mine.any():
            assert (auroc, ap) == (None, None)
            continue
        assert ap == pytest.approx(average_precision_score(mine, column), abs=1e-6)
        if mine.all():
            assert auroc is None
        else:
            assert auroc == pytest.approx(roc_auc_score(mine, column), abs=1e-6)


@settings(max_examples=60)
@given(answers())
def test_averages__equal_scikit_learn(case):
    labels, probabilities = case
    _, found, predicted = judged(labels, probabilities)
    means = class_scores.averages(found)
    there = sorted(set(labels.tolist()))
    balanced = recall_score(labels, predicted, labels=there, average="macro", zero_division=0)
    assert means.macro["recall"] == pytest.approx(balanced, abs=1e-6)
    if len(there) > 1 and set(predicted.tolist()) <= set(there):  # scikit-learn warns about others
        assert balanced_accuracy_score(labels, predicted) == pytest.approx(balanced)
    assert means.balanced is not None
    assert means.balanced.value == pytest.approx(balanced, abs=1e-6)
    assert means.balanced.interval.low <= means.balanced.value <= means.balanced.interval.high
    weighted = recall_score(labels, predicted, labels=there, average="weighted", zero_division=0)
    assert means.weighted["recall"] == pytest.approx(weighted, abs=1e-6)
    said = sorted(set(labels.tolist()) | set(predicted.tolist()))
    assert means.macro["f1"] == pytest.approx(f1_score(labels, predicted, labels=said, average="macro"), abs=1e-6)
    answered = sorted(set(predicted.tolist()))
    expected = precision_score(labels, predicted, labels=answered, average="macro")
    assert means.macro["precision"] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60)
@given(answers())
def test_figures__every_interval_holds_its_value_and_stays_between_0_and_1(case):
    labels, probabilities = case
    matrix, found, _ = judged(labels, probabilities)
    for one in found:
        for name in class_scores.NAMES:
            value = getattr(one, name)
            if value is not None:
                assert 0 <= value.interval.low <= value.value + 1e-12 <= value.interval.high + 2e-12 <= 1 + 2e-12
        assert one.bias is not None
        assert one.bias.difference == pytest.approx((one.taken - one.missed) / matrix.sum())
    assert sum(one.bias.difference for one in found if one.bias) == pytest.approx(0, abs=1e-9)
    assert sum(one.missed for one in found) == sum(one.taken for one in found)


def test_f1__interval_is_wilsons_of_the_share_among_all_that_are_or_are_called_so():
    found = class_scores.f1(30, 50)
    limits = binomtest(30, 50).proportion_ci(method="wilson")
    assert found is not None
    assert found.value == pytest.approx(2 * 0.6 / 1.6)
    assert found.interval.low == pytest.approx(2 * limits.low / (1 + limits.low), abs=1e-9)
    assert found.interval.high == pytest.approx(2 * limits.high / (1 + limits.high), abs=1e-9)
    assert class_scores.f1(0, 0) is None


@pytest.mark.parametrize(("auroc", "count", "others"), [(0.8, 20, 40), (0.5, 5, 5), (0.97, 300, 60), (0.6, 1, 9)])
def test_auroc_interval__solves_newcombes_equation(auroc, count, others):
    def error(value):
        spread = 1 + ((count + others) / 2 - 1) * ((1 - value) / (2 - value) + value / (1 + value))
        return np.sqrt(value * (1 - value) * spread / (count * others))

    z = norm.ppf(0.975)
    found = class_scores.auroc_interval(auroc, count, others)
    assert found.low == pytest.approx(brentq(lambda x: auroc - x - z * error(x), 1e-12, auroc), abs=1e-6)
    assert found.high == pytest.approx(brentq(lambda x: auroc - x + z * error(x), auroc, 1 - 1e-12), abs=1e-6)


def test_auroc_interval__is_not_a_point_when_nothing_was_wrong():
    sure = class_scores.auroc_interval(1.0, 12, 24)
    assert sure.high == 1
    assert 0.75 < sure.low < 0.95
    assert class_scores.auroc_interval(0.0, 12, 24).low == 0


def test_bias__a_run_that_just_says_cat_more_often():
    """Post 004: 500 cats and 500 dogs; after flipping cats 28 cats and 150 dogs were wrong."""
    matrix = np.array([[472, 28], [150, 350]])
    labels = np.repeat([0, 1], 500)
    cat, dog = class_scores.figures(matrix, class_scores.ranking(labels, np.full((1000, 2), 0.5)))
    assert (there(cat.bias).said, there(cat.bias).true) == pytest.approx((0.622, 0.5))
    assert (there(cat.bias).verdict, there(dog.bias).verdict) == (1, -1)
    assert there(cat.bias).interval.low > 0.09
    assert (there(cat.recall).value, there(dog.recall).value) == pytest.approx((0.944, 0.7))
    assert (there(cat.auroc).value, there(cat.ap).value) == pytest.approx((0.5, 0.5))  # all tied


def test_bias__few_mistakes_prove_nothing():
    assert class_scores.bias(3, 1, 30, 90, 3).verdict == 0
    assert class_scores.bias(0, 0, 0, 1, 3).verdict == 0


def test_bias__interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    draws = rng.multinomial(100, [0.12, 0.05, 0.83], 4000)
    found = [class_scores.bias(int(a), int(b), 50, 100, 1).interval for a, b, _ in draws]
    covered = np.mean([one.low <= 0.07 <= one.high for one in found])
    assert 0.93 < covered < 0.98


def test_figures__one_picture_and_a_class_that_is_not_there():
    matrix, (first, second, third), _ = judged(np.array([1]), np.array([[0.7, 0.2, 0.1]], np.float32))
    assert matrix.sum() == 1
    assert (there(first.precision).value, first.recall, first.auroc) == (0.0, None, None)
    assert (second.precision, there(second.recall).value, second.auroc) == (None, 0.0, None)
    assert (third.precision, third.recall, third.f1, third.ap) == (None, None, None, None)
    assert there(second.recall).interval.high > 0.7  # one picture says next to nothing
    assert class_scores.averages([]).balanced is None
