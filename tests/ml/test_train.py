"""Training of folds: results, repeatability, stopping, best epochs, mapped pictures."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from app.domain.errors import AppError, Invalid
from app.domain.recipe import OPTIMIZERS, Augmentation, Recipe
from worker.ml import predict, running, train
from worker.ml.keeper import EpochResult, Keeper
from worker.ml.network import Network
from worker.ml.optimizers import SGD_MOMENTUM
from worker.ml.train import FoldPlan, fit_folds

pytestmark = pytest.mark.ml

SIZE = 16
NAMES = ["dark", "bright"]
BASE = Recipe(
    architecture="cifar4-plus", image_size=SIZE, batch_size=8, epochs=3, patience=0, precision="float32",
    learning_rate=0.01, seed=3, augmentation=Augmentation(rotation=20, horizontal_flip=True),
)  # fmt: skip


def pictures_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark and bright noise, alternately: easy to tell apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int64) % 2
    pictures = rng.integers(0, 120, (count, SIZE, SIZE, 3)) + 110 * labels[:, None, None, None]
    return pictures.astype(np.uint8), labels


PICTURES, LABELS = pictures_of(36)
PLANS = [FoldPlan(0, np.arange(0, 20), np.arange(20, 36)), FoldPlan(1, np.arange(9, 36), np.arange(0, 9))]


class Listener(train.Silent):
    """Remembers what it hears, and stops after ``limit`` questions."""

    def __init__(self, limit: int = 10**9) -> None:
        self.limit, self.asked = limit, 0
        self.steps: list[tuple[int, int, int, int]] = []
        self.epochs: list[tuple[int, EpochResult]] = []

    def step(self, fold: int, epoch: int, done: int, total: int) -> None:
        self.steps.append((fold, epoch, done, total))

    def epoch(self, fold: int, result: EpochResult) -> None:
        self.epochs.append((fold, result))

    def should_stop(self) -> bool:
        self.asked += 1
        return self.asked > self.limit


def fit(
    recipe: Recipe = BASE, plans: list[FoldPlan] | None = None, reporter: Listener | None = None, pictures=PICTURES
):
    return list(fit_folds(pictures, LABELS, PLANS if plans is None else plans, recipe, NAMES, reporter))


def test_fit_folds__learns_and_reports():
    reporter = Listener()
    first, second = fit(replace(BASE, epochs=8), reporter=reporter)
    assert (first.fold, second.fold) == (0, 1)
    assert first.probabilities.shape == (16, 2)
    assert first.best.val_accuracy is not None
    assert first.best.val_accuracy >= 0.9
    assert first.stop_reason == "epochs"
    assert [(fold, result.epoch) for fold, result in reporter.epochs] == [(f, e) for f in (0, 1) for e in range(1, 9)]
    assert {(done, total) for fold, _, done, total in reporter.steps if fold == 0 and done == total} == {(20, 20)}
    assert first.model.class_names == ("dark", "bright")


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_fit_folds__low_precision_judges_with_the_weights_of_the_best_epoch(averaging):
    recipe = replace(BASE, precision="mixed_bfloat16", averaging=averaging, learning_rate=0.05, epochs=4)
    (result,) = fit(recipe, [FoldPlan(0, np.arange(0, 20), np.arange(20, 36), np.arange(20, 36))])
    again = predict.probabilities(result.model, PICTURES[20:])
    np.testing.assert_allclose(result.probabilities, again, atol=0.02)
    np.testing.assert_array_equal(result.tested[result.best.epoch], result.probabilities)
    for best in result.bests.values():
        np.testing.assert_array_equal(result.tested[best.result.epoch], best.probabilities)


def test_fit_folds__probabilities_are_those_of_the_saved_model_and_of_the_best_epoch():
    for result, plan in zip(fit(), PLANS, strict=True):
        again = predict.probabilities(result.model, PICTURES[plan.validation])
        np.testing.assert_allclose(again, result.probabilities, atol=1e-5)
        accuracy = (again.argmax(axis=1) == LABELS[plan.validation]).mean()
        assert accuracy == pytest.approx(result.best.val_accuracy)
        picked = again[np.arange(len(again)), LABELS[plan.validation]]
        assert -np.log(picked).mean() == pytest.approx(result.best.val_loss, rel=1e-3, abs=1e-5)
        assert result.best.val_loss == min(epoch.val_loss for epoch in result.epochs)


def test_fit_folds__same_seed_same_weights_and_a_fold_does_not_depend_on_the_others():
    both, alone = fit()[1], fit(plans=PLANS[1:])[0]
    for first, second in zip(both.model.weights, alone.model.weights, strict=True):
        np.testing.assert_array_equal(first, second)
    other = fit(replace(BASE, seed=4), plans=PLANS[1:])[0]
    assert any((first != second).any() for first, second in zip(alone.model.weights, other.model.weights, strict=True))


def test_fit_folds__dropout_is_repeatable_too():
    recipe = replace(BASE, architecture="deepconv", logit_dropout=0.5)
    first, second = fit(recipe, PLANS[:1])[0], fit(recipe, PLANS[:1])[0]
    assert first.epochs[-1].loss == second.epochs[-1].loss
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_fit_folds__a_mapped_set_gives_the_same_as_one_in_memory(tmp_path: Path, monkeypatch):
    mapped = np.memmap(tmp_path / "pictures", np.uint8, mode="w+", shape=PICTURES.shape)
    mapped[:] = PICTURES
    monkeypatch.setattr(running, "_CHUNK_BYTES", SIZE * SIZE * 3 * 10)  # so that an epoch takes several pieces
    in_memory, from_file = fit(plans=PLANS[:1])[0], fit(plans=PLANS[:1], pictures=mapped)[0]
    np.testing.assert_allclose(in_memory.probabilities, from_file.probabilities, atol=1e-4)
    assert in_memory.epochs[-1].loss == pytest.approx(from_file.epochs[-1].loss, rel=1e-3)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fit_folds__every_optimizer_lowers_the_loss(optimizer):
    recipe = replace(BASE, optimizer=optimizer, learning_rate=0.003, epochs=4, schedule="cosine")
    (result,) = fit(recipe, PLANS[:1])
    assert result.epochs[-1].loss < result.epochs[0].loss


def test_fit_folds__stop_keeps_the_best_so_far_and_trains_no_other_fold():
    reporter = Listener(limit=9)
    (result,) = fit(replace(BASE, epochs=500), reporter=reporter)
    assert result.stop_reason == "stopped"
    assert result.fold == 0
    assert 1 <= len(result.epochs) < 9


def test_fit_folds__stop_before_the_first_epoch_gives_nothing():
    assert fit(reporter=Listener(limit=0)) == []


def test_fit_folds__a_loss_that_is_not_finite_is_an_error_with_its_place():
    with pytest.raises(AppError, match="loss_not_finite") as caught:
        fit(replace(BASE, architecture="conv2", optimizer="sgd", learning_rate=10.0, normalisation="none", epochs=20))
    assert caught.value.params["fold"] == 1
    assert caught.value.params["learning_rate"] == 10.0


def test_fit_folds__a_fold_without_training_pictures_is_refused():
    with pytest.raises(Invalid, match="fold_without_images"):
        fit(plans=[FoldPlan(2, np.arange(0), np.arange(9))])


def test_fit_folds__without_validation_the_last_epoch_counts():
    (result,) = fit(plans=[FoldPlan(0, np.arange(36), np.arange(0))])
    assert result.best.epoch == 3
    assert result.best.val_loss is None
    assert result.probabilities.shape == (0, 2)


def test_fit_folds__mixed_precision_learns_too():
    (result,) = fit(replace(BASE, precision="mixed", epochs=8), PLANS[:1])
    assert result.model.precision == "mixed_bfloat16"
    assert result.best.val_accuracy is not None
    assert result.best.val_accuracy >= 0.9
    assert all(weight.dtype == np.float32 for weight in result.model.weights)


def test_fit_folds__one_step_equals_keras():
    """The same weights, batch and rate through Keras' own training step; the network has no dropout."""
    recipe = replace(
        BASE, architecture="conv4", image_size=48, optimizer="sgd", learning_rate=0.1, epochs=1, batch_size=20,
        augmentation=Augmentation(),
    )  # fmt: skip
    pictures = np.random.default_rng(1).integers(0, 256, (24, 48, 48, 3), dtype=np.uint8)
    net = Network(recipe, 2, "float32")
    net.initialise((recipe.seed, 0))
    before = net.weights()
    net.model.compile(keras.optimizers.SGD(0.1, momentum=SGD_MOMENTUM), "sparse_categorical_crossentropy")
    net.model.train_on_batch(pictures[:20] / np.float32(255), LABELS[:20])
    (result,) = fit_folds(pictures, LABELS, [FoldPlan(0, np.arange(20), np.arange(20, 24))], recipe, NAMES)
    for ours, theirs, start in zip(result.model.weights, net.weights(), before, strict=True):
        moved = np.abs(theirs - start).max()
        assert moved > 1e-5
        np.testing.assert_allclose(ours, theirs, atol=1e-6 + 1e-3 * moved)


