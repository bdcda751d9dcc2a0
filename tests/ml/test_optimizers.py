"""Our optimisers against those of Keras, on the same gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain import schedules
from app.domain.recipe import OPTIMIZERS, Recipe
from worker.ml import optimizers
from worker.ml.optimizers import SGD_MOMENTUM, Optimizer, shapes_of

pytestmark = pytest.mark.ml

PEERS = {
    "sgd": lambda: keras.optimizers.SGD(0.01, momentum=SGD_MOMENTUM),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.03),
    "lion": lambda: keras.optimizers.Lion(0.01, weight_decay=0.03),
}


@pytest.mark.parametrize("large", [2**16, 20])  # single operations only; a compiled kernel for the larger variable
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer__equals_keras_over_ten_steps(name, large, monkeypatch):
    monkeypatch.setattr(optimizers, "LARGE", large)
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(np.float32) for shape in ((7, 5), (5,))]
    gradients = [[rng.normal(size=value.shape).astype(np.float32) for value in start] for _ in range(10)]
    ours = [tf.Variable(value) for value in start]
    theirs = [keras.Variable(value) for value in start]
    optimizer, peer = Optimizer(Recipe(optimizer=name, weight_decay=0.03), ours), PEERS[name]()
    for step in gradients:
        optimizer.apply([tf.constant(value) for value in step], tf.constant(0.01))
        peer.apply([tf.constant(value) for value in step], theirs)
    for value, expected, first in zip(ours, theirs, start, strict=True):
        assert np.abs(value.numpy() - first).max() > 0.01
        np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer__reset_starts_again(name):
    variable = tf.Variable([1.0, -2.0])
    optimizer = Optimizer(Recipe(optimizer=name, averaging=0.9), [variable])
    ends = []
    for _ in range(2):
        variable.assign([1.0, -2.0])
        optimizer.reset()
        for step in range(3):
            optimizer.apply([tf.constant([0.5, step - 1.0])], tf.constant(0.1))
        ends.append(variable.numpy())
    np.testing.assert_array_equal(*ends)


def test_optimizer__average_follows_the_weights_is_saved_and_only_lent():
    variable = tf.Variable([0.0])
    recipe = Recipe(optimizer="sgd", averaging=0.5)
    optimizer = Optimizer(recipe, [variable])
    optimizer.reset()
    average = 0.0
    for step in range(1, 9):
        optimizer.apply([tf.constant([1.0])], tf.constant(0.1))
        part = 1 - min(0.5, (1 + step) / (10 + step))
        average += part * (float(variable.numpy()[0]) - average)
    with optimizer.averaged():
        assert variable.numpy()[0] == pytest.approx(average, rel=1e-5)
    assert variable.numpy()[0] < average - 0.1
    slots, updates = optimizer.state()
    assert [slot.shape for slot in slots] == shapes_of(recipe, [(1,)])
    other = Optimizer(recipe, [variable])
    other.restore(slots, updates)
    with other.averaged():
        assert variable.numpy()[0] == pytest.approx(average, rel=1e-5)


def test_cosine__equals_that_of_keras():
    recipe = Recipe(schedule="cosine", learning_rate=0.02, epochs=4)
    peer = keras.optimizers.schedules.CosineDecay(0.02, 4 * 7)
    rates = np.concatenate([schedules.rates(recipe, epoch, 7) for epoch in range(1, 5)])
    np.testing.assert_allclose(rates, [float(peer(step)) for step in range(28)], rtol=1e-5, atol=1e-8)
