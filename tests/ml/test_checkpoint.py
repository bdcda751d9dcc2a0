"""Checkpoints: a training that goes on from one ends as if it had never stopped."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.errors import AppError
from app.domain.recipe import Recipe
from tests.chaos.record import FULL
from tests.ml.test_train import BASE, LABELS, NAMES, PICTURES, PLANS
from worker.ml import checkpoint, saving, train
from worker.ml.checkpoint import State

pytestmark = pytest.mark.ml


class Notes(train.Silent):
    """Keeps the state after every epoch, as bytes."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self.at: dict[int, dict[str, bytes]] = {}

    def wants_state(self, fold: int) -> bool:
        return True

    def state(self, state: State) -> None:
        new = checkpoint.dump(state, self.parts)
        self.parts = {name: content for name, content in (self.parts | new).items() if name in checkpoint.names(state)}
        self.at[state.epoch] = dict(self.parts)


def fit(recipe: Recipe, reporter: train.Reporter | None = None, states: dict[int, State] | None = None):
    plan = PLANS[:1]
    return next(iter(train.fit_folds(PICTURES, LABELS, plan, recipe, NAMES, reporter, train.Begin(states or {}))))


def go_on(recipe: Recipe, parts: dict[str, bytes]):
    return fit(recipe, None, {0: checkpoint.load(parts, recipe, 2, len(PLANS[0].validation))})


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "adam", "schedule": "cosine"},
        {"optimizer": "sgd", "precision": "mixed", "normalisation": "featurewise"},
        {"optimizer": "rmsprop", "architecture": "deepconv", "logit_dropout": 0.5, "monitor": "val_accuracy"},
        {"optimizer": "adamw", "patience": 2, "learning_rate": 0.1, "epochs": 12},
        {"optimizer": "lion", "precision": "mixed", "averaging": 0.9, "batch_size": 3, "accumulation": 2, "epochs": 2},
    ],
    ids=lambda values: values["optimizer"],
)
def test_resume__after_each_epoch_ends_as_if_it_had_never_stopped(values):
    recipe = replace(BASE, **({"epochs": 5} | values))
    notes = Notes()
    whole = fit(recipe, notes)
    assert sorted(notes.at) == list(range(1, len(whole.epochs)))
    for epoch in sorted(notes.at)[:: max(1, len(notes.at) // (3 if FULL else 2))]:
        resumed = go_on(recipe, notes.at[epoch])
        assert saving.dump(resumed.model) == saving.dump(whole.model)
        assert [replace(one, seconds=0) for one in resumed.epochs] == [replace(one, seconds=0) for one in whole.epochs]
        assert (resumed.best.epoch, resumed.stop_reason) == (whole.best.epoch, whole.stop_reason)
        np.testing.assert_array_equal(resumed.probabilities, whole.probabilities)
        assert resumed.bests["val_accuracy"].result.epoch == whole.bests["val_accuracy"].result.epoch


@pytest.fixture(scope="module")
def state() -> State:
    notes = Notes()
    fit(BASE, notes)
    return checkpoint.load(notes.at[2], BASE, 2, 16)


def test_dump__best_weights_that_are_known_are_not_written_again(state):
    parts = checkpoint.dump(state)
    assert set(parts) == checkpoint.names(state)
    again = checkpoint.dump(state, parts)
    assert set(again) == {checkpoint.STATE}
    assert again[checkpoint.STATE] != parts[checkpoint.STATE], "bytes that two rows shared could not be deleted"


def test_dump__best_weights_of_this_epoch_are_written_once(state):
    best = state.kept.bests["val_loss"]
    now = replace(state, kept=replace(state.kept, bests={"val_loss": replace(best, result=state.kept.epochs[-1])}))
    then = replace(state, kept=replace(state.kept, bests={"val_loss": replace(best, result=state.kept.epochs[0])}))
    weights = sum(weight.nbytes for weight in state.weights)
    saved = len(checkpoint.dump(then)[checkpoint.STATE]) - len(checkpoint.dump(now)[checkpoint.STATE])
    assert weights < saved < weights + 5000


def test_load_file__gives_back_what_was_saved(state, tmp_path: Path):
    path = tmp_path / "training.state"
    checkpoint.save_file(path, state)
    checkpoint.save_file(path, state)
    loaded = checkpoint.load(checkpoint.load_file(path), BASE, 2, 16)
    assert [path.name for path in tmp_path.iterdir()] == ["training.state"]
    assert loaded.kept.epochs == state.kept.epochs
    for ours, theirs in zip(loaded.weights + loaded.slots, state.weights + state.slots, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def changed(content: bytes, **values: Any) -> bytes:
    """A part with other values in its description."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for item in old.namelist():
            about = json.dumps(json.loads(old.read(item)) | values).encode() if item == "about.json" else b""
            new.writestr(item, about or old.read(item))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "values",
    [{"format": 9}, {"precision": "float8"}, {"recipe": BASE.to_json() | {"seed": 99}}, {"classes": 3}, {"epochs": []},
     {"bests": {"val_loss": "best-77"}}, {"step": "many"}],
)  # fmt: skip
def test_load__another_training_or_a_wrong_description_is_refused(state, values):
    parts = checkpoint.dump(state)
    with pytest.raises(AppError, match="checkpoint_broken"):
        checkpoint.load(parts | {checkpoint.STATE: changed(parts[checkpoint.STATE], **values)}, BASE, 2, 16)


def test_load__a_damaged_a_missing_or_a_cut_part_is_refused(state):
    parts = checkpoint.dump(state)
    best = next(name for name in parts if name != checkpoint.STATE)
    broken = bytearray(parts[best])
    broken[len(broken) // 2] ^= 0xFF
    for wrong in (
        parts | {best: bytes(broken)},
        {checkpoint.STATE: parts[checkpoint.STATE]},
        parts | {best: parts[best][:-40]},
        parts | {checkpoint.STATE: b""},
    ):
        with pytest.raises(AppError, match="checkpoint_broken"):
            checkpoint.load(wrong, BASE, 2, 16)
    with pytest.raises(AppError, match="checkpoint_broken"):
        checkpoint.load(parts, BASE, 2, 15)
