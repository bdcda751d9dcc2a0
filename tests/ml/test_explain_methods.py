"""Other ways to explain than Grad-CAM: each equal to a slow way of its own, written without the compiled functions."""

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from app.domain.explaining import OF_PIXELS, PIXELS, Method
from app.domain.recipe import ARCHITECTURES, Recipe
from worker.ml import explain, pixel_maps
from worker.ml.network import Network

pytestmark = pytest.mark.ml

CLASSES = 3


class Slow:
    """One network, layer by layer, one picture and one class at a time."""

    def __init__(self, net, picture, position):
        self.net, self.position = net, position
        self.picture = picture.astype(np.float32)

    def logits(self, pictures):
        return self.net.logits(self.net.normalise(pictures), training=False)

    def score(self, pictures):
        x = self.net.normalise(tf.constant(pictures))
        for item in self.net.model.layers[1:]:
            if isinstance(item, layers.Softmax):
                break
            x = item(x, training=False)
        return x[:, self.position]

    def seen(self, layer):
        """What a layer says, and the gradient of the class in it: (h, w, c) both, float64."""
        x, at = self.net.normalise(tf.constant(self.picture[None])), layer.replace("conv", "relu")
        with tf.GradientTape() as tape:
            for item in self.net.model.layers[1:]:
                if isinstance(item, layers.Softmax):
                    break
                x = item(x, training=False)
                if item.name == at:
                    kept = x
                    tape.watch(kept)
            value = x[0, self.position]
        return kept[0].numpy().astype(float), tape.gradient(value, kept)[0].numpy().astype(float)

    def cam(self, method, layer):
        a, g = self.seen(layer)
        if method is Method.GRAD_CAM:
            weights = g.mean(axis=(0, 1))
        elif method is Method.GRAD_CAM_PLUS:
            below = 2 * g**2 + a.sum(axis=(0, 1)) * g**3
            alpha = np.divide(g**2, below, out=np.zeros_like(g), where=np.abs(below) > 1e-12)
            weights = (alpha * np.maximum(g, 0)).sum(axis=(0, 1))
        else:
            weights = np.maximum(g, 0) if method is Method.LAYER_CAM else g
        return np.maximum((a * weights).sum(axis=-1), 0)

    def integrated(self):
        total = np.zeros_like(self.picture, dtype=float)
        for step in range(32):
            at = tf.constant(self.picture[None] * np.float32((step + 0.5) / 32))
            with tf.GradientTape() as tape:
                tape.watch(at)
                value = self.logits(at)[0, self.position]
            total += tape.gradient(value, at)[0].numpy()
        pixels = (total / 32 * self.picture).sum(axis=-1)
        cell = -(-len(pixels) // 56)
        rows = range(0, len(pixels), cell)
        return np.maximum([[pixels[r : r + cell, c : c + cell].sum() for c in rows] for r in rows], 0)

    def occlusion(self):
        edges = np.rint(np.linspace(0, len(self.picture), 13)).astype(int)
        before, grey = self.score(self.picture[None]).numpy()[0], self.picture.mean(axis=(0, 1))
        total, count = np.zeros((12, 12)), np.zeros((12, 12))
        places = [(row, column) for row in range(11) for column in range(11)]
        covered = np.stack([self.picture] * len(places))
        for picture, (row, column) in zip(covered, places, strict=True):
            picture[edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = grey
        for value, (row, column) in zip(self.score(covered).numpy(), places, strict=True):
            total[row : row + 2, column : column + 2] += before - value
            count[row : row + 2, column : column + 2] += 1
        return np.maximum(total / count, 0)

    def expected(self, method, layer):
        if method is Method.INTEGRATED:
            return self.integrated()
        return self.occlusion() if method is Method.OCCLUSION else self.cam(method, layer)


def drawn(recipe):
    """A network with weights as they are drawn, a picture of noise, and a class that the last layer speaks for."""
    net = Network(recipe, CLASSES, "float32")
    net.initialise((1, 2))
    size = recipe.image_size
    picture = np.random.default_rng(3).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return net, picture, int(explain.Explainer(net).maps(picture[None])[0].sum(axis=(1, 2)).argmax())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_maps__equal_the_slow_way_on_every_architecture(name):
    how = "samplewise" if name == "conv2" else "rescale"
    net, picture, position = drawn(Recipe(architecture=name, image_size=48, normalisation=how))
    slow, layer = Slow(net, picture, position), explain.conv_layers(net)[-1]
    value = abs(float(slow.score(slow.picture[None])[0]))
    for method in Method if name == "conv2" else [one for one in Method if one not in OF_PIXELS]:
        explainer = explain.Explainer(net, layer, method)
        maps = explainer.maps(picture[None], classes=[position])
        expected = slow.expected(method, layer)
        assert explainer.layer == (PIXELS if method in OF_PIXELS else layer)
        assert maps.shape == (1, 1, *expected.shape)
        assert expected.max() > 0
        # A fall is the difference of two values of the class, and as exact as those.
        scale = max(expected.max(), value if method is Method.OCCLUSION else 0.0)
        np.testing.assert_allclose(maps[0, 0] / scale, expected / scale, atol=1e-4, err_msg=method)


def test_integrated_gradients__add_up_to_how_far_the_class_lies_above_the_black_picture():
    net, picture, position = drawn(Recipe(architecture="conv2", image_size=32))
    slow = Slow(net, picture, position)
    found = pixel_maps.attributions(slow.logits, tf.constant(slow.picture[None]), tf.constant([position]))
    above = slow.score(slow.picture[None]) - slow.score(np.zeros((1, 32, 32, 3), np.float32))
    assert float(tf.reduce_sum(found)) == pytest.approx(float(above[0]), rel=0.03)


def test_maps__of_pixels_need_no_layer_and_stop_like_the_others():
    net = Network(Recipe(architecture="conv2", image_size=60), CLASSES, "float32")
    pictures = np.zeros((2, 60, 60, 3), np.uint8)
    for method, side in ((Method.INTEGRATED, 30), (Method.OCCLUSION, 12)):
        explainer = explain.Explainer(net, "no such layer", method)
        assert explainer.maps(pictures, should_stop=lambda: True).shape == (0, CLASSES, side, side)
        maps = explainer.maps(pictures)
        assert maps.shape == (2, CLASSES, side, side)
        assert maps.max() == 0, "nothing can be hidden in a black picture"
