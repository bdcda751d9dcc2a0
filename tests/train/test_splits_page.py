"""The page of the splits: counts, the drawn test set, selections moved by a program."""

import sqlalchemy as sa

from app.db.models import Image
from app.domain.enums import Split
from app.domain.recipe import Recipe
from app.services import runs
from tests.train.pages import JSON, errors_of, rows_of
from tests.train.rows import add_rows


def test_splits__draw_warn_and_clear(client, database):
    project = rows_of(database, {"a": 40, "b": 20})
    address = f"/p/{project.slug}/splits"
    page = client.get(address).text
    assert "There is no test set yet" in page
    assert "Draw it before a model chooses what is labelled" in page
    answer = client.post(address, data={"action": "draw", "by": "share", "share": "0.2", "seed": "3"})
    assert "12 images were changed" in answer.text
    assert "drawn at random" in answer.text
    assert "no longer fair" not in answer.text
    with database.write() as session:
        runs.create(session, project, Recipe(), actor="t")
    assert "1 run has been tested, on the test set of its time" in client.get(address).text
    assert "12 images were changed" in client.post(address, data={"action": "clear"}).text
    with database.read() as session:
        assert session.scalars(sa.select(Image.id).where(Image.split == Split.TEST)).all() == []


def test_splits__a_test_folder_is_shown_as_such_and_kept(client, database):
    project = rows_of(database, {"a": 20, "b": 20}, test=3, validation=2)
    page = client.get(f"/p/{project.slug}/splits").text
    assert "from the test folder" in page
    assert "4 images came in a folder called validation, were drawn or moved there" in page
    client.post(f"/p/{project.slug}/splits", data={"action": "draw", "by": "count", "per_class": "5", "seed": "0"})
    with database.read() as session:
        sources = session.scalars(sa.select(Image.split_source).where(Image.split == Split.TEST)).all()
    assert sorted(sources) == ["drawn"] * 10 + ["folder"] * 6


BAD_DRAWS = [
    ({"by": "share", "share": "20"}, "share", "“20” cannot be used. Type a share between 0 and 1"),
    ({"by": "share", "share": "nan"}, "share", "“nan” cannot be used."),
    ({"by": "count", "per_class": "²"}, "per_class", "“²” cannot be used."),
    ({"by": "count", "per_class": "7"}, "per_class", "Too small: 単球 (7)."),
    ({"by": "share", "share": "0.2", "seed": "-4"}, "seed", "“-4” cannot be used."),
    (
        {"by": "share", "share": "0.2", "together": "name", "pattern": "#"},
        "pattern",
        "“#” cannot be used. Write *",
    ),
]


def test_splits__wrong_values_are_kept_and_explained(client, database, subtests):
    for typed, field, sentence in BAD_DRAWS:
        with subtests.test(typed=str(typed)[:40]):
            project = rows_of(database, {"好中球": 20, "単球": 7})
            page = client.post(f"/p/{project.slug}/splits", data={"action": "draw", "seed": "0", **typed})
            assert page.status_code == 422
            assert sentence in errors_of(page.text)[field]
            assert f'value="{typed[field]}"' in page.text
            with database.read() as session:
                assert session.scalars(sa.select(Image.id).where(Image.split == Split.TEST)).all() == []


def test_splits__a_selection_is_moved_by_json(client, database):
    project = rows_of(database, {"a": 5, "b": 5})
    address = f"/p/{project.slug}/splits"
    assert client.post(address, json={"image_ids": [1, 2], "split": "test"}, headers=JSON).json()["changed"] == 2
    assert "moved by hand" in client.get(address).text
    assert client.post(address, json={"image_ids": [1, 2], "split": None}, headers=JSON).json()["changed"] == 2


BAD_MOVES = [
    ({"image_ids": [1], "split": "holdout"}, 422),
    ({"image_ids": [1], "split": ["test"]}, 422),
    ({"image_ids": "1", "split": "test"}, 422),
    ({"image_ids": [True], "split": "test"}, 422),
    ({"image_ids": [10**30], "split": "test"}, 422),
    ({"image_ids": [4711], "split": "test"}, 404),
    ({}, 422),
]


def test_splits__bad_json_is_refused(client, database, subtests):
    for sent, status in BAD_MOVES:
        with subtests.test(sent=str(sent)[:40]):
            project = rows_of(database, {"a": 5, "b": 5})
            assert client.post(f"/p/{project.slug}/splits", json=sent, headers=JSON).status_code == status


def test_splits__without_labels_says_what_to_do(client, database):
    project = rows_of(database, {"a": 0})
    with database.write() as session:
        add_rows(session, project, None, 3)
    assert "No image has a label yet" in client.get(f"/p/{project.slug}/splits").text
    page = client.post(f"/p/{project.slug}/splits", data={"action": "draw", "by": "share", "share": "0.2", "seed": "0"})
    assert page.status_code == 422
