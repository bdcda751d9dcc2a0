"""Grad-CAM: equal to the slow way, from the logits, for every class and layer."""

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from app.domain.presets import PRESETS
from app.domain.recipe import ARCHITECTURES, Recipe
from worker.ml import explain, saving
from worker.ml.network import Network

pytestmark = pytest.mark.ml


def saved_model(recipe: Recipe, classes: int = 3) -> saving.SavedModel:
    net = Network(recipe, classes, "float32")
    net.initialise((1, 2))
    names = tuple(f"c{number}" for number in range(classes))
    return saving.SavedModel(recipe, names, net.weights(), None, "float32", 1, {}, {})


def slow_grad_cam(model: saving.SavedModel, picture: np.ndarray, layer: str, position: int) -> np.ndarray:
    """One picture and one class, layer by layer and without any compiled function."""
    net = Network(model.recipe, len(model.class_names), "float32")
    net.set_weights(model.weights)
    x = net.normalise(tf.constant(picture[None], tf.float32))
    rectifier = layer.replace("conv", "relu")
    with tf.GradientTape() as tape:
        for item in net.model.layers[1:]:
            if isinstance(item, layers.Softmax):
                break
            x = item(x, training=False)
            if item.name == rectifier:
                activation = x
                tape.watch(activation)
        score = x[0, position]
    weights = tf.reduce_mean(tape.gradient(score, activation), axis=(1, 2))[0]
    result: np.ndarray = np.maximum((activation[0].numpy() * weights.numpy()).sum(axis=-1), 0)
    return result


@pytest.mark.parametrize("name", ["conv2", "cifar4", "deepconv", "conv4-plus"])
def test_grad_cam__equals_class_by_class(name):
    model = saved_model(Recipe(architecture=name, image_size=48, logit_dropout=0.5 if name == "deepconv" else 0.0))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    for layer in explain.conv_layers(model)[-2:]:
        maps = explain.grad_cam(model, pictures, layer)
        assert maps.dtype == np.float32
        assert maps.min() >= 0
        assert maps.max() > 0
        for i, picture in enumerate(pictures):
            for position in range(3):
                expected = slow_grad_cam(model, picture, layer, position)
                scale = max(float(expected.max()), 1e-6)
                np.testing.assert_allclose(maps[i, position] / scale, expected / scale, atol=1e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_conv_layers__of_every_architecture(name):
    model = saved_model(Recipe(architecture=name, image_size=64))
    names = explain.conv_layers(model)
    assert names == [f"conv{number}" for number in range(1, len(names) + 1)]
    assert len(names) >= 2


def test_conv_layers__of_post_002_has_the_layer_its_author_looked_at():
    recipe = PRESETS["penguins"].recipe
    explainer = explain.Explainer(saved_model(recipe, 6))
    assert explainer.layer == "conv4"
    assert explainer.maps(np.zeros((1, 128, 128, 3), np.uint8)).shape == (1, 6, 12, 12)


def test_explainer__unknown_layer_stop_and_nothing():
    model = saved_model(Recipe(architecture="conv2", image_size=16))
    with pytest.raises(KeyError):
        explain.Explainer(model, "dense1")
    explainer = explain.Explainer(model, "conv1")
    pictures = np.zeros((5, 16, 16, 3), np.uint8)
    assert explainer.maps(pictures, should_stop=lambda: True).shape == (0, 3, 16, 16)
    assert explainer.maps(pictures[:0]).shape == (0, 3, 16, 16)


def test_explainer__a_mixed_model_is_explained_in_float32():
    recipe = Recipe(architecture="cifar4", image_size=32)
    plain = saved_model(recipe)
    mixed = saving.SavedModel(recipe, plain.class_names, plain.weights, None, "mixed_bfloat16", 1, {}, {})
    pictures = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(explain.grad_cam(plain, pictures), explain.grad_cam(mixed, pictures))
