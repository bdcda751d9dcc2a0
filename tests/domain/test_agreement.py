"""Agreement of people and of models, against published figures."""

import numpy as np
import pytest

from app.domain import agreement


def test_spread__is_zero_when_models_agree_and_one_when_each_is_sure_of_another():
    same = np.tile(np.array([[0.7, 0.2, 0.1], [1, 0, 0]], dtype=np.float32), (3, 1, 1))
    assert agreement.spread(same) == pytest.approx([0, 0], abs=1e-6)
    apart = np.eye(3, dtype=np.float32)[:, None, :]
    assert agreement.spread(apart) == pytest.approx([1])
    assert agreement.spread(apart[:2]) == pytest.approx([1])  # two models cannot be further apart than ln 2
    half = np.array([[[0.9, 0.1]], [[0.6, 0.4]]], dtype=np.float32)
    # scipy.spatial.distance.jensenshannon([0.9, 0.1], [0.6, 0.4], base=2) ** 2, SciPy 1.17.1
    assert agreement.spread(half) == pytest.approx([0.0913], abs=5e-4)


def test_spread__of_one_model_or_one_class_is_none():
    assert agreement.spread(np.full((1, 4, 3), 1 / 3, dtype=np.float32)).tolist() == [0] * 4
    assert agreement.spread(np.ones((3, 4, 1), dtype=np.float32)).tolist() == [0] * 4
    assert agreement.spread(np.ones((3, 0, 2), dtype=np.float32)).shape == (0,)


def test_cohen__of_fifty_applications():
    """Two readers of 50 applications: 20 both yes, 15 both no, 5 and 10 apart (Wikipedia, "Cohen's kappa": 0.4)."""
    one = [0] * 25 + [1] * 25
    other = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15
    assert agreement.cohen(one, other, 2) == pytest.approx(0.4)


def test_cohen__as_scikit_learn():
    """sklearn.metrics.cohen_kappa_score of the same two lists, version 1.9.1: 0.4285714285714286; unused class 3."""
    assert agreement.cohen([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2], 4) == pytest.approx(0.42857142857142855)


def test_cohen__says_nothing_without_pictures_or_with_one_class():
    assert agreement.cohen([], [], 3) is None
    assert agreement.cohen([1, 1], [1, 1], 3) is None
    assert agreement.cohen([0, 0], [1, 1], 2) == pytest.approx(0)


# Fleiss 1971 as told by Wikipedia, "Fleiss' kappa": 14 people, 10 subjects, 5 classes; kappa 0.210.
# statsmodels.stats.inter_rater.fleiss_kappa, version 0.15.0, of the same table: 0.20993070442195522.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def test_fleiss__of_ten_subjects():
    assert agreement.fleiss(np.array(FLEISS)) == pytest.approx(0.20993070442195522, abs=1e-12)


def test_fleiss__needs_two_people_and_two_classes_and_the_same_number_each():
    assert agreement.fleiss(np.array([[1, 0], [0, 1]])) is None
    assert agreement.fleiss(np.array([[2, 0], [2, 0]])) is None
    assert agreement.fleiss(np.zeros((0, 2), dtype=int)) is None
    assert agreement.fleiss(np.array([[2, 0], [0, 2]])) == pytest.approx(1)
    with pytest.raises(ValueError, match="same number"):
        agreement.fleiss(np.array([[2, 0], [2, 1]]))


def test_pairs__counts_each_two_people_once():
    votes = np.array([[2, 1, 0], [0, 0, 3], [1, 0, 1]])
    assert agreement.pairs(votes).tolist() == [[1, 2, 1], [2, 0, 0], [1, 0, 3]]
