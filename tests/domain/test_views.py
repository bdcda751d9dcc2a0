"""The fixed views of a picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import views
from app.domain.views import AS_IT_IS, View

NOISE = np.random.default_rng(0).integers(0, 256, (2, 50, 50, 3), dtype=np.uint8)


@pytest.mark.parametrize(("kind", "count"), [("none", 1), ("mirror", 2), ("shifts", 6), ("all", 12)])
def test_views__each_list_begins_with_the_picture_as_it_is_and_repeats_nothing(kind, count):
    looks = views.VIEWS[kind]
    assert (looks[0], len(looks), len(set(looks))) == (AS_IT_IS, count, count)
    shown = [views.look(NOISE, view).tobytes() for view in looks]
    assert shown[0] == NOISE.tobytes()
    assert len(set(shown)) == count


def test_look__moves_by_whole_pixels_and_repeats_the_edge():
    moved = views.look(NOISE, View(right=0.04, down=-0.04))
    np.testing.assert_array_equal(moved[:, :-2, 2:], NOISE[:, 2:, :-2])
    np.testing.assert_array_equal(moved[:, :-2, 0], NOISE[:, 2:, 0])
    np.testing.assert_array_equal(moved[:, -1, 2:], NOISE[:, -1, :-2])


def test_look__mirrors_left_and_right_and_looks_closer_at_the_middle():
    np.testing.assert_array_equal(views.look(NOISE, View(mirrored=True)), NOISE[:, :, ::-1])
    frame = np.zeros((1, 100, 100, 3), np.uint8)
    frame[:, 4:96, 4:96] = 200
    assert (views.look(frame, View(seen=0.92))[0, 1:-1, 1:-1] == 200).all()


@given(st.sampled_from(views.VIEWS["all"]), st.integers(1, 40))
def test_look__any_size_keeps_its_shape_and_stays_within_its_values(view, size):
    pictures = np.full((1, size, size, 3), 7, np.uint8)
    assert (views.look(pictures, view) == pictures).all()
