"""Splits: a partition, level strata, the same again with the same seed, and every class in training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from app.domain.errors import Invalid
from app.domain.splits import holdout, holdout_per_class, holdout_sizes, kfold, surplus

CLASS_SIZES = st.lists(st.integers(2, 40), min_size=2, max_size=6)
SEEDS = st.integers(0, 2**31 - 1)


def labels_of(sizes: list[int], seed: int = 0) -> np.ndarray:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(labels)


@given(sizes=CLASS_SIZES, share=st.floats(0.01, 0.9), seed=SEEDS)
def test_holdout__stratified_shares_are_level_and_every_class_is_on_both_sides(sizes, share, seed):
    labels = labels_of(sizes, seed)
    mask = holdout(labels, share, seed)
    held = np.bincount(labels[mask], minlength=len(sizes))
    assert mask.shape == labels.shape
    assert np.all(np.abs(held - np.array(sizes) * share) < 1)
    assert np.all(held >= 1)
    assert np.all(held <= np.array(sizes) - 1)
    assert np.array_equal(held, holdout_sizes(np.array(sizes), share))
    assert np.array_equal(mask, holdout(labels, share, seed))


@given(count=st.integers(2, 200), share=st.floats(0.01, 0.9), seed=SEEDS)
def test_holdout__unstratified_takes_the_share_of_all(count, share, seed):
    mask = holdout(np.zeros(count, dtype=np.int64), share, seed, stratified=False)
    assert abs(mask.sum() - count * share) <= 1
    assert 1 <= mask.sum() <= count - 1


def test_holdout__a_single_image_stays_in_training():
    labels = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    assert not holdout(labels, 0.5, seed=3)[0]


def test_holdout__another_seed_draws_other_images():
    labels = labels_of([50, 50])
    assert not np.array_equal(holdout(labels, 0.2, seed=1), holdout(labels, 0.2, seed=2))


def test_holdout__90_images_in_3_classes_give_6_of_each():
    labels = np.repeat([0, 1, 2], 30)
    assert np.bincount(labels[holdout(labels, 0.2, seed=0)]).tolist() == [6, 6, 6]


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_holdout__refuses_a_share_outside_0_to_1(share):
    with pytest.raises(Invalid, match="split_share"):
        holdout(np.array([0, 0, 1, 1]), share, seed=0)


def test_holdout__refuses_fewer_than_two_images():
    with pytest.raises(Invalid, match="split_too_few"):
        holdout(np.array([0]), 0.5, seed=0)


@given(sizes=st.lists(st.integers(6, 40), min_size=2, max_size=6), count=st.integers(1, 5), seed=SEEDS)
def test_holdout_per_class__takes_the_count_of_each(sizes, count, seed):
    labels = labels_of(sizes, seed)
    assert np.all(np.bincount(labels[holdout_per_class(labels, count, seed)]) == count)


def test_holdout_per_class__names_the_class_that_would_be_left_without_training_images():
    with pytest.raises(Invalid, match="classes_too_small_to_draw") as refusal:
        holdout_per_class(np.array([0] * 9 + [7] * 3), 3, seed=0)
    assert refusal.value.params == {"names": "7", "counts": {7: 3}, "size": 3}


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), count=st.integers(1, 30), seed=SEEDS)
def test_surplus__leaves_the_number_of_each_class_or_all_there_are(sizes, count, seed):
    labels = labels_of(sizes, seed)
    aside = surplus(labels, seed, per_class=count)
    assert np.bincount(labels[~aside], minlength=len(sizes)).tolist() == [min(size, count) for size in sizes]
    assert np.array_equal(aside, surplus(labels, seed, per_class=count))


@given(sizes=CLASS_SIZES, share=st.floats(0.01, 0.9), seed=SEEDS)
def test_surplus__leaves_the_share_of_each_class(sizes, share, seed):
    labels = labels_of(sizes, seed)
    kept = np.bincount(labels[~surplus(labels, seed, share=share)], minlength=len(sizes))
    assert np.all(np.abs(kept - np.array(sizes) * share) <= 1)
    assert np.all(kept >= 1)


@pytest.mark.parametrize(
    ("asked", "code"), [({"share": 1.5}, "split_share"), ({"per_class": 0}, "split_count"), ({}, "split_share")]
)
def test_surplus__refuses_what_makes_no_sense(asked, code):
    with pytest.raises(Invalid, match=code):
        surplus(np.array([0, 0, 1]), 1, **asked)


@given(sizes=CLASS_SIZES, k=st.integers(2, 10), seed=SEEDS)
def test_kfold__stratified_is_a_level_partition_with_every_class_in_training(sizes, k, seed):
    labels = labels_of(sizes, seed)
    if len(labels) < k:
        with pytest.raises(Invalid, match="split_too_few"):
            kfold(labels, k, seed)
        return
    folds = kfold(labels, k, seed)
    table = np.zeros((k, len(sizes)), dtype=int)
    np.add.at(table, (folds, labels), 1)
    assert set(folds) == set(range(k))
    assert np.ptp(table.sum(axis=1)) <= 1
    assert np.all(np.ptp(table, axis=0) <= 1)
    assert np.all(table < np.array(sizes))  # no fold takes a whole class out of training
    assert np.array_equal(folds, kfold(labels, k, seed))


@pytest.mark.parametrize("count", [18, 90, 91, 97])
@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
def test_kfold__unstratified_is_the_one_of_scikit_learn(count, seed):
    folds = kfold(np.zeros(count, dtype=np.int64), 5, seed, stratified=False)
    expected = KFold(5, shuffle=True, random_state=seed).split(np.zeros(count))
    for fold, (_train, validation) in enumerate(expected):
        assert np.flatnonzero(folds == fold).tolist() == validation.tolist()


def test_kfold__refuses_one_fold():
    with pytest.raises(Invalid, match="folds_one"):
        kfold(np.array([0, 1]), 1, seed=0)
