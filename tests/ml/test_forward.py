"""The cheaper training pass is the same function with the same gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain.recipe import ARCHITECTURES, Recipe
from worker.ml import forward
from worker.ml.network import Network

pytestmark = pytest.mark.ml

SIZE = 48


def without_dropout(net: Network) -> Network:
    for layer in net.model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return net


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_run__equals_the_network_and_its_gradients_in_float32(name):
    """Rounding may send a gradient another way through a rectifier or a maximum: with some pictures, not with all."""
    net = without_dropout(Network(Recipe(architecture=name, image_size=SIZE), 3, "float32"))
    assert forward.copied(net.chain) == []
    drawn = (np.random.default_rng(seed).random((6, SIZE, SIZE, 3), np.float32) for seed in range(4))
    assert min(largest_difference_of_gradients(net, tf.constant(x)) for x in drawn) < 1e-3  # else a hundredth


def largest_difference_of_gradients(net, x):
    """Between both ways, in shares of the largest of a variable; answers and averages are compared here."""
    variables = [variable.value for variable in net.model.trainable_variables]
    averages = [variable for variable in net.model.non_trainable_variables if "moving" in variable.name]
    results, moved = [], []
    for function in (lambda: net.logits(x, training=True), lambda: forward.run(net.chain, x, {})):
        net.initialise((5, 0))
        with tf.GradientTape() as tape:
            logits = function()
            loss = tf.reduce_sum(logits * tf.constant([1.0, -2.0, 0.5]))
        results.append([logits, *tape.gradient(loss, variables)])
        moved.append([variable.numpy() for variable in averages])
    for expected, found in zip(*moved, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    (expected, *theirs), (found, *ours) = results
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    pairs = ((one.numpy(), other.numpy()) for one, other in zip(theirs, ours, strict=True))
    return max(float(np.abs(one - other).max() / (np.abs(one).max() + 1e-6)) for one, other in pairs)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_run__equals_the_network_in_mixed_precision(name):
    net = without_dropout(Network(Recipe(architecture=name, image_size=SIZE), 3, "mixed_bfloat16"))
    net.initialise((5, 0))
    x = tf.constant(np.random.default_rng(0).random((6, SIZE, SIZE, 3), np.float32))
    copies = {variable.path: tf.cast(variable.value, tf.bfloat16) for variable in forward.copied(net.chain)}
    assert copies
    np.testing.assert_allclose(
        forward.run(net.chain, x, copies), net.logits(x, training=True), atol=0.05, rtol=0.05
    )  # fmt: skip


@pytest.mark.parametrize("name", ["conv2", "deepconv-plus"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_run__judges_as_the_network_does(name, precision):
    net = Network(Recipe(architecture=name, image_size=SIZE), 3, precision)
    net.initialise((5, 0))
    x = tf.constant(np.random.default_rng(0).random((6, SIZE, SIZE, 3), np.float32))
    copies = {variable.path: tf.cast(variable.value, tf.bfloat16) for variable in forward.copied(net.chain)}
    found = forward.run(net.chain, x, copies, training=False)
    np.testing.assert_allclose(found, net.logits(x, training=False), atol=2e-3, rtol=2e-2)
    np.testing.assert_array_equal(found, forward.run(net.chain, x, copies, training=False))  # no dropout


@pytest.mark.parametrize("kind", [tf.float32, tf.bfloat16])
def test_pooled__is_a_rectifier_and_the_pooling_behind_it_with_the_same_gradient(kind):
    rng = np.random.default_rng(0)
    x = tf.cast(rng.integers(-3, 3, (4, 9, 8, 5)), kind)  # with equal neighbours, and windows without a positive number
    weights = tf.cast(rng.normal(size=(4, 4, 4, 5)), kind)
    joined = forward.Pooled(keras.layers.MaxPooling2D(2))
    found, ways = [], []
    for function in (lambda: tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID"), lambda: joined(x, training=True)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found.append(function())
            total = tf.reduce_sum(found[-1] * weights)
        ways.append(tf.cast(tape.gradient(total, x), tf.float32).numpy())
    np.testing.assert_array_equal(*(tf.cast(value, tf.float32) for value in found))
    positive = (x > 0).numpy()
    np.testing.assert_array_equal(ways[1], np.where(positive, ways[0], 0))
    assert 20 < np.count_nonzero(ways[1]) < x.numpy().size / 4


def test_order__joins_rectifier_and_pooling_behind_a_convolution_only():
    for name, joined in (("conv2", 2), ("conv2-plus", 0)):
        net = Network(Recipe(architecture=name, image_size=SIZE), 3, "float32")
        assert sum(isinstance(layer, forward.Pooled) for layer in net.chain) == joined
        kinds = [type(layer) for layer in net.chain]
        behind = [kinds[place + 1] for place, kind in enumerate(kinds) if kind is keras.layers.MaxPooling2D]
        assert set(behind) == (set() if joined else {keras.layers.ReLU})
