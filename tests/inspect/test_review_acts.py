"""The card of the review page: the training pictures nearest to the one that is shown, and its marks as plain forms."""

import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image, MarkEvent
from app.db.run_models import Prediction, RunItem
from app.domain.enums import PredictionRole, RunKind, Split
from app.domain.space import FEATURES
from app.services import features, learned_alike, neighbours, runs
from app.storage.arrays import Arrays, pack_one
from tests.features.factory import make_space
from tests.labelling.conftest import Rows

REVIEW = "/p/blood/runs/1/review"


@pytest.fixture
def near(database, store, made):
    """Makes features that differ from picture to picture, however many the test wants."""

    def make(seed=3):
        rng = np.random.default_rng(seed)
        with database.write() as session:
            wanted = features.missing(session, made.project.id)
            values = np.abs(rng.normal(size=(len(wanted), FEATURES))).astype(np.float16)
            features.add_block(session, wanted, store.put(pack_one(values)))
        make_space(database, store, Rows(made.project.id, "blood", [], []))

    return make


def alike(client, item, fold):
    return client.get(f"{REVIEW}/{item}/alike?fold={fold}", headers={"HX-Request": "true"})


def pictured(text):
    return [int(one) for one in re.findall(r'href="/p/blood/images/(\d+)"', text)]


def answers(database, run, role):
    """(item, image, label, fold, predicted) of each answer."""
    query = sa.select(RunItem.id, RunItem.image_id, RunItem.label, Prediction.fold, Prediction.predicted)
    with database.read() as session:
        rows = session.execute(
            query.join(Prediction, Prediction.item_id == RunItem.id).where(
                Prediction.run_id == run.id, Prediction.role == role
            )
        )
        return [tuple(row) for row in rows]


def learned(database, store, run, image_id, fold):
    """The expected pictures by looking at every image of the run."""
    with database.read() as session:
        items = {one.image_id: one for one in session.scalars(sa.select(RunItem).where(RunItem.run_id == run.id))}
        project_id = session.get_one(Image, image_id).project_id
        listed = neighbours.nearest(session, Arrays(store), project_id, [image_id], 1000)
    assert listed is not None
    free = [one.image_id for one in listed if items[one.image_id].split != Split.TEST]
    if run.kind == RunKind.KFOLD:
        free = [one for one in free if items[one].fold != fold]
    else:
        free = [one for one in free if items[one].split != Split.VALIDATION]
    return [(one, items[one].label) for one in free[:5]]


@pytest.mark.parametrize(("kind", "role"), [("kfold", "validation"), ("kfold", "test"), ("holdout", "validation")])
def test_alike__only_what_the_answering_model_learned_from(request, client, database, store, near, kind, role):
    run = request.getfixturevalue(kind)
    near()
    rows = answers(database, run, PredictionRole(role))
    wrong = [row for row in rows if row[2] != row[4]]
    assert wrong or kind == "holdout"  # of its few validation images none may be wrong
    for item, image, label, fold, predicted in [rows[0], *wrong[:1]]:
        with database.read() as session:
            found = learned_alike.find(session, Arrays(store), runs.by_number(session, run.project_id, 1), item, fold)
        assert found.near is not None
        expected = learned(database, store, run, image, fold)
        assert [(one.image_id, one.label) for one in found.near] == expected
        assert len(expected) == 5
        assert image not in dict(expected)
        text = alike(client, item, fold).text
        assert pictured(text) == [one for one, _ in expected]
        said = re.findall(r"</strong>, the (true class|answer): (\d) of 5\.", text)
        counts = [("true class", str([one for _, one in expected].count(label)))]
        if label != predicted:
            counts.append(("answer", str([one for _, one in expected].count(predicted))))
        assert said == counts
        assert ("At least one of the models learned" in text) == (fold == -1)
        assert "<html" not in text


def test_alike__few_queries_and_excluded_pictures_are_left_out(client, database, store, kfold, near, statements):
    near()
    item, _, _, fold, _ = answers(database, kfold, PredictionRole.VALIDATION)[0]
    with database.read() as session:
        statements.clear()
        learned_alike.find(session, Arrays(store), kfold, item, fold)
    assert 3 <= len(statements) <= 6
    first = pictured(alike(client, item, fold).text)
    with database.write() as session:
        some = session.scalars(sa.select(RunItem.image_id).where(RunItem.split != Split.TEST, RunItem.fold != fold))
        kept = {*first[:2], session.get_one(RunItem, item).image_id}
        for image in [session.get_one(Image, one) for one in some if one not in kept]:
            image.state = "excluded"
    text = alike(client, item, fold).text
    assert pictured(text) == first[:2]
    assert "The run learned from no other of the pictures most like it" in text


