"""The numbers of the result pages, against scikit-learn and by their own laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from app.domain import metrics
from app.domain.errors import Invalid


@st.composite
def answers(draw, most_classes=6):
    classes = draw(st.integers(1, most_classes))
    count = draw(st.integers(0, 60))
    position = st.integers(0, classes - 1)
    labels = draw(st.lists(position, min_size=count, max_size=count))
    predicted = draw(st.lists(position, min_size=count, max_size=count))
    return np.array(labels, np.int64), np.array(predicted, np.int64), classes


@settings(max_examples=60, deadline=None)
@given(answers())
def test_confusion__counts_every_image_once(case):
    labels, predicted, classes = case
    matrix = metrics.confusion(labels, predicted, classes)
    assert matrix.sum() == len(labels)
    assert (matrix.sum(axis=1) == np.bincount(labels, minlength=classes)).all()
    assert (matrix.sum(axis=0) == np.bincount(predicted, minlength=classes)).all()
    if len(labels) and classes > 1:  # scikit-learn warns about a single class
        assert (matrix == confusion_matrix(labels, predicted, labels=range(classes))).all()
        assert metrics.accuracy(matrix) == pytest.approx(accuracy_score(labels, predicted), abs=1e-9)
    if not len(labels):
        assert metrics.accuracy(matrix) is None


@settings(max_examples=60, deadline=None)
@given(answers())
def test_per_class__agrees_with_scikit_learn_and_says_none_where_undefined(case):
    labels, predicted, classes = case
    scores = metrics.per_class(metrics.confusion(labels, predicted, classes))
    assert [score.position for score in scores] == list(range(classes))
    if not len(labels):
        assert all(score.precision is None and score.recall is None and score.f1 is None for score in scores)
        return
    expected = precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=np.nan)
    for name, column in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        for score, value in zip(scores, column, strict=True):
            ours = getattr(score, name)
            assert (ours is None) if np.isnan(value) else (ours == pytest.approx(value, abs=1e-9))
    assert [score.support for score in scores] == list(expected[3])
    assert sum(score.wrong for score in scores) == int((labels != predicted).sum())


def test_macro__leaves_undefined_values_out():
    matrix = np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]])  # class 2 neither occurs nor is answered
    average = metrics.macro(metrics.per_class(matrix))
    assert average.recall == pytest.approx((0.75 + 1) / 2)
    assert average.precision == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.macro([]) == metrics.Macro(None, None, None)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (12, 12, 0.757506, 1.0),  # values of the Wilson interval, computed with scipy.stats.binomtest
        (11, 12, 0.646124, 0.985133),
        (0, 10, 0.0, 0.277533),
        (315, 360, 0.836859, 0.905279),
    ],
)
def test_wilson__published_values(correct, total, low, high):
    interval = metrics.wilson(correct, total)
    assert interval is not None
    reference = binomtest(correct, total).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-3)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wilson__holds_its_share_and_stays_between_0_and_1(total, share):
    correct = round(share * total)
    interval = metrics.wilson(correct, total)
    assert interval is not None
    assert 0 <= interval.low <= correct / total <= interval.high <= 1


def test_wilson__without_images():
    assert metrics.wilson(0, 0) is None


@settings(max_examples=40, deadline=None)
@given(answers())
def test_most_confused__sorted_and_never_on_the_diagonal(case):
    matrix = metrics.confusion(*case)
    pairs = metrics.most_confused(matrix, limit=1000)
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    assert all(pair.true != pair.predicted and pair.count == matrix[pair.true, pair.predicted] for pair in pairs)
    assert sum(pair.count for pair in pairs) == matrix.sum() - np.trace(matrix)


def test_losses__agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([1, 1, 1], 50)
    labels = rng.integers(0, 3, 50)
    ours = metrics.losses(labels, probabilities)
    assert ours.shape == (50,)
    assert ours.mean() == pytest.approx(log_loss(labels, probabilities, labels=[0, 1, 2]), abs=1e-9)


def test_losses__are_those_of_the_values_before_the_softmax_down_to_the_smallest_probability():
    """So a page says the same loss beside the curve, whose losses are computed from those values, and from answers."""
    gaps = np.array([1.0, 20.0, 50.0, 86.0])
    probabilities = np.stack([1 / (1 + np.exp(gaps)), 1 / (1 + np.exp(-gaps))], axis=1).astype(np.float32)
    ours = metrics.losses(np.zeros(4, np.int64), probabilities)
    np.testing.assert_allclose(ours, np.log1p(np.exp(gaps)), rtol=1e-6)


def test_losses__a_sure_mistake_is_finite():
    assert metrics.losses(np.array([1]), np.array([[1.0, 0.0]], np.float32))[0] == pytest.approx(87.336, abs=1e-3)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_spread__is_mean_and_sample_deviation(values):
    result = metrics.spread([*values, None, float("nan")])
    assert result is not None
    assert result.count == len(values)
    assert result.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert result.sd is None if len(values) == 1 else result.sd == pytest.approx(np.std(values, ddof=1), abs=1e-9)


def test_spread__nothing_known():
    assert metrics.spread([None, float("nan")]) is None


def test_baselines():
    matrix = np.array([[3, 1], [0, 8]])
    assert metrics.chance(4) == 0.25
    assert metrics.majority(matrix) == pytest.approx(8 / 12)
    assert metrics.majority(np.zeros((2, 2), np.int64)) is None


def test_confusion__refuses_what_it_cannot_count():
    with pytest.raises(Invalid, match="metrics_class_range"):
        metrics.confusion(np.array([0, 3]), np.array([0, 1]), 3)
    with pytest.raises(Invalid, match="metrics_shape"):
        metrics.confusion(np.array([0, 1]), np.array([0]), 3)
