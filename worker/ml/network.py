"""A network with its variables and compiled functions: made once, used for all folds of a run."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.recipe import Recipe
from worker.ml import data, forward, models
from worker.ml.blocks import LOGITS

Weights = tuple[NDArray[np.float32], ...]


class Network:
    """A network that can be set to new or saved weights.

    Args:
        recipe: architecture, size, normalisation.
        classes: number of outputs.
        precision: ``float32`` or ``mixed_bfloat16``.

    Attributes:
        model: to probabilities.
        logits: the same layers, to the values before the softmax.
        chain: the same layers for ``forward.run``.
    """

    def __init__(self, recipe: Recipe, classes: int, precision: str) -> None:
        self.recipe = recipe
        self.model = models.build(recipe, classes, precision)
        last = "logit_dropout" if recipe.logit_dropout else LOGITS
        self.logits = keras.Model(self.model.inputs, self.model.get_layer(last).output)
        self.chain = forward.order(self.model, last)
        self._scale = tf.Variable(np.zeros(3, np.float32), trainable=False)
        self._offset = tf.Variable(np.zeros(3, np.float32), trainable=False)
        self.set_statistics(None)
        # One signature for every number of pictures: traced once.
        self.probabilities = tf.function(
            self._probabilities,
            autograph=False,
            input_signature=[tf.TensorSpec((None, recipe.image_size, recipe.image_size, 3), tf.uint8)],
        )

    def set_statistics(self, fitted: data.Statistics | None) -> None:
        """Use the mean and deviation of this fold's training part."""
        scale, offset = data.scale_offset(self.recipe, fitted)
        self._scale.assign(scale)
        self._offset.assign(offset)

    def normalise(self, pictures: Any) -> Any:
        """(n, size, size, 3) float32 from the scale 0 to 255 to the scale of the network."""
        scaled = pictures * self._scale + self._offset
        if self.recipe.normalisation != "samplewise":
            return scaled
        mean, variance = tf.nn.moments(scaled, (1, 2, 3), keepdims=True)
        return (scaled - mean) / (tf.sqrt(variance) + 1e-6)

    def _probabilities(self, pictures: Any) -> Any:
        return self.model(self.normalise(tf.cast(pictures, tf.float32)), training=False)

    def initialise(self, seed: Sequence[int]) -> None:
        """New weights, and new states of the dropout, from ``seed`` alone."""
        rng = np.random.default_rng(seed)
        for layer in self.model.layers:
            for variable in layer.weights:
                initializer = getattr(layer, f"{variable.name}_initializer")
                variable.assign(_seeded(initializer, rng)(variable.shape, dtype=variable.dtype))
            for generator in _generators(layer):
                generator.state.assign(rng.integers(0, 2**31, 2))

    def generators(self) -> tuple[NDArray[np.int64], ...]:
        """Copies of the states of the dropout layers, (2,) each."""
        return tuple(generator.state.numpy().astype(np.int64) for generator in generators(self.model))

    def set_generators(self, states: Sequence[NDArray[np.int64]]) -> None:
        """Put saved states of the dropout layers in place."""
        for generator, state in zip(generators(self.model), states, strict=True):
            generator.state.assign(state)

    def weights(self) -> Weights:
        """Copies of all weights, in the order of ``model.weights``."""
        return tuple(variable.numpy() for variable in self.model.weights)

    def set_weights(self, weights: Weights) -> None:
        """Put saved weights in place; shapes were checked where they were read."""
        for variable, value in zip(self.model.weights, weights, strict=True):
            variable.assign(value)


def generators(model: keras.Model) -> list[Any]:
    """The random generators of the dropout layers, first to last."""
    return [generator for layer in model.layers for generator in _generators(layer)]


def _generators(layer: Any) -> list[Any]:
    generator = getattr(layer, "seed_generator", None)
    return [] if generator is None else [generator]


def _seeded(initializer: Any, rng: np.random.Generator) -> Any:
    values = initializer.get_config()
    if "seed" in values:
        values["seed"] = int(rng.integers(0, 2**31))
    return type(initializer).from_config(values)
