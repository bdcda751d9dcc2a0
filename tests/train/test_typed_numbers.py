"""Digits of full width, as a Japanese keyboard gives them, wherever a number is typed."""

import pytest

from app.domain import matrix
from app.domain.errors import Invalid
from app.domain.recipe import FIELDS
from app.domain.typed import number_text
from app.services.split_draws import Amount
from app.web.draw_form import DrawForm
from app.web.review_query import number_of
from tests.train.pages import form_of, rows_of, runs_in


def test_number_text__digits_points_and_signs_become_plain():
    assert [number_text(text) for text in ("１２．５", "０。２", "ー３", "−4", " 7 ", "1e-3")] == [
        "12.5", "0.2", "-3", "-4", "7", "1e-3"
    ]  # fmt: skip
    assert (FIELDS["epochs"].parse("４０"), FIELDS["learning_rate"].parse("０．００２")) == (40, 0.002)
    assert matrix.axis("image_size", "３２，64、９６").values == ("32", "64", "96")
    assert matrix.axis("seed", "０..２").values == ("0", "1", "2")
    assert (number_of("１７", 1), number_of("", 0), number_of(None, 0), number_of("x", 0)) == (17, None, None, None)
    with pytest.raises(Invalid):
        FIELDS["epochs"].parse("四十")


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ({"by": "share", "share": "０．２５"}, Amount(0.25, None)),
        ({"by": "count", "per_class": "１２"}, Amount(None, 12)),
    ],
)
def test_draw_form__takes_full_width(typed, amount):
    read = DrawForm.sent({"split": "test", "seed": "４２", **typed}).read()
    assert (read.amount, read.seed) == (amount, 42)


def test_pages__start_with_full_width_numbers(client, database):
    place = f"/p/{rows_of(database, {'a': 20, 'b': 20}).slug}"
    wide = {"epochs": "１２", "validation_share": "０．３", "augmentation.rotation": "９０", "repeats": "２"}
    assert client.post(f"{place}/train", data=form_of() | wide, follow_redirects=False).status_code == 303
    made = runs_in(database)
    assert len(made) == 2
    recipe = made[0].recipe
    assert (recipe["epochs"], recipe["validation_share"], recipe["augmentation"]["rotation"]) == (12, 0.3, 90)
    drawn = client.post(f"{place}/opinions", data={"images": "１０", "people": "２"}, follow_redirects=False)
    assert drawn.status_code == 303
