"""Every layer that a network can be written with: its table, pass and gradients, Keras' spelling, and a training."""

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain import architectures, keras_json, own_network
from app.domain.activations import ACTIVATIONS
from app.domain.recipe import Recipe
from worker.ml import check, explain, forward, models, predict, saving
from worker.ml.network import Network

pytestmark = pytest.mark.ml

SIZE = 24
# Together they have every layer; a rectifier stands in front of every kind of pooling.
NETWORKS = {
    "strides": [
        {"layer": "conv", "filters": 6, "kernel": [4, 3], "stride": 2}, "relu",
        {"layer": "pool", "size": 3, "stride": 2, "padding": "same"},
        {"layer": "conv", "filters": 6, "kernel": 2, "padding": "valid", "bias": False}, "relu",
        {"layer": "average_pool", "size": 2, "stride": 1}, {"layer": "leaky_relu", "slope": 0.1}, "pool", "relu", "max",
        {"layer": "dense", "units": 8, "activation": "gelu", "bias": False},
    ],
    "single channels": [
        {"layer": "depthwise", "kernel": [3, 5], "multiplier": 2}, "norm", "relu", "pool",
        {"layer": "separable", "filters": 8, "kernel": 3, "stride": 2, "padding": "valid"}, "norm", "swish",
        {"layer": "average_pool", "size": 3, "stride": 2, "padding": "same"}, "layer_norm", {"layer": "border"},
        {"layer": "depthwise", "stride": 2, "bias": False}, "relu", {"layer": "pool", "stride": 1}, "flatten",
        {"layer": "dense", "units": 8, "activation": "linear"}, "layer_norm", "tanh",
    ],
    "activations": [
        {"layer": "conv", "filters": 6, "stride": 3}, *ACTIVATIONS, "hard_swish", "leaky_relu", "mean",
        {"layer": "dense", "units": 8, "activation": "leaky_relu"}, {"layer": "dense", "units": 4, "activation": "elu"},
    ],
}  # fmt: skip


def recipe_of(name: str, precision: str = "float32") -> Recipe:
    layers = json.dumps(NETWORKS[name])
    values = {"architecture": "own", "layers": layers, "image_size": SIZE, "precision": precision, "batch_size": 4}
    return Recipe().updated(values)


def test_networks__have_every_layer():
    from app.domain.own_layers import VALUES  # noqa: PLC0415 - for this question only

    used = {step.kind for name in NETWORKS for step in own_network.parse(recipe_of(name).layers)}
    assert used == VALUES.keys() - {"dropout"}


@pytest.mark.parametrize("name", NETWORKS)
def test_table__is_that_of_the_built_network_and_of_its_keras_json(name):
    recipe = recipe_of(name)
    model, table = models.build(recipe, 3), architectures.layer_table(recipe, 3)
    built = [(row.name, row.kind, row.shape, row.parameters) for row in models.layer_table(recipe, 3)]
    assert [(row.name, row.kind, row.shape, row.parameters) for row in table] == built
    again = own_network.parse(keras_json.as_list(model.to_json()))
    first = own_network.parse(recipe.layers)
    assert [(step.kind, dict(step.values)) for step in again] == [(step.kind, dict(step.values)) for step in first]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_pass__is_that_of_keras_with_the_same_gradients(name, precision):
    net = Network(recipe_of(name), 3, precision)
    net.initialise((3, 0))
    variables = net.model.trainable_variables
    copies = {variable.path: tf.cast(variable.value, tf.bfloat16) for variable in forward.copied(net.chain)}
    x = tf.constant(np.random.default_rng(0).random((8, SIZE, SIZE, 3), np.float32))
    found: list[list[Any]] = []
    for run in (lambda: net.logits(x, training=True), lambda: forward.run(net.chain, x, copies)):
        with tf.GradientTape() as tape:
            tape.watch(list(copies.values()))
            logits = run()
            loss = tf.reduce_sum(logits * tf.constant([1.0, -2.0, 0.5]))
        gone = found and precision != "float32"
        watched = [copies.get(one.path, one.value) if gone else one.value for one in variables]
        found.append([logits, *(tf.cast(one, tf.float32) for one in tape.gradient(loss, watched))])
    assert (precision == "float32") == (not copies)
    allowed = 1e-3 if precision == "float32" else 0.15  # bfloat16 has 8 bits, and its roundings send gradients astray
    for theirs, ours in zip(*found, strict=True):
        size = float(tf.norm(theirs))
        assert float(tf.norm(theirs - ours)) <= allowed * size + 1e-4
    assert all(float(tf.norm(one)) > 0 for one in found[1])


@pytest.mark.parametrize("precision", ["float32", "mixed"])
@pytest.mark.parametrize("name", NETWORKS)
def test_network__trains_saves_predicts_equally_and_explains(name, precision):
    found = check.check_recipe(recipe_of(name, precision))
    assert found.passed
    assert np.isfinite(found.loss)


@pytest.mark.parametrize("name", NETWORKS)
def test_maps__of_every_convolution_are_finite_and_as_large_as_its_output(name):
    recipe = recipe_of(name)
    net = Network(recipe, 3, "float32")
    net.initialise((5, 0))
    saved = saving.SavedModel(recipe, ("a", "b", "c"), net.weights(), None, "float32", 1, {}, {})
    assert explain.conv_layers(net) == architectures.seen(recipe, 3)
    pictures = np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    shapes = {row.name: row.shape for row in architectures.layer_table(recipe, 3)}
    for layer in explain.conv_layers(net):
        maps = explain.Explainer(saved, layer).maps(pictures)
        assert maps.shape == (3, 3, *shapes[layer][:2])
        assert np.isfinite(maps).all()
        assert maps.max() > 0
    told = predict.probabilities(saved, pictures)
    np.testing.assert_allclose(told, net.model(net.normalise(pictures.astype(np.float32))), atol=1e-5)


def test_initialise__filters_of_one_channel_keep_the_size_of_what_goes_through():
    layers = [
        {"layer": "conv", "filters": 64},
        {"layer": "separable", "filters": 64},
        {"layer": "depthwise"},
        "flatten",
    ]
    recipe = Recipe().updated({"architecture": "own", "layers": json.dumps(layers), "image_size": 32})
    net = Network(recipe, 3, "float32")
    net.initialise((1, 0))
    x = np.random.default_rng(2).normal(size=(2, 32, 32, 3)).astype(np.float32)
    sizes = [
        float(np.std(keras.Model(net.model.input, net.model.get_layer(name).output)(x)))
        for name in ("conv1", "separable1", "depthwise1")
    ]
    assert all(0.6 < size / sizes[0] < 6 for size in sizes), sizes
