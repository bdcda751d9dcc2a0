"""The page of the classes of a run: every number opens its pictures, in both languages and in odd states."""

import re
from functools import partial
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import LabelClass
from app.db.run_models import Prediction, RunItem
from app.domain.enums import JobState, PredictionRole
from app.services import answers, class_report
from tests.inspect import factory

PAGE = "/p/blood/runs/1/classes"


def page(client, query=""):
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return answer.text


def opened(client, text, pattern):
    """(number written, pictures behind its link) of every link whose text is a count."""
    for href, shown in re.findall(pattern, text):
        answer = client.get(unescape(href))
        assert answer.status_code == 200
        yield int(shown), len(re.findall(r'class="tile[^>]*data-item=', answer.text))


def test_classes__every_number_opens_its_pictures(client, kfold):
    text = page(client, "on=validation")
    cells = list(opened(client, text, r'<td class="cell[^>]*><a href="([^"]+)"[^>]*><strong>(\d+)</strong>'))
    assert len(cells) > 3
    assert all(written == there for written, there in cells)
    counts = list(opened(client, text, r'<td class="numeric"><a href="([^"]+)">(\d+)</a></td>'))
    assert len(counts) >= 4  # images and wrong ones of the classes
    assert all(written == there for written, there in counts)
    scores = re.findall(r'<td class="numeric score"><a href="([^"]+)"', text)
    assert len(scores) == 15
    for href in scores[:5]:
        assert client.get(unescape(href)).status_code == 200


def test_classes__either_lists_what_is_or_was_called_so(client, database, kfold):
    with database.read() as session:
        query = sa.select(RunItem.label, Prediction.predicted).join(RunItem, RunItem.id == Prediction.item_id)
        rows = session.execute(query.where(Prediction.run_id == kfold.id, Prediction.role == "validation")).all()
    expected = sum(0 in row for row in rows)
    answer = client.get("/p/blood/runs/1/review?on=validation&either=1")
    assert len(re.findall(r'class="tile[^>]*data-item=', answer.text)) == expected
    assert "is or was called 好中球" in answer.text


def test_classes__confidence_bounds_of_the_review(client, kfold):
    low = client.get("/p/blood/runs/1/review?on=validation&high=0.6").text
    high = client.get("/p/blood/runs/1/review?on=validation&low=0.6").text
    seen = [len(re.findall(r'class="tile[^>]*data-item=', text)) for text in (low, high)]
    assert sum(seen) == 30
    assert "sure by 0.0% to 60.0%" in low
    assert "sure by" not in client.get("/p/blood/runs/1/review?low=1e9&high=-1").text


@pytest.mark.parametrize("mode", ["counts", "row", "column", "nonsense"])
def test_classes__matrix_modes_and_orders(client, kfold, mode):
    text = page(client, f"as={mode}&order=mistakes&on=validation")
    assert 'class="matrix"' in text
    assert ("shares of the column" in text) == (mode == "column")


def test_classes__japanese_and_a_class_retired_since(client, database, kfold):
    with database.write() as session:
        session.execute(sa.update(LabelClass).where(LabelClass.name == "単球").values(retired=True))
    assert "その後に廃止" in page(client, "lang=ja")


def test_classes__one_picture_in_the_test_set(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=4, test=1)
        run = factory.run(session, store, made, folds=0)
        tests = session.scalars(sa.select(RunItem.id).where(RunItem.run_id == run.id, RunItem.split == "test")).all()
        session.execute(sa.delete(Prediction).where(Prediction.item_id.in_(tests[1:])))
    text = page(client)
    assert "not proven to be better" in text
    assert "few images" in text


def test_classes__a_run_without_answers(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=4, test=1)
        factory.run(session, store, made, state=JobState.CANCELLED)
    assert "no answers to look at" in page(client)


def test_report__is_read_once_and_again_when_rows_were_added(database, kfold, statements):
    kept = answers.Kept()
    with database.read() as session:
        first = class_report.report(session, kept, kfold, PredictionRole.VALIDATION)
        queries = len(statements)
        again = class_report.report(session, kept, kfold, PredictionRole.VALIDATION)
    assert len(statements) - queries < queries
    assert (first.matrix == again.matrix).all()
    with database.write() as session:
        newest = session.scalar(sa.select(sa.func.max(Prediction.id)))
        session.execute(sa.delete(Prediction).where(Prediction.id == newest, Prediction.role == "validation"))
        session.execute(sa.delete(Prediction).where(Prediction.role == "validation", Prediction.predicted == 0))
    with database.read() as session:
        assert class_report.report(session, kept, kfold, PredictionRole.VALIDATION).matrix[:, 0].sum() == 0


def test_kept__forgets_the_oldest_when_there_is_no_room():
    none = np.zeros(0, np.int64)
    read = []

    def make(number):
        read.append(number)
        return answers.Answers(none, none, none, none, none.astype(np.int32), np.zeros((10, 10), np.float32))

    kept = answers.Kept(most=900)
    for number in (1, 2, 1, 3, 2):
        kept.get(number, partial(make, number))
    assert read == [1, 2, 3, 2]
