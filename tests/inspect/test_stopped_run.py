"""What the page, the report and the command line say of a training that was stopped before its end."""

import numpy as np
import sqlalchemy as sa

from app.commands import reporting
from app.db.run_models import EpochMetric, Job, Prediction, RunFold, RunItem
from app.domain.enums import JobState, PredictionRole
from tests.inspect import factory


def page(client, path="runs/1"):
    answer = client.get(f"/p/blood/{path}")
    assert answer.status_code == 200
    return answer.text


def cut_short(database, models, folds=5, state=JobState.DONE):
    """Leaves of run 1 what is there once it was stopped while its ``models``-th model was trained."""
    later = RunFold.fold >= models
    beyond = sa.select(RunItem.id).where(RunItem.fold >= models)
    with database.write() as session:
        session.execute(sa.update(RunFold).where(RunFold.fold == models - 1).values(stop_reason="stopped"))
        values = {"best_epoch": None, "stop_reason": "", "metrics": dict[str, float](), "seconds": None}
        session.execute(sa.update(RunFold).where(later).values(**values))
        if folds:
            session.execute(sa.delete(Prediction).where(Prediction.item_id.in_(beyond)))
            session.execute(sa.delete(EpochMetric).where(EpochMetric.fold >= models))
        session.execute(sa.update(Job).values(state=state))


def test_run__of_folds_that_was_stopped_says_how_much_of_it_there_is(client, database, kfold):
    whole = page(client)
    assert "every image judged by the model that did not see it" in whole
    assert "Stopped:" not in whole + page(client, "runs/1/report")
    assert client.get("/p/blood/runs/1.json").json()["stopped"] is None
    cut_short(database, 2)
    told = "Stopped: 2 of 5 models, 12 of 30 images judged."
    for path in ("runs/1", "runs/1/report"):
        text = page(client, path)
        assert told in text
        assert "only 12 of 30 images, each judged by a model that did not see it" in text
        assert "every image judged" not in text
        assert "mean of the 2 models" in text
    text = page(client)
    assert 'class="badge state-cancelled">stopped<' in text
    assert "<title>✓" not in text
    assert client.get("/p/blood/runs/1.json").json()["stopped"] == {"models": 2, "of": 5, "images": 12, "total": 30}
    assert "止められました: 5 個中 2 個のモデルで、30 枚中 12 枚" in client.get("/p/blood/runs/1?lang=ja").text


def test_lists__say_that_only_the_best_so_far_was_kept(client, database, kfold):
    lists = ("/p/blood/runs", "/p/blood", "/", "/jobs")
    for path in lists:
        assert "stopped, best kept" not in client.get(path).text, path
    cut_short(database, 2)
    for path in lists:
        assert 'class="badge state-cancelled">stopped, best kept<' in client.get(path).text, path


def test_run__of_folds_of_which_one_model_was_trained_shows_no_mean_of_several(client, database, kfold):
    cut_short(database, 1)
    assert "by the only model that was trained" in page(client)
    assert "mean of the 1 models" not in page(client)


def test_run__of_one_model_that_was_stopped_says_so(client, database, holdout):
    assert "Stopped" not in page(client)
    cut_short(database, 1, folds=0)
    assert "Stopped, the best epoch was kept." in page(client)


def test_run__thrown_away_after_some_models_were_finished_does_not_say_that_nothing_was_kept(client, database, kfold):
    cut_short(database, 2, state=JobState.CANCELLED)
    text = page(client)
    assert "Stopped: 2 of 5 models, 12 of 30 images judged." in text
    assert "nothing of it was kept" not in text
    assert 'action="/p/blood/runs/1/retry"' in text


def test_run__thrown_away_before_any_model_was_finished_kept_nothing(client, database, store, made):
    with database.write() as session:
        factory.run(session, store, made, state=JobState.CANCELLED)
    assert "nothing of it was kept but its curves" in page(client)


def test_command__says_that_the_training_was_stopped(settings, database, kfold, capsys):
    cut_short(database, 2)
    assert reporting.run(settings, "blood", 1, as_json=False) == 0
    told = "run 1: done, stopped: 2 of 5 models, 12 of 30 validation images judged"
    assert told in capsys.readouterr().out


def test_run__says_how_many_images_the_loss_cannot_count_in_full(client, database, holdout):
    with database.write() as session:
        told = session.scalars(sa.select(Prediction).where(Prediction.role == PredictionRole.TEST)).first()
        assert told is not None
        label = session.get_one(RunItem, told.item_id).label
        said = np.full(3, 0.5, "<f4")
        said[label] = 0
        told.probabilities = said.tobytes()
    text = page(client)
    assert text.count("probability of zero") == 1
    assert "1 image whose class got a probability of zero counts as 87.3 in this loss" in text
    found = client.get("/p/blood/runs/1.json").json()
    assert (found["test"]["loss_limited"], found["validation"]["loss_limited"]) == (1, 0)
    assert found["test"]["loss"] > 87.3 / found["test"]["images"]
