"""Splits by group: always a partition, no group torn apart, level wherever the groups allow it."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain import groups as grouping
from app.domain.errors import Invalid
from app.domain.splits import holdout, holdout_per_class, holdout_sizes, kfold, surplus

SEEDS = st.integers(0, 2**31 - 1)


@st.composite
def images(draw):
    """Labels and groups: groups of two to nine images, of one class or several, and single images of every class."""
    classes = draw(st.integers(1, 4))
    groups = draw(st.lists(st.lists(st.integers(0, classes - 1), min_size=2, max_size=9), max_size=8))
    singles = draw(st.lists(st.integers(0, classes - 1), max_size=40))
    labels = [label for group in groups for label in group] + singles
    numbers = [number for number, group in enumerate(groups) for _label in group]
    numbers += list(range(len(groups), len(groups) + len(singles)))
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(labels))
    return np.array(labels, dtype=np.int64)[order], np.array(numbers, dtype=np.int64)[order]


def torn(groups: np.ndarray, parts: np.ndarray) -> list[int]:
    return [group for group in np.unique(groups) if len(np.unique(parts[groups == group])) > 1]


def singles_of(labels: np.ndarray, groups: np.ndarray, label: int) -> int:
    _names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return int((sizes[place][labels == label] == 1).sum())


@given(made=images(), k=st.integers(2, 8), seed=SEEDS, stratified=st.booleans())
def test_kfold__groups_stay_whole_and_strata_are_level_where_singles_suffice(made, k, seed, stratified):
    labels, groups = made
    if len(labels) < k or len(np.unique(groups)) < k:
        with pytest.raises(Invalid, match=r"split_too_few|groups_too_few"):
            kfold(labels, k, seed, stratified, groups)
        return
    folds = kfold(labels, k, seed, stratified, groups)
    assert set(folds.tolist()) == set(range(k))  # each image is in one fold, and no fold is empty
    assert not torn(groups, folds)
    assert np.array_equal(folds, kfold(labels, k, seed, stratified, groups))
    strata = labels if stratified else np.zeros_like(labels)
    _names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    for value in np.unique(strata):
        inside = strata == value
        grouped = np.bincount(folds[inside & (sizes[place] > 1)], minlength=k)
        if singles_of(strata, groups, value) >= (grouped.max() - grouped).sum():
            assert np.ptp(np.bincount(folds[inside], minlength=k)) <= 1


@example(made=(np.array([1, 2, 0, 1, 1, 0, 0]), np.array([0, 1, 1, 3, 2, 0, 0])), share=0.25, seed=0, stratified=True)
@given(made=images(), share=st.floats(0.05, 0.8), seed=SEEDS, stratified=st.booleans())
def test_holdout__groups_stay_whole_and_sizes_are_met_where_singles_suffice(made, share, seed, stratified):
    labels, groups = made
    if len(labels) < 2:
        return
    mask = holdout(labels, share, seed, stratified, groups)
    assert mask.shape == labels.shape
    assert not torn(groups, mask)
    assert np.array_equal(mask, holdout(labels, share, seed, stratified, groups))
    if not stratified:
        assert not mask.all()
        return
    classes, counts = np.unique(labels, return_counts=True)
    held = np.array([mask[labels == value].sum() for value in classes])
    assert np.all(held < counts)  # every class is learned from
    wanted = holdout_sizes(counts, share)
    _names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    for position, value in enumerate(classes):
        grouped = int(mask[(labels == value) & (sizes[place] > 1)].sum())
        if grouped <= wanted[position] <= grouped + singles_of(labels, groups, value):
            assert held[position] == wanted[position]


@given(made=images(), count=st.integers(1, 4), seed=SEEDS)
def test_holdout_per_class__groups_stay_whole(made, count, seed):
    labels, groups = made
    if not len(labels) or np.unique(labels, return_counts=True)[1].min() <= count:
        with pytest.raises(Invalid, match=r"classes_too_small_to_draw|split_too_few"):
            holdout_per_class(labels, count, seed, groups)
        return
    mask = holdout_per_class(labels, count, seed, groups)
    assert not torn(groups, mask)
    assert all(not mask[labels == value].all() for value in np.unique(labels))


@given(made=images(), count=st.integers(1, 12), seed=SEEDS)
def test_surplus__groups_stay_whole_and_every_class_is_learned_from(made, count, seed):
    labels, groups = made
    if not len(labels):
        with pytest.raises(Invalid, match="split_too_few"):
            surplus(labels, seed, per_class=count, groups=groups)
        return
    aside = surplus(labels, seed, per_class=count, groups=groups)
    assert not torn(groups, aside)
    assert all(not aside[labels == value].all() for value in np.unique(labels))


@pytest.mark.parametrize("stratified", [True, False])
def test_groups_of_one__change_nothing(stratified):
    labels = np.random.default_rng(1).integers(0, 3, 90)
    groups = np.arange(90) + 7
    assert np.array_equal(kfold(labels, 5, 3, stratified, groups), kfold(labels, 5, 3, stratified))
    assert np.array_equal(holdout(labels, 0.2, 3, stratified, groups), holdout(labels, 0.2, 3, stratified))


def test_patients__of_one_class_each_are_shared_out_evenly():
    groups = np.repeat(np.arange(20), 30)
    labels = (groups % 2).astype(np.int64)  # ten patients of each class, thirty images of each patient
    folds = kfold(labels, 5, 0, groups=groups)
    table = np.array([np.bincount(labels[folds == fold]) for fold in range(5)])
    assert (table == 60).all()
    assert np.bincount(labels[holdout(labels, 0.2, 0, groups=groups)]).tolist() == [60, 60]


def test_large_groups__another_seed_draws_others():
    groups = np.repeat(np.arange(40), 5)
    labels = (groups % 2).astype(np.int64)
    drawn = {holdout(labels, 0.2, seed, groups=groups).tobytes() for seed in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize(
    ("pattern", "name", "group"),
    [
        ("*_#", "patient7_0012.png", "patient7"),
        ("*_#", "Patient7_0012.TIF", "patient7"),
        ("*_#", "症例3_左_08.png", "症例3_左"),
        ("*_#", "patient7.png", ""),
        ("*_~", "bccd_BloodImage_00361_1.jpg", "bccd"),
        ("~Image_*_#", "bccd_BloodImage_00361_1.jpg", "00361"),
        ("IMG(*)#", "img(a)7.jpg", "a"),
    ],
)
def test_name_pattern__finds_the_group(pattern, name, group):
    assert grouping.of_name(name, grouping.name_pattern(pattern)) == group


@pytest.mark.parametrize("pattern", ["", "#", "abc", "**", "*_#_#", "*" + "a" * 100])
def test_name_pattern__refuses_what_names_no_group_or_could_take_long(pattern):
    with pytest.raises(Invalid, match="group_pattern"):
        grouping.name_pattern(pattern)


def test_of_folder__leaves_out_split_and_class():
    assert grouping.of_folder("train/dog/1.png") == ""
    assert grouping.of_folder("patient3/train/dog/1.png") == "patient3"


def test_numbered__joins_names_and_pairs():
    assert grouping.numbered(6, ["a", "b", "a", "", "", "b"], [(4, 1)]).tolist() == [0, 1, 0, 3, 1, 1]
    assert grouping.numbered(3, [], []).tolist() == [0, 1, 2]
