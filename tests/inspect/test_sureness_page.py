"""The page about sureness: thresholds that open their pictures, calibration, a temperature kept with the models."""

import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.db.run_models import Job, Prediction, Run, RunItem
from app.domain.calibration import bins, softened
from app.domain.enums import JobKind, JobState, Lane, PredictionRole
from app.services import answers, fold_answers, predictions, results, sureness
from tests.inspect import factory

PAGE = "/p/blood/runs/1/sureness"


def page(client, query=""):
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return answer.text


def tiles(client, href):
    return len(re.findall(r'class="tile[^>]*data-item=', client.get(unescape(href)).text))


@pytest.mark.parametrize("threshold", [0, 55, 80])
def test_threshold__its_numbers_open_their_pictures(client, kfold, threshold):
    text = page(client, f"on=validation&t={threshold}")
    links = re.findall(r'<strong class="big" data-value="(wrong|unknown)"><a href="([^"]+)">(\d+)</a>', text)
    assert links
    for _, href, shown in links:
        assert tiles(client, href) == int(shown)
    rows = re.findall(r'<td class="numeric"><a href="([^"]+)">(\d+)</a></td>', text)
    for href, shown in rows:
        assert tiles(client, href) == int(shown)
    answered, unknown = re.search(r'data-value="answered">(\d+) / 30', text), 30
    assert answered is not None
    unknown -= int(answered[1])
    assert {name: int(shown) for name, _, shown in links}.get("unknown", 0) == unknown


def test_threshold__goals_lead_to_theirs(client, database, kfold):
    with database.write() as session:
        query = sa.select(Prediction, RunItem.label).join(RunItem, RunItem.id == Prediction.item_id)
        for said, label in session.execute(query.where(Prediction.role == "validation")):
            values = np.full(3, 0.05 if said.predicted == label else 0.25, "<f4")
            values[said.predicted] = said.confidence = 0.9 if said.predicted == label else 0.5
            said.probabilities = values.tobytes()
    text = page(client, "on=validation")
    goals = re.findall(r'<li><a href="([^"]+)#threshold-title">(90|95|99)%</a>: threshold', text)
    assert goals
    for href, goal in goals:
        accuracy = re.search(r'data-value="accuracy">([\d.]+)%', client.get(unescape(href)).text)
        assert accuracy is not None
        assert float(accuracy[1]) >= int(goal) - 0.05


def test_temperature__is_kept_with_the_models_and_used_for_new_pictures(client, database, kfold):
    assert "fitted to these very pictures" in page(client, "on=validation")
    kept = client.post("/p/blood/runs/1/temperature", data={"do": "keep"}, follow_redirects=False)
    assert kept.status_code == 303
    with database.write() as session:
        run = session.get_one(Run, kfold.id)
        assert run.temperature is not None
        assert 0.05 <= run.temperature <= 20
        job = Job(
            project_id=run.project_id, kind=JobKind.PREDICT, lane=Lane.INTERACTIVE, state=JobState.DONE,
            spec={"run_id": run.id, "picture": "a" * 64, "name": "x", "width": 1, "height": 1, "image_id": None,
                  "layer": ""},
            result={"probabilities": [[0.6, 0.3, 0.1], [0.8, 0.1, 0.1]], "layer": "conv", "maps": []},
        )  # fmt: skip
        session.add(job)
        session.flush()
        answer = predictions.answer(session, run, job.id)
        each = softened(np.array([[0.6, 0.3, 0.1], [0.8, 0.1, 0.1]]), run.temperature)  # it was fitted to single models
        assert answer.mean == pytest.approx(each.mean(axis=0).tolist())
        assert answer.models == [[0.6, 0.3, 0.1], [0.8, 0.1, 0.1]]
    assert "Do without it" in page(client)
    client.post("/p/blood/runs/1/temperature", data={"do": "drop"})
    with database.read() as session:
        run = session.get_one(Run, kfold.id)
        assert run.temperature is None
        assert predictions.answer(session, run, job.id).mean == pytest.approx([0.7, 0.2, 0.1])


