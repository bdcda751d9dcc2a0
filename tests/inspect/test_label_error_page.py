"""Probably wrong labels of a run: listed, settled by a form, remembered, with what cannot be shown."""

import re

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image, LabelClass
from app.db.run_models import Prediction, RunItem
from app.domain.enums import JobState
from app.services import answers, label_errors
from tests.inspect import factory

PAGE = "/p/blood/runs/1/labels"


@pytest.fixture
def planted(database, kfold):
    """Image ids whose labels the run of five folds contradicts surely, all others being sure of their labels."""
    with database.write() as session:
        query = sa.select(Prediction, RunItem).join(RunItem, RunItem.id == Prediction.item_id)
        rows = session.execute(query.where(Prediction.role == "validation").order_by(RunItem.id)).all()
        wrong = []
        for number, (said, item) in enumerate(rows):
            answer = (item.label + 1) % 3 if number % 10 == 0 else item.label
            values = np.full(3, 0.02, "<f4")
            values[answer] = 0.96 - number / 10_000
            said.predicted, said.confidence, said.probabilities = answer, float(values[answer]), values.tobytes()
            if answer != item.label:
                wrong.append(item.image_id)
        return wrong


def found(database, run):
    with database.read() as session:
        return label_errors.find(session, answers.Kept(), run)


def items(text):
    return re.findall(r'class="tile[^>]*data-image="(\d+)"', text)


def settle(client, image, do, class_id=None, given=None, version=1):
    form = {"image": image, "version": version, "do": do, "class_id": class_id, "given": given, "back": "given=1"}
    return client.post(PAGE, data={key: value for key, value in form.items() if value}, follow_redirects=False)


def test_find__exactly_what_was_planted(database, kfold, planted):
    now = found(database, kfold)
    assert sorted(one.image_id for one in now.open) == sorted(planted)
    assert (now.total, now.suspected) == (30, 3)
    assert all(one.sure > 0.9 and one.trust < 0.1 and one.suggested == (one.given + 1) % 3 for one in now.open)
    assert now.share == pytest.approx(0.1, abs=0.02)


def test_page__lists_them_and_says_why(client, planted):
    text = client.get(PAGE).text
    assert sorted(map(int, items(text))) == sorted(planted)
    assert "Of 30 labels this run suspects 3; it estimates that 10.0% of all labels are wrong." in text
    assert "has not looked at this picture yet" in text
    assert "The label is right" in text
    assert "誤りらしいラベル" in client.get(f"{PAGE}?lang=ja").text


def test_settle__right_is_remembered_and_accept_relabels(client, database, kfold, planted, made):
    first, second, _ = found(database, kfold).open
    assert settle(client, first.image_id, "right", given=made.classes[first.given].id).status_code == 303
    assert settle(client, second.image_id, "accept", made.classes[second.suggested].id).status_code == 303
    now = found(database, kfold)
    assert [one.image_id for one in now.open] == [
        one for one in planted if one not in (first.image_id, second.image_id)
    ]
    assert (now.changed, now.dismissed, now.suspected) == (1, 1, 3)
    with database.read() as session:
        assert session.get_one(Image, second.image_id).class_id == made.classes[second.suggested].id
        assert session.get_one(Image, first.image_id).checked_id == made.classes[first.given].id
    assert "1 open, 1 changed since, 1 found right." in client.get(PAGE).text


def test_settle__a_label_that_somebody_changed_first_is_refused(client, database, kfold, planted, made):
    one = found(database, kfold).open[0]
    assert settle(client, one.image_id, "accept", made.classes[one.suggested].id, version=7).status_code == 409


def test_settle__right_is_the_label_that_was_seen(client, database, kfold, planted, made):
    """Somebody labelled the picture after it was shown here: nothing says that the new label is right."""
    one = found(database, kfold).open[0]
    seen, other = made.classes[one.given].id, made.classes[one.suggested].id
    assert f'name="given" value="{seen}"' in client.get(f"{PAGE}?at={one.item_id}").text
    assert settle(client, one.image_id, "accept", other).headers["location"] == f"{PAGE}?given=1"
    assert settle(client, one.image_id, "right", given=seen).status_code == 303
    with database.read() as session:
        image = session.get_one(Image, one.image_id)
        assert (image.class_id, image.checked_id) == (other, None)


@pytest.mark.parametrize("do", ["accept", "right"])
def test_settle__without_the_class_it_is_refused(client, database, kfold, planted, do):
    one = found(database, kfold).open[0]
    assert settle(client, one.image_id, do).status_code == 422
    with database.read() as session:
        image = session.get_one(Image, one.image_id)
        assert (image.class_id is not None, image.checked_id) == (True, None)


def test_page__pair_filter_selection_and_fragment(client, database, kfold, planted):
    one = found(database, kfold).open[1]
    text = client.get(f"{PAGE}?given={one.given + 1}&true={one.suggested + 1}").text
    assert str(one.image_id) in items(text)
    part = client.get(f"{PAGE}?at={one.item_id}&part=selected", headers={"HX-Request": "true"}).text
    assert f'data-item="{one.item_id}"' in part
    assert "<html" not in part
    assert client.get(f"{PAGE}?given=99&true=0&at=x&page=999").status_code == 200


def test_page__images_of_the_test_set_now_and_excluded_ones_are_not_shown(client, database, kfold, planted):
    with database.write() as session:
        session.get_one(Image, planted[0]).split = "test"
        session.get_one(Image, planted[1]).state = "excluded"
    now = found(database, kfold)
    assert (len(now.open), now.left_out) == (1, 2)
    assert "2 are of the test set or excluded now" in client.get(PAGE).text


def test_page__a_retired_class_cannot_be_accepted(client, database, kfold, planted, made):
    one = found(database, kfold).open[0]
    with database.write() as session:
        session.get_one(LabelClass, made.classes[one.suggested].id).retired = True
    text = client.get(f"{PAGE}?at={one.item_id}").text
    assert "is retired, so no label can be changed to it" in text
    assert 'value="accept"' not in text


def test_page__nothing_suspected_and_no_answers(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=4, test=1)
        factory.run(session, store, made, share_right=2.0)
        factory.run(session, store, made, state=JobState.FAILED)
    assert "Nothing is left to look at here." in client.get(PAGE).text
    assert "said nothing of pictures" in client.get("/p/blood/runs/2/labels").text