def keeper_for(losses: list[float], accuracies: list[float] | None = None, **values) -> tuple[Keeper, int | None]:
    recipe = replace(BASE, **values)
    keeper = Keeper(recipe, Network(BASE, 2, "float32"))
    for epoch, loss in enumerate(losses, start=1):
        accuracy = accuracies[epoch - 1] if accuracies else 0.5
        if keeper.add(EpochResult(epoch, 1, 0.5, loss, accuracy, 0.1, 1), np.zeros((1, 2), np.float32)):
            return keeper, epoch
    return keeper, None


def test_keeper__patience_counts_epochs_without_improvement():
    keeper, ended = keeper_for([1.0, 0.9, 0.95, 0.91, 0.8, 0.81, 0.82, 0.83, 0.1], patience=3)
    assert ended == 8
    assert keeper.bests["val_loss"].result.epoch == 5


def test_keeper__min_delta_ends_a_slow_training_but_keeps_its_best_weights():
    keeper, ended = keeper_for([1.0, 0.99, 0.98, 0.97], patience=2, min_delta=0.1)
    assert ended == 3
    assert keeper.bests["val_loss"].result.epoch == 3


def test_keeper__keeps_the_best_by_both_values_and_decides_equal_accuracies_by_loss():
    keeper, _ = keeper_for([0.5, 0.4, 0.6, 0.7, 0.65], [0.7, 0.6, 0.8, 0.9, 0.9], patience=0)
    assert keeper.bests["val_loss"].result.epoch == 2
    assert keeper.bests["val_accuracy"].result.epoch == 5


