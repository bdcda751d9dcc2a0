"""How far the models of a K-fold run agree on the test set."""

import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.run_models import Job, Prediction, RunItem
from app.domain.enums import PredictionRole
from app.services import answers, fold_answers
from app.services.fold_answers import Order

PAGE = "/p/blood/runs/1/folds"


def tiles(text):
    return [int(found) for found in re.findall(r'class="tile[^>]*data-item="(\d+)"', text)]


def test_find__counts_the_models_that_are_wrong(database, kfold):
    with database.read() as session:
        found = fold_answers.find(session, answers.Kept(), kfold)
        query = sa.select(RunItem.id, sa.func.sum(sa.case((Prediction.predicted != RunItem.label, 1), else_=0)))
        query = query.join(Prediction, Prediction.item_id == RunItem.id).where(Prediction.role == "test_fold")
        expected = {item: wrong for item, wrong in session.execute(query.group_by(RunItem.id))}  # noqa: C416 - rows
    assert found is not None
    assert (found.models, len(found.items)) == (5, 12)
    assert dict(zip(found.items.tolist(), found.wrong.tolist(), strict=True)) == expected
    assert sum(found.by_wrong()) == 12
    assert (np.diff(found.apart[found.places(Order.APART, None)]) <= 0).all()
    assert (np.diff(found.wrong[found.places(Order.WRONG, None)]) <= 0).all()


def test_find__is_made_again_when_another_attempt_wrote_as_many_answers(database, kfold):
    """SQLite gives the ids of the last rows out again, so number and newest id may be the same as before."""
    kept = answers.Kept()
    with database.read() as session:
        first = fold_answers.find(session, kept, kfold)
        assert fold_answers.find(session, kept, kfold) is first
        said = answers.load(session, kept, kfold, PredictionRole.TEST, 3)
    with database.write() as session:
        session.get_one(Job, kfold.job_id).attempt += 1
    with database.read() as session:
        assert fold_answers.find(session, kept, kfold) is not first
        assert answers.load(session, kept, kfold, PredictionRole.TEST, 3) is not said


def test_page__every_count_opens_its_pictures(client, kfold):
    text = client.get(PAGE).text
    assert len(tiles(text)) == 12
    counts = re.findall(r'<td class="numeric"><a href="([^"]+)#shown">(\d+)</a>', text)
    assert sum(int(count) for _, count in counts) == 12
    for href, count in counts:
        assert len(tiles(client.get(unescape(href)).text)) == int(count)
    first = re.search(r'class="tile[^>]*href="([^"]+)"', text)
    assert first is not None
    assert client.get(unescape(first[1])).status_code == 200
    assert "モデル" in client.get(f"{PAGE}?lang=ja").text


def test_page__a_model_without_an_answer_for_an_image(client, database, kfold):
    with database.write() as session:
        one = session.scalar(sa.select(Prediction).where(Prediction.role == "test_fold", Prediction.fold == 3).limit(1))
        session.delete(one)
    assert len(tiles(client.get(PAGE).text)) == 11  # only what all were asked about can be compared


@pytest.mark.parametrize("query", ["wrong=99", "wrong=0&order=wrong", "page=999&wrong=x&order=y"])
def test_page__any_query(client, kfold, query):
    assert client.get(f"{PAGE}?{query}").status_code == 200


def test_page__one_model(client, holdout):
    text = client.get(PAGE).text
    assert "There are no several models to compare" in text
    assert f'href="{PAGE}"' not in text
