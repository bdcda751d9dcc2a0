"""Drawn once more: what had a place keeps it, what is missing is filled up, nothing is torn apart."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.kept_places import HELD, LEARNED, NEW
from app.domain.splits import holdout, holdout_again, holdout_sizes, kfold, kfold_again

SEEDS = st.integers(0, 2**31 - 1)


@st.composite
def changed(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Labels, which of them were there before, groups, and a seed: some pictures new, some with another label."""
    sizes = draw(st.lists(st.integers(12, 40), min_size=2, max_size=5))
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    groups = rng.integers(0, len(labels), len(labels)) if draw(st.booleans()) else None
    return labels, rng.random(len(labels)) > draw(st.sampled_from([0.0, 0.05, 0.3])), groups, seed


def numbers(labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels)


@given(changed(), st.floats(0.1, 0.4), st.booleans())
def test_holdout_again__nothing_changed_gives_the_same(found, share, stratified):
    labels, _, groups, seed = found
    mask = holdout(labels, share, seed, stratified, groups)
    before = np.where(mask, HELD, LEARNED)
    np.testing.assert_array_equal(holdout_again(labels, share, seed, before, stratified, groups), mask)


@given(changed(), st.floats(0.1, 0.4))
def test_holdout_again__old_places_stay_and_what_is_missing_is_filled_up(found, share):
    labels, there, _, seed = found
    old = np.flatnonzero(there)
    first = holdout(labels[old], share, seed)
    before = np.full(len(labels), NEW)
    before[old] = np.where(first, HELD, LEARNED)
    # One in ten of the pictures that were there is excluded now, and one in ten has another label.
    rng = np.random.default_rng(seed + 1)
    kept = np.flatnonzero(rng.random(len(labels)) > 0.1)
    corrected = np.where(rng.random(len(labels)) < 0.1, rng.permutation(labels), labels)[kept]
    counts = numbers(corrected)
    mask = holdout_again(corrected, share, seed, before[kept])
    held, was = numbers(corrected[mask]), before[kept] == HELD
    full = np.resize(np.maximum(holdout_sizes(counts, share), counts // 2), len(counts))
    kept_of = np.array([np.sum(was & (corrected == value)) for value in range(len(counts))])
    assert (held == np.maximum(np.minimum(kept_of, full), holdout_sizes(counts, share)))[counts > 1].all()
    for value in range(len(counts)):
        mine = corrected == value
        if kept_of[value] <= full[value]:
            assert mask[mine & was].all()  # nobody left validation
            new, moved = before[kept] == NEW, mine & mask & (before[kept] == LEARNED)
            assert not moved.any() or mask[mine & new].all()  # new ones first
    np.testing.assert_array_equal(mask, holdout_again(corrected, share, seed, before[kept]))


@given(changed(), st.floats(0.1, 0.4), st.booleans())
def test_holdout_again__groups_that_were_not_known_then_are_whole(found, share, stratified):
    labels, there, groups, seed = found
    together = np.arange(len(labels)) // 2 if groups is None else groups
    old = np.flatnonzero(there)
    before = np.full(len(labels), NEW)
    before[old] = np.where(holdout(labels[old], share, seed), HELD, LEARNED)
    mask = holdout_again(labels, share, seed, before, stratified, together)
    assert all(len(set(mask[together == group].tolist())) == 1 for group in np.unique(together))
    assert 0 < mask.sum() < len(labels)


@given(changed(), st.integers(2, 5), st.booleans())
def test_kfold_again__old_folds_stay_and_new_images_level_them(found, k, stratified):
    labels, there, groups, seed = found
    first = kfold(labels, k, seed, stratified, groups)
    np.testing.assert_array_equal(kfold_again(labels, k, seed, first, stratified, groups), first)
    before = np.where(there, first, NEW)
    again = kfold_again(labels, k, seed, before, stratified, groups)
    if groups is None:
        np.testing.assert_array_equal(again[there], first[there])
        for part in [labels == value for value in np.unique(labels)] if stratified else [np.ones(len(labels), bool)]:
            was = np.array([np.sum(there & part & (first == fold)) for fold in range(k)])
            now = np.array([np.sum(part & (again == fold)) for fold in range(k)])
            assert (now[now > was].max(initial=0)) <= now.min() + 1  # no fold that got some is above the others
    else:
        assert all(len(set(again[groups == group].tolist())) == 1 for group in np.unique(groups))
    left = np.flatnonzero(np.random.default_rng(seed).random(len(labels)) > 0.05)
    some = None if groups is None else groups[left]
    np.testing.assert_array_equal(kfold_again(labels[left], k, seed, first[left], stratified, some), first[left])


def test_holdout_again__a_group_goes_where_most_of_it_was():
    labels = np.zeros(12, np.int64)
    before = np.array([HELD, HELD, LEARNED, HELD, LEARNED, LEARNED, *[LEARNED] * 6])
    groups = np.array([0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7])
    assert np.flatnonzero(holdout_again(labels, 0.25, 0, before, groups=groups)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("groups", [None, np.arange(20)])
def test_holdout_again__a_class_is_never_all_validation(groups):
    again = holdout_again(np.repeat([0, 1], 10), 0.3, 1, np.repeat([NEW, HELD], 10), groups=groups)
    assert numbers(np.repeat([0, 1], 10)[again]).tolist() == [3, 5]


@pytest.mark.parametrize("seed", range(5))
def test_holdout_again__groups_of_one_class_do_not_wait_for_another_class(seed):
    labels, groups = np.repeat([0, 1, 2], 40), np.arange(120) // 4
    before = np.where(holdout(labels, 0.2, seed, groups=groups), HELD, LEARNED)
    rng = np.random.default_rng(seed)
    gone = ((labels == 1) & (before == HELD)) | ((labels == 0) & (before == LEARNED) & (rng.random(120) < 0.3))
    labels, groups, before = labels[~gone], groups[~gone], before[~gone]
    mask = holdout_again(labels, 0.2, seed, before, groups=groups)
    assert mask[(before == HELD) & (labels != 0)].all()  # of class 0 there are fewer now, and some may be given back
    assert numbers(labels[mask]).min() >= 4
    assert not mask[before == LEARNED][labels[before == LEARNED] != 1].any()


def test_holdout_again__groups_are_given_back():
    labels, groups = np.repeat([0, 1], 20), np.arange(40) // 2
    before = np.array([*[HELD] * 16, *[LEARNED] * 4, *[HELD] * 4, *[LEARNED] * 16])
    assert numbers(labels[holdout_again(labels, 0.2, 3, before, groups=groups)]).tolist() == [10, 4]
    before[:20] = HELD
    assert numbers(labels[holdout_again(labels, 0.2, 3, before, groups=groups)]).tolist() == [10, 4]


def test_kfold_again__a_new_class_out_of_one_fold_is_drawn_anew():
    labels = np.repeat([0, 1], 30)
    before = kfold(labels, 5, 1)
    labels[np.flatnonzero(before == 0)[:6]] = 2
    np.testing.assert_array_equal(kfold_again(labels, 5, 1, before), kfold(labels, 5, 1))


def test_again__where_too_little_is_left_all_is_drawn_anew():
    labels = np.repeat([0, 1], 10)
    folds = np.repeat([0, 1, 0, 1], [9, 1, 9, 1])
    np.testing.assert_array_equal(kfold_again(labels, 2, 5, folds), kfold(labels, 2, 5))
    pairs = np.arange(20) // 5  # too large for the two pictures that are wanted, so nothing would check a class
    found = holdout_again(labels, 0.2, 5, np.full(20, LEARNED), groups=pairs)
    np.testing.assert_array_equal(found, holdout(labels, 0.2, 5, groups=pairs))
