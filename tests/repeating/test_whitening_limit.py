"""ZCA whitening of large pictures is refused before the start, with the size that fits; its memory is counted."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from app.domain import sizes, whitening
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import projects, refusals, runs
from tests.repeating.test_preflight import looked
from tests.train.pages import form_of, rows_of, runs_in


@pytest.fixture
def place(database) -> str:
    return f"/p/{quote(rows_of(database, {'好中球': 90, '単球': 30}, test=4).slug)}"


def test_zca__is_refused_where_its_directions_are_too_many_and_counted_where_they_are_not(client, database, place):
    wide = Recipe(architecture="conv2", image_size=448, normalisation="zca", batch_size=4)
    with database.read() as session:
        found, plain = looked(session, wide), looked(session, replace(wide, normalisation="featurewise"))
        assert found.refusal is not None
        assert found.refusal.code == "zca_too_large"
        taken = wide.updated(found.proposal)
        fits = looked(session, taken)
        without = looked(session, replace(taken, normalisation="featurewise"))
    assert plain.refusal is None
    learned = int(str(found.refusal.params["images"]))
    numbers = whitening.numbers(taken.image_size, learned)
    assert whitening.MOST * 0.98 < numbers <= whitening.MOST
    assert fits.refusal is None
    assert fits.memory is not None
    assert without.memory is not None
    assert 8 * numbers < fits.memory.low - without.memory.low < fits.memory.high - without.memory.high < 40 * numbers
    with database.write() as session, pytest.raises(Invalid, match="zca_too_large"):
        runs.create(session, projects.by_slug(session, "血球"), wide, actor="test")
    answer = client.post(f"{place}/train", data=form_of(wide))
    assert answer.status_code == 422
    assert f"Take pictures of {taken.image_size} pixels at most" in answer.text
    assert f"would add {sizes.in_units(12 * 448**2 * learned)} to each saved model; 128 MB are possible" in answer.text
    assert 'id="take-proposal"' in answer.text
    assert runs_in(database) == []


def test_zca__as_a_second_step_is_refused_too_and_keeps_the_first_in_what_is_proposed():
    for alone, other in (("zca", "featurewise"), ("samplewise-zca", "samplewise-featurewise")):
        found = refusals.of_whitening(Recipe(architecture="conv4", image_size=150, normalisation=alone), 6000)
        assert found is not None
        assert (found.error.code, found.proposal) == ("zca_too_large", {"normalisation": other})


@pytest.mark.parametrize("learned", [1, 90, 2000, 5000, 10**6])
def test_largest__is_the_largest_picture_within_the_limit(learned):
    size = whitening.largest(learned)
    assert whitening.numbers(size, learned) <= whitening.MOST < whitening.numbers(size + 1, learned)
