"""Digits of full width, as a Japanese keyboard gives them, wherever a number is typed."""

import pytest

from app.domain import matrix
from app.domain.errors import Invalid
from app.domain.fields import plain
from app.domain.recipe import FIELDS
from app.domain.typed import number_text
from app.services.split_draws import Amount
from app.web.draw_form import DrawForm
from app.web.review_query import number_of
from tests.train.pages import JSON, form_of, read_form, rows_of, runs_in


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


def test_plain__has_all_digits_and_no_exponent():
    numbers = (1e-06, 1e-07, 0.00010000001, 0.1 + 0.2, 2.5e-08, 1e15, 3.0, 0.0, 2147483647, 1e-300)
    texts = [plain(number) for number in numbers]
    assert texts[:5] == ["0.000001", "0.0000001", "0.00010000001", "0.30000000000000004", "0.000000025"]
    assert texts[6:] == ["3", "0", "2147483647", "1e-300"]
    assert [float(text) for text in texts] == list(numbers)
    assert (plain(0.00031622776, 3), plain(0.1 + 0.2, 6), plain(-0.0), plain(-0.0, 6)) == ("0.000316", "0.3", "0", "0")


def test_pages__show_small_numbers_without_exponent_and_take_them_as_typed(client, database):
    place = f"/p/{rows_of(database, {'a': 20, 'b': 20}).slug}"
    small = {"normalisation": "zca", "zca_epsilon": "1e-6", "image_size": "32", "learning_rate": "０．０００００１"}
    form = form_of() | small
    assert read_form(client.get(f"{place}/train", params={"form": "1"} | form).text)["zca_epsilon"] == "1e-6"
    sent = client.post(f"{place}/train", data=form, follow_redirects=False)
    assert sent.status_code == 303
    page = client.get(sent.headers["location"]).text
    assert page[page.index('id="settings-title"') :].count(">0.000001<") == 2
    again = read_form(client.get(f"{place}/train?from=1").text)
    assert (again["zca_epsilon"], again["learning_rate"]) == ("0.000001", "0.000001")
    assert client.post(f"{place}/train", data=again, follow_redirects=False).status_code == 303
    program = {"from": 1, "zca_epsilon": 1e-06, "learning_rate": 0.000001}
    assert client.post(f"{place}/train", json=program, headers=JSON).status_code == 201
    assert {(run.recipe["zca_epsilon"], run.recipe["learning_rate"]) for run in runs_in(database)} == {(1e-06, 1e-06)}