def test_keeper__writes_over_overtaken_weights_only_where_nobody_else_has_them():
    network = Network(BASE, 2, "float32")
    keeper, snapshots, memory = Keeper(replace(BASE, patience=0), network), [], set()
    rng = np.random.default_rng(4)
    for epoch, (loss, accuracy) in enumerate(rng.random((60, 2)) - np.linspace(0, 3, 60)[:, None] * (1, -1), start=1):
        network.set_weights(tuple(np.full(array.shape, epoch, np.float32) for array in network.weights()))
        keeper.add(EpochResult(epoch, 1, 0.5, float(loss), float(accuracy), 0.1, 1), np.zeros((1, 2), np.float32))
        memory |= {array.ctypes.data for best in keeper.bests.values() for array in best.weights}
        if epoch in (20, 40):
            snapshots.append(keeper.kept())
        if epoch == 50:
            keeper.end_stage(1)
        for best in [*keeper.bests.values(), *(one for kept in snapshots for one in kept.bests.values())]:
            assert all((array == best.result.epoch).all() for array in best.weights)
    assert len({id(best) for kept in snapshots for best in kept.bests.values()}) > 2
    assert len(memory) <= (3 + 2 * 2 + 2) * len(network.weights())


def test_keeper__without_patience_never_ends():
    assert keeper_for([0.1, *[1.0] * 50], patience=0)[1] is None