def test_alike__without_features_it_says_why(client, database, kfold):
    item, image, _, fold, _ = answers(database, kfold, PredictionRole.VALIDATION)[0]
    text = alike(client, item, fold).text
    assert "The offline network has not looked at this picture yet." in text
    assert f'href="/p/blood/similar?to={image}"' in text
    assert client.get(f"/p/blood/similar?to={image}").status_code == 200, "the page on which the pictures are looked at"
    assert f'href="/p/blood/similar?to={image}"' in client.get(f"{REVIEW}?on=validation&show=all&at={item}").text


def test_alike__no_such_answer(client, database, kfold):
    item, _, _, fold, _ = answers(database, kfold, PredictionRole.VALIDATION)[0]
    assert alike(client, item, (fold + 1) % 5).status_code == 404
    assert alike(client, 999999, 0).status_code == 404
    assert alike(client, item, -2).status_code == 422


def test_alike__its_address_leads_to_the_page_that_it_is_in(client, kfold):
    answer = client.get(f"{REVIEW}/1/alike?fold=0", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{REVIEW}?show=all&at=1"


def form(text):
    """The fields and buttons of the form of marks: {name: value}, {mark: value of its button}."""
    part = re.search(r'<form[^>]*mark-acts".*?</form>', text, re.DOTALL)
    assert part is not None
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part[0]))
    buttons = re.findall(r'name="do" value="(\w+)" data-mark="(\w+)"', part[0])
    return {name: unescape(value) for name, value in hidden.items()}, {mark: value for value, mark in buttons}


def press(client, address, mark, **more):
    fields, buttons = form(client.get(address).text)
    answer = client.post(f"{REVIEW}/marks", data=fields | more | {"do": buttons[mark]}, follow_redirects=False)
    assert answer.status_code == 303
    return client.get(answer.headers["location"]).text


def shown(text, badge):
    found = re.search(rf'<span class="badge \w+ mark-{badge}"( hidden)?>([^<]*)', text)
    assert found is not None
    return None if found[1] else found[2]


def test_marks__bad_and_hard_as_plain_forms_and_back(client, database, kfold):
    item, image, _, _, _ = answers(database, kfold, PredictionRole.VALIDATION)[0]
    address = f"{REVIEW}?on=validation&show=all&at={item}"

    def now():
        with database.read() as session:
            row = session.get_one(Image, image)
            return row.state, row.reason, row.checked_id == row.class_id

    text = press(client, address, "excluded", reason="blurred")
    assert f'data-item="{item}"' in text
    assert shown(text, "excluded") == "excluded today: blurred"
    assert now() == ("excluded", "blurred", False)
    text = press(client, address, "checked")
    assert shown(text, "checked") == "label found right"
    assert now() == ("excluded", "blurred", True)
    assert text.count("excluded today") > 1  # on the tile, too
    press(client, address, "excluded")
    text = press(client, address, "checked")
    assert (shown(text, "excluded"), shown(text, "checked")) == (None, None)
    assert now() == ("active", "", False)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(MarkEvent)) == 4


def test_marks__right_is_the_label_that_was_seen(client, database, kfold, made):
    item, image, label, _, _ = answers(database, kfold, PredictionRole.VALIDATION)[0]
    fields, _ = form(client.get(f"{REVIEW}?on=validation&show=all&at={item}").text)
    with database.write() as session:
        session.get_one(Image, image).class_id = made.classes[(label + 1) % 3].id
    assert client.post(f"{REVIEW}/marks", data=fields | {"do": "right"}, follow_redirects=False).status_code == 303
    with database.read() as session:
        assert session.get_one(Image, image).checked_id is None
    fields.pop("given")
    assert client.post(f"{REVIEW}/marks", data=fields | {"do": "right"}).status_code == 422


def test_marks__test_pictures_come_with_a_warning_and_nothing_lies_without_a_label(client, database, kfold):
    words = "This one is of the test set"
    assert words in client.get(f"{REVIEW}?show=all").text
    item, image, _, _, _ = answers(database, kfold, PredictionRole.VALIDATION)[0]
    with database.write() as session:
        session.get_one(Image, image).class_id = None
    text = client.get(f"{REVIEW}?on=validation&show=all&at={item}").text
    assert words not in text
    assert re.search(r'data-mark="checked"[^>]*disabled', text)
    assert "given" not in form(text)[0]