def test_temperature__that_is_as_far_as_is_looked_is_no_temperature(client, database, kfold):
    assert "That is as far as is looked" not in page(client)
    with database.write() as session:
        for answer in session.scalars(sa.select(Prediction).options(joinedload(Prediction.item))):
            answer.predicted = answer.item.label
            answer.probabilities = (np.eye(3, dtype="<f4")[answer.predicted] * 0.7 + 0.1).tobytes()
    told = page(client)
    assert "With the temperature 0.05" in told
    assert "That is as far as is looked" in told
    assert "The models are not sure enough." not in told
    assert 'class="button" name="do" value="keep"' in told


def test_temperature__softens_each_model_before_the_mean_over_the_test_set(database, kfold):
    with database.read() as session:
        kept = answers.Kept()
        found = sureness.look(session, kept, kfold, PredictionRole.TEST)
        models = fold_answers.each(session, kept, kfold, 3)
    assert len(models) == 5
    assert found.temperature is not None
    mean = np.mean([softened(one.probabilities, found.temperature) for one in models], axis=0)
    assert found.after == bins(mean.max(axis=1).astype(np.float32), mean.argmax(axis=1) == found.said.labels)
    assert found.after != bins(softened(found.said.probabilities, found.temperature).max(axis=1), found.right)


def test_temperature__is_gone_with_the_answers_it_was_fitted_to(client, database, kfold):
    assert client.post("/p/blood/runs/1/temperature", data={"do": "keep"}).status_code == 200
    with database.write() as session:
        assert session.get_one(Run, kfold.id).temperature is not None
        session.get_one(Job, kfold.job_id).state = JobState.RUNNING
        results.clear(session, results.Writer(kfold.job_id, 1, kfold.id))
    with database.read() as session:
        assert session.get_one(Run, kfold.id).temperature is None


def test_temperature__of_a_run_that_is_not_finished_is_refused(client, database, kfold):
    with database.write() as session:
        session.get_one(Job, kfold.job_id).state = JobState.RUNNING
    assert client.post("/p/blood/runs/1/temperature", data={"do": "keep"}).status_code == 409
    with database.read() as session:
        assert session.get_one(Run, kfold.id).temperature is None


def test_temperature__is_computed_while_others_write(client, database, kfold, monkeypatch):
    """The computation takes a second with many answers; meanwhile the only writer of SQLite is free."""
    compute = sureness.fitted

    def slow(*values):
        with database.write() as session:
            session.execute(sa.update(Run).values(name="meanwhile"))
        return compute(*values)

    monkeypatch.setattr(sureness, "fitted", slow)
    assert client.post("/p/blood/runs/1/temperature", data={"do": "keep"}).status_code == 200
    with database.read() as session:
        run = session.get_one(Run, kfold.id)
        assert (run.name, run.temperature is not None) == ("meanwhile", True)


def test_temperature__without_validation_answers(client, database, holdout):
    with database.write() as session:
        session.execute(sa.delete(Prediction).where(Prediction.role == "validation"))
    assert "no temperature can be fitted" in page(client)
    assert client.post("/p/blood/runs/1/temperature", data={"do": "keep"}).status_code == 409


def test_curves__of_a_chosen_class(client, kfold):
    assert "ROC curve of 好酸球" in page(client, "class=2")


def test_curves__of_a_class_that_is_not_there(client, database, kfold):
    with database.write() as session:
        session.execute(sa.update(RunItem).values(label=0))
    assert "only the ones or the others" in page(client, "class=2&on=validation")


@pytest.mark.parametrize("query", ["t=101", "t=-3", "t=x&class=99&on=nowhere", "class=0"])
def test_page__any_query(client, kfold, query):
    assert 'id="threshold"' in page(client, query)


def test_page__japanese_one_picture_and_none(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=4, test=1)
        run = factory.run(session, store, made, folds=0)
        ids = session.scalars(sa.select(RunItem.id).where(RunItem.run_id == run.id, RunItem.split == "test")).all()
        session.execute(sa.delete(Prediction).where(Prediction.item_id.in_(ids[1:])))
        factory.run(session, store, made, state=JobState.CANCELLED)
    assert "しきい値" in page(client, "lang=ja")
    assert "did not come to its end" in client.get("/p/blood/runs/2/sureness?lang=en").text
