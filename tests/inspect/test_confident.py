"""Confident learning against cleanlab, and on labels that were spoiled on purpose."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import confident

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cleanlab.count import compute_confident_joint, get_confident_thresholds
    from cleanlab.filter import find_label_issues


def spoiled(seed, count=400, classes=4, share=0.1, sharp=3.0):
    """(labels with errors, probabilities, which labels are wrong) of a model that is right most of the time."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, count)
    logits = rng.normal(0, 1, (count, classes))
    logits[np.arange(count), true] += sharp
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.random(count) < share
    labels = np.where(wrong, (true + rng.integers(1, classes, count)) % classes, true)
    return labels, probabilities.astype(np.float32), wrong


def counted(labels, probabilities):
    classes = probabilities.shape[1]
    found = confident.confident_classes(labels, probabilities)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels[found >= 0], found[found >= 0]), 1)
    return counts


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0, 0.4))
def test_counts__equal_cleanlab(seed, classes, share):
    labels, probabilities, _ = spoiled(seed, 200, classes, share)
    ours, theirs = confident.thresholds(labels, probabilities), get_confident_thresholds(labels, probabilities)
    assert ours == pytest.approx(theirs, abs=1e-6)
    raw = compute_confident_joint(labels, probabilities, calibrate=False)
    mine = counted(labels, probabilities)
    # cleanlab never leaves a class without a confident image of its own; only there it differs.
    np.testing.assert_array_equal(mine - np.diag(np.diag(mine)), raw - np.diag(np.diag(raw)))
    assert (np.maximum(np.diag(mine), 1) == np.maximum(np.diag(raw), 1)).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("classes", "sharp"), [(2, 2.0), (4, 3.0), (9, 4.0)])
def test_suspicions__are_those_of_cleanlab(seed, classes, sharp):
    labels, probabilities, wrong = spoiled(seed, 600, classes, 0.1, sharp)
    found = confident.suspicions(labels, probabilities)
    theirs = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    assert found.places.tolist() == theirs.tolist()
    assert wrong[theirs].mean() > 0.5


def test_suspicions__a_sure_model_finds_nearly_all_and_says_what_is_right():
    labels, probabilities, wrong = spoiled(1, 1000, 3, 0.1, sharp=7.0)
    found = confident.suspicions(labels, probabilities)
    assert wrong[found.places].mean() > 0.95
    assert wrong[found.places].sum() / wrong.sum() > 0.95
    assert found.share == pytest.approx(wrong.mean(), abs=0.02)
    assert (found.suggested != labels[found.places]).all()
    assert (np.diff(found.trust) >= 0).all()


def test_noise__of_one_pair_of_classes():
    labels, probabilities, _ = spoiled(2, 900, 3, 0.0, sharp=9.0)
    cats = np.flatnonzero(labels == 0)[:60]
    labels[cats] = 1
    worst = confident.suspicions(labels, probabilities).noise[0]
    assert (worst.given, worst.true) == (1, 0)
    assert worst.images == pytest.approx(60, rel=0.25)
    assert worst.share == pytest.approx(60 / (labels == 1).sum(), abs=0.04)


def test_suspicions__nothing_where_everything_agrees():
    labels = np.repeat([0, 1, 2], 30)
    sure = np.full((90, 3), 0.02, np.float32)
    sure[np.arange(90), labels] = 0.96
    found = confident.suspicions(labels, sure)
    assert len(found.places) == 0
    assert (found.noise, found.share) == ([], 0.0)


@settings(max_examples=60)
@given(st.integers(0, 500), st.integers(1, 6), st.integers(0, 30), st.sampled_from([1, 2, 1000]))
def test_suspicions__any_input_with_ties_and_absent_classes(seed, classes, count, steps):
    rng = np.random.default_rng(seed)
    raw = rng.integers(1, steps + 1, (count, classes)).astype(np.float32)
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    labels = rng.integers(0, max(classes - 1, 1), count)
    found = confident.suspicions(labels, probabilities)
    assert len(set(found.places.tolist())) == len(found.places)
    assert found.joint.sum() == pytest.approx(count)
    assert found.joint.sum(axis=1) == pytest.approx(np.bincount(labels, minlength=classes))
    assert (found.suggested != labels[found.places]).all()
