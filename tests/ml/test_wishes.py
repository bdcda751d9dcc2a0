"""What a recipe may wish beyond the posts: other targets, schedules, averages, balanced classes."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from app.domain import augment, mixing
from app.domain.recipe import Augmentation
from tests.ml.test_train import BASE, LABELS, NAMES, PICTURES, PLANS, fit
from worker.ml import predict
from worker.ml.network import Network
from worker.ml.optimizers import SGD_MOMENTUM
from worker.ml.train import FoldPlan, fit_folds

pytestmark = pytest.mark.ml


def one_step(**values):
    """Weights before and after one step of SGD on 20 pictures, and the epoch's numbers."""
    recipe = replace(
        BASE, architecture="conv4", image_size=48, optimizer="sgd", learning_rate=0.1, epochs=1, batch_size=20,
        augmentation=Augmentation(), **values,
    )  # fmt: skip
    pictures = np.random.default_rng(1).integers(0, 256, (24, 48, 48, 3), dtype=np.uint8)
    labels = np.array([0] * 15 + [1] * 9)
    net = Network(recipe, 2, "float32")
    net.initialise((recipe.seed, 0))
    (result,) = fit_folds(pictures, labels, [FoldPlan(0, np.arange(20), np.arange(20, 24))], recipe, NAMES)
    return net, pictures[:20] / np.float32(255), labels[:20], result


@pytest.mark.parametrize(
    ("values", "targets", "weights"),
    [
        ({"label_smoothing": 0.2}, ([0.9, 0.1], [0.1, 0.9]), (1, 1)),
        ({"class_balance": "weights"}, ([1, 0], [0, 1]), (20 / 30, 20 / 10)),
    ],
)
def test_fit_folds__one_step_with_other_targets_equals_keras(values, targets, weights):
    net, inputs, labels, result = one_step(**values)
    before = net.weights()
    net.model.compile(keras.optimizers.SGD(0.1, momentum=SGD_MOMENTUM), "categorical_crossentropy")
    cost = np.array(weights, np.float32)[labels]
    net.model.train_on_batch(inputs, np.array(targets, np.float32)[labels], sample_weight=cost)
    for ours, theirs, start in zip(result.model.weights, net.weights(), before, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6 + 1e-3 * np.abs(theirs - start).max())
    # The reported loss is the plain one, so that it can be compared with that of other recipes.
    assert result.best.loss == pytest.approx(one_step()[3].best.loss, rel=1e-4)


def test_fit_folds__every_new_wish_trains_and_is_repeatable():
    recipe = replace(
        BASE, optimizer="lion", learning_rate=0.002, schedule="one-cycle", class_balance="batches", averaging=0.9,
        label_smoothing=0.1, epochs=6,
    )  # fmt: skip
    first, again = (fit(recipe, PLANS[:1])[0] for _ in range(2))
    assert first.best.val_accuracy is not None
    assert first.best.val_accuracy >= 0.9
    for one, other in zip(first.model.weights, again.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(
        predict.probabilities(first.model, PICTURES[PLANS[0].validation]), first.probabilities, atol=1e-4
    )
    rates = [result.learning_rate for result in first.epochs]
    assert rates[0] < max(rates) > rates[-1]


def test_fit_folds__mixed_labels_equal_keras_with_soft_targets():
    recipe = replace(
        BASE, architecture="conv4", image_size=48, optimizer="sgd", learning_rate=0.1, epochs=1, batch_size=20,
        augmentation=Augmentation(mixup=1.0),
    )  # fmt: skip
    pictures = np.random.default_rng(1).integers(0, 256, (20, 48, 48, 3), dtype=np.uint8)
    net = Network(recipe, 2, "float32")
    net.initialise((recipe.seed, 0))
    (result,) = fit_folds(pictures, LABELS, [FoldPlan(0, np.arange(20), np.arange(0))], recipe, NAMES)
    order = np.random.default_rng((recipe.seed, 0, 1, 1)).permutation(20)
    drawn = augment.draw(recipe.augmentation, 20, 48, np.random.default_rng((recipe.seed, 0, 2, 1))).mixing
    inputs = (pictures[order] / np.float32(255)).astype(np.float32)
    one_hot = np.eye(2, dtype=np.float32)[LABELS[order]]
    share = drawn[:, mixing.LABEL, None]
    targets = share * one_hot + (1 - share) * np.roll(one_hot, 1, axis=0)
    net.model.compile(keras.optimizers.SGD(0.1, momentum=SGD_MOMENTUM), "categorical_crossentropy")
    others = np.roll(inputs, 1, axis=0)
    net.model.train_on_batch(mixing.apply(inputs, others, drawn), targets)
    for ours, theirs in zip(result.model.weights, net.weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_fit_folds__rate_falls_when_the_watched_value_stands_still():
    recipe = replace(BASE, schedule="plateau", learning_rate=1e-7, decay_epochs=1, decay_factor=0.1, epochs=3)
    (result,) = fit(recipe, PLANS[:1])
    assert [epoch.learning_rate for epoch in result.epochs] == pytest.approx([1e-7, 1e-7, 1e-8], rel=1e-5)
