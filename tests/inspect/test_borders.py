"""Shares of heat on padding and border, and when an alarm rings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import borders
from app.domain.borders import Look


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 40), st.integers(1, 40))
def test_padding__has_the_area_that_the_picture_leaves_free(width, height, rows, columns):
    part = borders.padding(width, height, (rows, columns))
    assert part.shape == (rows, columns)
    assert part.mean() == pytest.approx(1 - min(width, height) / max(width, height), abs=1e-9)
    assert part.min() >= -1e-9
    assert part.max() <= 1 + 1e-9


def test_padding__lies_where_the_resize_puts_it():
    wide = borders.padding(200, 100, (4, 4))
    assert wide.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    assert (borders.padding(100, 200, (4, 4)) == wide.T).all()
    assert (borders.padding(50, 50, (3, 3)) == 0).all()


@given(st.integers(1, 60))
def test_border__is_a_frame_of_a_tenth_of_the_side(cells):
    frame = borders.border((cells, cells))
    assert frame.mean() == pytest.approx(1 - 0.8**2, abs=1e-9)
    assert (frame == frame[::-1]).all() or np.allclose(frame, frame[::-1])


@given(st.integers(0, 1000))
def test_look__energy_of_all_parts_is_one(seed):
    heat = np.random.default_rng(seed).random((7, 7)).astype(np.float32)
    part = borders.border((7, 7))
    inside, outside = borders.look(heat, 1 - part), borders.look(heat, part)
    assert inside is not None
    assert outside is not None
    assert inside.energy + outside.energy == pytest.approx(1, abs=1e-6)
    assert borders.look(3 * heat, part).energy == pytest.approx(outside.energy, abs=1e-6)  # type: ignore[union-attr]


def test_look__an_even_map_does_not_care_and_an_empty_one_says_nothing():
    part = borders.padding(300, 200, (12, 12))
    even = borders.look(np.ones((12, 12)), part)
    assert even is not None
    assert even.energy == pytest.approx(even.area)
    assert not even.much
    assert borders.look(np.zeros((12, 12)), part) is None


@pytest.mark.parametrize(
    ("energy", "area", "much"), [(0.61, 0.5, True), (0.59, 0.5, False), (0.08, 0.05, True), (0.07, 0.05, False)]
)
def test_look__a_part_is_measured_by_the_rest_so_that_half_a_picture_can_be_looked_at_much(energy, area, much):
    assert Look(energy, area).much is much


def test_tally__rings_only_when_surely_many_look_there():
    there, elsewhere, none = Look(0.8, 0.3), Look(0.2, 0.3), Look(0.5, 0.01)
    loud = borders.tally([there] * 12 + [elsewhere] * 12 + [none])
    assert loud is not None
    assert (loud.count, loud.much, loud.rings) == (24, 12, True)
    quiet = borders.tally([there] * 5 + [elsewhere] * 19)
    assert quiet is not None
    assert not quiet.rings
    few = borders.tally([there] * 7)
    assert few is not None
    assert not few.rings
    assert borders.tally([none]) is None
