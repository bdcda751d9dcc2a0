"""Calibration, temperature, thresholds, ROC and precision-recall against scikit-learn, scipy and by their own laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, precision_recall_curve, roc_curve

from app.domain import calibration, roc


def sample(seed, count=300, classes=4, sharp=1.0, steps=None):
    """(probabilities that are true, labels drawn from them); ``sharp`` then makes them too sure or too unsure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, classes))
    if steps:
        logits = np.round(logits * steps) / steps
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(classes, p=row) for row in true])
    said = np.exp(sharp * logits)
    return said / said.sum(axis=1, keepdims=True), labels


def judged(probabilities, labels):
    predicted = probabilities.argmax(axis=1)
    return probabilities.max(axis=1), predicted == labels


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(2, 5))
def test_bins__are_the_calibration_curve_of_scikit_learn(seed, count, classes):
    confidence, right = judged(*sample(seed, count, classes, 1.5))
    found = calibration.bins(confidence, right)
    share, mean = calibration_curve(right, confidence, n_bins=10)
    assert [one.accuracy for one in found] == pytest.approx(share.tolist(), abs=1e-6)
    assert [one.confidence for one in found] == pytest.approx(mean.tolist(), abs=1e-6)
    assert sum(one.count for one in found) == count
    expected = sum(abs(one.accuracy - one.confidence) * one.count for one in found) / count
    assert calibration.ece(found) == pytest.approx(expected)


def test_ece__of_perfect_and_of_boastful_answers():
    sure = np.array([0.75] * 40)
    assert calibration.ece(calibration.bins(sure, np.arange(40) < 30)) == pytest.approx(0)
    assert calibration.ece(calibration.bins(np.ones(10), np.arange(10) < 6)) == pytest.approx(0.4)
    assert calibration.ece(calibration.bins(np.zeros(0), np.zeros(0, bool))) is None


@pytest.mark.parametrize("sharp", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_temperature__equals_a_minimiser_and_brings_back_what_is_true(seed, sharp):
    probabilities, labels = sample(seed, 3000, 4, sharp)
    found = calibration.temperature(probabilities, labels)
    reference = minimize_scalar(
        lambda at: log_loss(labels, calibration.softened(probabilities, math.exp(at)), labels=range(4)),
        bounds=(-3, 3), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    assert found == pytest.approx(math.exp(reference.x), rel=1e-4)
    assert found == pytest.approx(sharp, rel=0.1)
    assert found is not None
    before = calibration.ece(calibration.bins(*judged(probabilities, labels))) or 0
    after = calibration.ece(calibration.bins(*judged(calibration.softened(probabilities, found), labels))) or 1
    assert after <= before + 0.01


def test_temperature__without_mistakes_and_without_images():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert calibration.temperature(probabilities, np.array([0, 1])) == pytest.approx(0.05, rel=0.01)
    assert calibration.temperature(probabilities[:0], np.zeros(0, int)) is None


@given(st.integers(0, 1000), st.floats(0.05, 20))
def test_softened__keeps_the_order_and_sums_up_to_one(seed, temperature):
    probabilities, _ = sample(seed, 5, 4)
    scaled = calibration.softened(probabilities, temperature)
    assert scaled.sum(axis=1) == pytest.approx(np.ones(5))
    assert (np.argsort(scaled, axis=1) == np.argsort(probabilities, axis=1)).all()
    assert calibration.softened(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-6)


@given(st.integers(0, 1000), st.integers(0, 60))
def test_thresholds__count_each_image_once(seed, count):
    confidence, right = judged(*sample(seed, count, 3, steps=2))
    for one in calibration.thresholds(confidence, right):
        given_answers = confidence >= one.at
        assert (one.answered, one.right) == (given_answers.sum(), (given_answers & right).sum())
        assert one.answered + one.unknown == count
        assert (one.accuracy is None) == (one.answered == 0)


def test_first_reaching__the_lowest_from_which_on_it_holds():
    confidence = np.array([0.3, 0.5, 0.6, 0.8, 0.9])
    found = calibration.thresholds(confidence, np.array([True, False, True, True, True]))
    reached = calibration.first_reaching(found, 1.0)
    assert reached is not None
    assert reached.at == pytest.approx(0.51)
    assert reached.answered == 3
    assert calibration.first_reaching(calibration.thresholds(confidence, np.zeros(5, bool)), 0.5) is None


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 80), st.sampled_from([None, 1, 3]))
def test_curves__equal_scikit_learn_with_ties(seed, count, steps):
    probabilities, labels = sample(seed, count, 3, steps=steps)
    mine = labels == 0
    found = roc.curves(probabilities[:, 0], mine)
    if mine.all() or not mine.any():
        assert found is None
        return
    assert found is not None
    wrongly, found_share, thresholds = roc_curve(mine, probabilities[:, 0], drop_intermediate=False)
    assert found.wrongly == pytest.approx(wrongly, abs=1e-6)
    assert found.found_share == pytest.approx(found_share, abs=1e-6)
    assert found.thresholds == pytest.approx(thresholds, abs=1e-6)
    precision, recall, _ = precision_recall_curve(mine, probabilities[:, 0])
    assert found.precision[::-1] == pytest.approx(precision, abs=1e-6)
    assert found.found_share[::-1] == pytest.approx(recall, abs=1e-6)


def test_thinned__keeps_the_ends_and_the_area():
    probabilities, labels = sample(3, 20_000, 3)
    found = roc.curves(probabilities[:, 0], labels == 0)
    assert found is not None
    few = roc.thinned(found)
    assert len(few.found_share) <= roc.MOST
    assert (few.found_share[0], few.found_share[-1]) == (0, 1)
    assert np.trapezoid(few.found_share, few.wrongly) == pytest.approx(
        np.trapezoid(found.found_share, found.wrongly), abs=1e-3
    )
