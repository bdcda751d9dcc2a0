"""The map of a project coloured by what a run said: class, right or wrong, fold."""

import struct

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.run_models import Prediction, RunClass, RunFold, RunItem
from app.domain.enums import PredictionRole
from app.domain.space import FEATURES
from app.services import predictions
from tests.features.factory import add_features
from tests.inspect import factory
from tests.labelling.conftest import Rows

COLUMNS = ("ids", "versions", "x", "y", "classes", "said", "groups", "splits", "verdicts", "folds")
KINDS = ("<u4", "<u4", "<u2", "<u2", "<u2", "<u2", "u1", "u1", "u1", "u1")


@pytest.fixture
def mapped(kfold, holdout, database, store, made):
    """Runs 1 (five folds) and 2 (hold-out) of a project that has features."""
    with database.write() as session:
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))
    images = [image.id for image in (*made.train, *made.test)]
    rows = Rows(made.project.id, "blood", [item.id for item in made.classes], images)
    values = np.random.default_rng(0).normal(size=(len(images), FEATURES)).astype(np.float16)
    add_features(database, store, rows, values)
    return images


def columns(client, run=""):
    content = client.get(f"/p/blood/map/points{run}").content
    (count,) = struct.unpack_from("<I", content)
    at, found = 4, {}
    for name, kind in zip(COLUMNS, KINDS, strict=True):
        found[name] = np.frombuffer(content, kind, count, at)
        at += found[name].nbytes
    assert at == len(content)
    return found


def test_points__are_the_answers_of_the_chosen_run(client, mapped, database):
    found = columns(client, "?run=1")
    with database.read() as session:
        run = factory.known_run(session, 1)
        query = (
            sa.select(RunItem.image_id, Prediction.predicted, RunItem.label, RunItem.fold)
            .join(Prediction, Prediction.item_id == RunItem.id)
            .where(RunItem.run_id == run.id, Prediction.role != PredictionRole.TEST_FOLD)
        )
        rows = {row[0]: row[1:] for row in session.execute(query)}
        positions = session.scalars(sa.select(RunClass.position).where(RunClass.run_id == run.id)).all()
    assert set(rows) == set(mapped), "out of fold or of the test set, every image was judged"
    assert sorted(positions) == [0, 1, 2]
    for image, said, verdict, fold in zip(*(found[name] for name in ("ids", "said", "verdicts", "folds")), strict=True):
        predicted, label, of_run = rows[int(image)]
        assert said == predicted + 1
        assert verdict == (1 if predicted == label else 2)
        assert fold == (0 if of_run is None else of_run + 1)


def test_points__of_the_newest_run_without_a_number_or_with_an_unknown_one(client, mapped, database):
    newest = columns(client)
    assert newest["folds"].max() == 0, "run 2 has no folds"
    for name in COLUMNS:
        np.testing.assert_array_equal(columns(client, "?run=77")[name], newest[name])
    with database.read() as session:
        assert [run.number for run in predictions.finished_runs(session, factory.known(session).project.id)] == [2, 1]


def test_page__offers_the_runs_and_colours_by_folds_where_there_are_any(client, mapped):
    page = client.get("/p/blood/map?run=1").text
    assert "Folds of run 1" in page
    assert '<option value="1" selected>' in page
    assert "/p/blood/map/points?run=1" in page
    page = client.get("/p/blood/map").text
    assert "Answers of run 2" in page
    assert "Folds of run" not in page
