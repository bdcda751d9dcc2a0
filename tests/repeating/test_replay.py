"""A finished run with another way of stopping."""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.run_models import Run, RunFold
from app.domain.recipe import Recipe
from app.domain.replay import Rule, replay
from app.services import replays, runs


@dataclass(frozen=True)
class Row:
    epoch: int
    val_loss: float | None
    val_accuracy: float | None


ROWS = [Row(1, 1.0, 0.5), Row(2, 0.8, 0.6), Row(3, 0.9, 0.7), Row(4, 0.85, 0.7), Row(5, 0.7, 0.65)]


def test_replay__ends_where_patience_runs_out_and_names_both_best_epochs():
    found = replay(ROWS, Rule("val_loss", 2), 5)
    assert found is not None
    assert (found.end, found.reason, found.loss_epoch, found.accuracy_epoch, found.kept) == (4, "early", 2, 4, 2)
    never = replay(ROWS, Rule("val_accuracy", 0), 5)
    assert never is not None
    assert (never.end, never.reason, never.loss_epoch, never.kept) == (5, "epochs", 5, 4)


def test_replay__does_not_pretend_to_know_what_was_never_trained():
    found = replay(ROWS, Rule("val_loss", 3), 50)
    assert found is not None
    assert (found.end, found.reason) == (5, "open")


def test_replay__without_validation_or_with_losses_that_are_no_numbers():
    assert replay([Row(1, None, None)], Rule(), 1) is None
    assert replay([], Rule(), 1) is None
    found = replay([Row(1, None, 0.5), Row(2, None, 0.5)], Rule("val_loss", 2), 9)
    assert found is not None
    assert (found.end, found.reason, found.kept) == (2, "early", 1)


@pytest.mark.ml
def test_replay__is_what_the_training_itself_does():
    from worker.ml.keeper import EpochResult, Keeper  # noqa: PLC0415 - TensorFlow

    class Nothing:
        def weights(self, _memory: object = None) -> tuple[()]:
            return ()

    rng = np.random.default_rng(0)
    for _ in range(300):
        count = int(rng.integers(1, 25))
        numbers = [(float(rng.integers(1, 9)) / 8, float(rng.integers(0, 9)) / 8) for _ in range(count)]
        rule = Rule(str(rng.choice(["val_loss", "val_accuracy"])), int(rng.integers(0, 6)), float(rng.choice([0, 0.2])))
        recipe = Recipe(monitor=rule.monitor, patience=rule.patience, min_delta=rule.min_delta, epochs=count)
        keeper = Keeper(recipe, cast("Any", Nothing()))
        end, reason = count, "epochs"
        for epoch, (loss, accuracy) in enumerate(numbers, 1):
            if keeper.add(EpochResult(epoch, 0.0, 0.0, loss, accuracy, 0.1, 1.0), np.zeros((0, 2), np.float32)):
                end, reason = epoch, "early"
                break
        found = replay([Row(number, *one) for number, one in enumerate(numbers, 1)], rule, count)
        assert found is not None
        bests = {name: best.result.epoch for name, best in keeper.bests.items()}
        assert (found.end, found.loss_epoch, found.accuracy_epoch) == (end, bests["val_loss"], bests["val_accuracy"])
        assert found.kept == bests[rule.monitor]
        assert found.reason == reason


def test_page__shows_each_model_and_keeps_what_was_typed(client, kfold):
    address = "/p/blood/runs/1/replay"
    html = client.get(address, params={"monitor": "val_accuracy", "patience": "3", "min_delta": "0"}).text
    assert html.count('<th scope="row">') == 5
    assert "early" in html
    assert 'value="val_accuracy" selected' in html
    assert address in client.get("/p/blood/runs/1").text


def test_page__refuses_values_beside_the_form(client, kfold):
    answer = client.get("/p/blood/runs/1/replay", params={"patience": "many"})
    assert answer.status_code == 422
    assert "Type a whole number from 0 to 1000." in answer.text
    assert 'value="many"' in answer.text


def test_page__warns_where_the_rule_set_the_rate_and_where_nothing_is_known(client, database, kfold):
    with database.write() as session:
        run = session.get_one(Run, kfold.id)
        run.recipe = run.recipe | {"schedule": "plateau", "monitor": "val_loss", "epochs": 40}
    assert "only an estimate" in client.get("/p/blood/runs/1/replay", params={"monitor": "val_accuracy"}).text
    html = client.get("/p/blood/runs/1/replay", params={"patience": "0"}).text
    assert "is not known" in html
    assert "only an estimate" not in html


def test_page__of_a_run_without_epochs_says_so(client, database, kfold):
    with database.write() as session:
        session.execute(sa.update(RunFold).where(RunFold.run_id == kfold.id).values(best_epoch=None))
    assert "nothing to go through" in client.get("/p/blood/runs/1/replay").text


def test_service__knows_the_test_result_of_both_kept_epochs(database, holdout):
    with database.write() as session:
        run = runs.by_number(session, holdout.project_id, holdout.number)
        rule = replace(replays.rule_of(Recipe.from_json(run.recipe)), patience=0)
        first = replays.of(session, run, rule)
        assert first is not None
        by_accuracy = first.folds[0].outcome.accuracy_epoch
        run.folds[0].metrics = run.folds[0].metrics | {
            "kept": {"val_accuracy": {"epoch": by_accuracy, "test_images": 12, "test_right": 9}}
        }
        session.flush()
        found = replays.of(session, run, replace(rule, monitor="val_accuracy"))
        assert found is not None
        assert found.test is not None
        assert found.test.mean == 0.75
        assert found.saved == 0
