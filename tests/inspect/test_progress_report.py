"""How far a run is, and what it has to show at its end."""

import json
from dataclasses import replace

import pytest

from app.db.run_models import Job, Worker
from app.db.session import db_now
from app.domain.enums import JobState
from app.domain.presets import PRESETS
from app.services import progress, report
from tests.inspect import factory

RECIPE = replace(PRESETS["wbc"].recipe, epochs=10, patience=4)


def running(session, store, made, **told):
    run = factory.run(session, store, made, folds=5, recipe=RECIPE, state=JobState.RUNNING)
    run.job.progress = told
    return run


def test_snapshot__queued_run_knows_its_place_and_that_nobody_works(database, store, made):
    with database.write() as session:
        factory.run(session, store, made, state=JobState.QUEUED)
        second = factory.run(session, store, made, state=JobState.QUEUED)
        now = progress.snapshot(session, second)
        assert (now.state, now.place, now.workers, now.share, now.left) == (JobState.QUEUED, 2, 0, 0.0, None)
        session.add(Worker(name="here:1", heartbeat=session.scalar(db_now().select()), info={}))
        session.flush()
        assert progress.snapshot(session, second).workers == 1


def test_snapshot__inside_an_epoch(database, store, made):
    with database.write() as session:
        run = running(session, store, made, fold=1, epoch=3, done=2, total=4, phase="train")
        for epoch in range(1, 11):
            factory.add_epoch(session, run, 0, epoch)
        rows = [factory.add_epoch(session, run, 1, epoch) for epoch in (1, 2)]
        now = progress.snapshot(session, run, after=rows[0].id)
    assert (now.fold, now.epoch, now.done, now.total) == (1, 3, 2, 4)
    assert now.share == pytest.approx((1 + 2.5 / 10) / 5)
    assert [row.id for row in now.rows] == [rows[1].id]
    assert now.best is not None
    assert now.best.fold == 1
    assert now.left is not None
    assert 0 < now.left.low < now.left.high == pytest.approx((10 - 2 - 0.5 + 3 * 10) * 0.4)


def test_snapshot__no_estimate_from_the_first_epoch_that_compiles(database, store, made):
    with database.write() as session:
        run = running(session, store, made, fold=0, epoch=2, done=0, total=4)
        factory.add_epoch(session, run, 0, 1)
        assert progress.snapshot(session, run).left is None


def test_snapshot__a_fold_that_stopped_early_counts_whole(database, store, made):
    with database.write() as session:
        run = running(session, store, made, fold=1, epoch=1, done=0, total=4)
        assert progress.snapshot(session, run).share == pytest.approx(1 / 5)
        run.job.state = JobState.DONE
        session.flush()
        done = progress.snapshot(session, run)
        assert done.share == 1.0
        assert done.finished


def test_snapshot__bounded_queries(database, store, made, statements):
    with database.write() as session:
        run = factory.run(session, store, made)
    with database.read() as session:
        statements.clear()
        progress.snapshot(session, run)
        assert len(statements) <= 7


def test_best_epoch__follows_the_monitor_and_prefers_the_earlier():
    def row(epoch, val_loss, val_accuracy):
        return progress.EpochRow(epoch, 0, epoch, 1.0, 0.5, val_loss, val_accuracy, 0.001, 1.0)

    rows = [row(1, 0.5, 0.7), row(2, 0.3, 0.8), row(3, 0.3, 0.9), row(4, 0.4, 0.9)]
    by_loss, by_accuracy = (progress.best_epoch(rows, monitor) for monitor in ("val_loss", "val_accuracy"))
    assert by_loss is not None
    assert by_loss.epoch == 2
    assert by_accuracy is not None
    assert by_accuracy.epoch == 3
    assert progress.best_epoch([row(1, None, None)], "val_loss") is None


def test_result__mean_and_spread_over_the_folds(database, store, made, statements):
    with database.write() as session:
        run = factory.run(session, store, made, folds=5)
    with database.read() as session:
        statements.clear()
        found = report.result(session, run)
        assert len(statements) <= 4 + 7  # the rows of seven roles and models, which the worker has not packed
    assert found.counts == {"train": 30, "test": 12}
    assert len(found.folds) == 5
    assert all(fold.finished and fold.test_accuracy is not None for fold in found.folds)
    value = found.spreads["val_accuracy"]
    assert value is not None
    assert value.mean == pytest.approx(0.85)
    assert value.sd == pytest.approx(0.0395285, abs=1e-6)
    assert found.test is not None
    assert found.validation is not None
    assert found.validation.correct == sum(fold.validation_correct or 0 for fold in found.folds)


def test_result__a_run_without_results(database, store, made):
    with database.write() as session:
        run = factory.run(session, store, made, folds=0, state=JobState.FAILED)
        job = session.get_one(Job, run.job_id)
        job.error_code, job.error_params = "lease_lost", {"job": 1}
        session.flush()
        values = report.result_json(session, run)
    assert values["test"] is None
    assert values["validation"] is None
    assert values["folds"][0]["best_epoch"] is None
    assert values["mean"]["val_accuracy"] is None
    assert values["error"] == {"code": "lease_lost", "params": {"job": 1}}


def test_result_json__is_strict_json_with_everything_the_issue_asks_for(database, store, made):
    with database.write() as session:
        run = factory.run(session, store, made, folds=5)
        run.environment = {"keras": "3.15.1", "bad": float("inf")}
        values = report.result_json(session, run)
    again = json.loads(json.dumps(values, allow_nan=False))
    assert again["environment"] == {"keras": "3.15.1", "bad": None}
    assert again["classes"] == list(factory.NAMES)
    assert sum(map(sum, again["test"]["confusion"])) == again["test"]["images"] == 12
    low, high = again["test"]["accuracy_95"]
    assert low < again["test"]["accuracy"] <= high
    assert [entry["name"] for entry in again["test"]["classes"]] == list(factory.NAMES)
    assert [fold["fold"] for fold in again["folds"]] == [1, 2, 3, 4, 5]
    assert again["mean"]["val_loss"]["folds"] == 5
    assert again["recipe"]["architecture"] == "conv2"
    assert again["seconds"] == 41.5
    assert again["test"]["loss"] > 0
