"""Nearest neighbours, the small classifier, groups and the layout: NumPy only, on made-up rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import clusters, layout, linear_head, space


def clouds(count, groups=5, width=64, seed=0, spread=0.4):
    """Rows around some centres, and which centre each belongs to."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, width))
    owner = rng.integers(0, groups, count)
    return (centres[owner] + rng.normal(scale=spread, size=(count, width))).astype(np.float32), owner


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 3), st.integers(2, 24))
def test_nearest__is_what_comparing_all_finds(seed, count, asked, few):
    rows = space.unit(clouds(800, seed=seed, width=32)[0])
    directions = space.basis(rows, few)
    small, rest = space.reduce(rows, directions)
    wanted = rows[:asked]
    found = space.nearest(small, rest, directions, wanted, lambda places: rows[places], count)
    true = np.sort((rows @ wanted.T).max(axis=1))[::-1][:count]
    np.testing.assert_allclose(found.likeness, true, atol=1e-5)
    np.testing.assert_allclose((rows[found.places] @ wanted.T).max(axis=1), true, atol=1e-5)
    assert len(set(found.places.tolist())) == count


def test_nearest__few_rows_and_equal_rows():
    rows = space.unit(np.ones((3, 8), dtype=np.float32))
    directions = space.basis(rows, 4)
    small, rest = space.reduce(rows, directions)
    found = space.nearest(small, rest, directions, rows[:1], lambda places: rows[places], 10)
    assert sorted(found.places.tolist()) == [0, 1, 2]
    assert np.allclose(found.likeness, 1)


def test_centre__one_picture_does_not_vanish():
    one = np.full((1, 8), 3.0, dtype=np.float32)
    assert space.unit(one - space.centre(one)).any()


def test_head__tells_clouds_apart_and_knows_how_well():
    rows, owner = clouds(600, seed=3, width=32, spread=1.6)
    unit = space.unit(rows)
    head = linear_head.fit(unit[:300], owner[:300], 5)
    said = head.probabilities(unit[300:])
    accuracy = (said.argmax(axis=1) == owner[300:]).mean()
    assert accuracy > 0.9
    assert head.total == 300
    assert abs(head.right / head.total - accuracy) < 0.05
    assert abs(said.max(axis=1).mean() - accuracy) < 0.06  # the confidence is true
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-5)


def test_head__labels_by_chance_are_no_better_than_chance():
    rows = space.unit(clouds(400, groups=1, width=32)[0])
    labels = np.random.default_rng(0).integers(0, 4, 400)
    head = linear_head.fit(rows, labels, 4)
    assert head.right / head.total < 0.4
    assert head.probabilities(rows).max(axis=1).mean() < 0.45


def test_head__finds_the_least_loss():
    rows, owner = clouds(200, groups=3, width=6, spread=2)
    ready = linear_head._ready(space.unit(rows))
    weights = linear_head.solve(ready, owner, 3)
    truth = np.eye(3, dtype=np.float32)[owner]
    best, slope = linear_head._loss(ready, truth, weights)
    assert np.abs(slope).max() < 5e-3
    for seed in range(20):
        nearby = weights + np.random.default_rng(seed).normal(0, 0.05, weights.shape).astype(np.float32)
        assert linear_head._loss(ready, truth, nearby)[0] >= best - 1e-5


@pytest.mark.parametrize("counts", [(1, 9), (5, 5), (2, 3, 30)])
def test_shares__spread_each_class(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    folds = linear_head.shares(labels, 5, 0)
    for label, count in enumerate(counts):
        sizes = np.bincount(folds[labels == label], minlength=5)
        assert sizes.max() - sizes.min() <= 1
        assert sizes.sum() == count


def test_neighbours__of_many_rows_are_nearly_those_of_comparing_all(monkeypatch):
    monkeypatch.setattr(clusters, "EXACT", 500)
    monkeypatch.setattr(clusters, "MEMBERS", 100)
    rows = clouds(1500, groups=30, width=12)[0]
    places, distances = clusters.neighbours(rows, 10)
    assert (places != np.arange(len(rows))[:, None]).all()
    assert (np.diff(distances, axis=1) >= -1e-4).all()
    some = np.arange(0, 1500, 30)
    square = ((rows[some, None] - rows[None]) ** 2).sum(axis=2)
    square[np.arange(len(some)), some] = np.inf
    true = np.argsort(square, axis=1)[:, :10]
    met = [len(set(one) & set(other)) / 10 for one, other in zip(true.tolist(), places[some].tolist(), strict=True)]
    assert np.mean(met) > 0.9


def test_layout__keeps_groups_together_and_stops_when_told():
    rows, owner = clouds(160, groups=4, width=20, spread=0.3)
    few, _rest = space.reduce(space.unit(rows), space.basis(space.unit(rows), 16))
    plane = layout.lay_out(few, lambda done, total: True)
    assert plane is not None
    square = ((plane[:, None] - plane[None]) ** 2).sum(axis=2)
    np.fill_diagonal(square, np.inf)
    near = np.argsort(square, axis=1)[:, :5]
    assert (owner[near] == owner[:, None]).mean() > 0.97
    assert layout.lay_out(few, lambda done, total: done < 3) is None


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17])
def test_layout__few_rows(count):
    few = clouds(count, width=8)[0]
    plane = layout.lay_out(few, lambda done, total: True)
    assert plane is not None
    assert plane.shape == (count, 2)
    assert np.isfinite(plane).all()
