"""A network with its variables and compiled functions: made once, used for all folds of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from app.domain.errors import AppError
from app.domain.recipe import Recipe
from app.domain.recipe_fields import PAIRS, ZCA
from worker.ml import backbones, device, folded, forward, models, parts, samplewise, standard
from worker.ml.blocks import LOGITS

Weights = tuple[NDArray[np.float32], ...]


class Network:
    """A network that can be set to new or saved weights.

    Args:
        recipe: architecture, size, normalisation.
        classes: number of outputs.
        precision: as ``models.resolve_precision`` has it.
        folder: with the weights of pretrained networks that come with no package.

    Attributes:
        model: to probabilities; ``answering``: the same function of the same variables as it is computed for answers.
        logits: the same layers, to the values before the softmax.
        chain: the same layers for ``forward.run``, where they are a chain.
        base: the layers of a pretrained network among them.
    """

    def __init__(self, recipe: Recipe, classes: int, precision: str, folder: Path | None = None) -> None:
        self.recipe, self._folder = recipe, folder
        self._paired = recipe.scale in PAIRS
        self.model = models.build(recipe, classes, precision)
        low = models.asked_in(recipe, precision) == device.LOW
        self.answering = folded.fold(self.model, answers=device.LOW) if low else self.model
        last = parts.last_name(self.model)
        self.logits = keras.Model(self.model.inputs, self.model.get_layer(last).output)
        self.chain = forward.order(self.model, last)
        self.base = backbones.of(self.model)
        self._still: dict[int, NDArray[np.float32]] = {}
        self._scale = tf.Variable(np.zeros(3, np.float32), trainable=False)
        self._offset = tf.Variable(np.zeros(3, np.float32), trainable=False)
        self._then_scale = tf.Variable(np.ones(3, np.float32), trainable=False)
        self._then_offset = tf.Variable(np.zeros(3, np.float32), trainable=False)
        self._root = self._no_root() if recipe.fitted_step == ZCA else None
        self.set_statistics(None)
        # One signature for every number of pictures: traced once.
        self.probabilities = tf.function(
            self._probabilities,
            autograph=False,
            input_signature=[tf.TensorSpec((None, recipe.image_size, recipe.image_size, 3), tf.uint8)],
        )

    def set_statistics(self, fitted: standard.Statistics | None) -> None:
        """Use what was fitted on this fold's training part."""
        scale, offset = standard.scale_offset(self.recipe, fitted)
        self._scale.assign(scale)
        self._offset.assign(offset)
        if self._paired:
            then_scale, then_offset = standard.by_all(self.recipe, fitted)
            self._then_scale.assign(then_scale)
            self._then_offset.assign(then_offset)
        if self._root is not None and fitted is not None and fitted.root is not None:
            self._root.assign(fitted.root)

    def normalise(self, pictures: Any) -> Any:
        """(n, size, size, 3) float32 from the scale 0 to 255 to the scale of the network."""
        return self.whitened(self.scaled(pictures))

    def scaled(self, pictures: Any) -> Any:
        """The part of ``normalise`` that is done to each pixel by itself, and with the mean of each picture."""
        scaled = samplewise.applied(pictures * self._scale + self._offset, self.recipe.sample_step)
        return scaled * self._then_scale + self._then_offset if self._paired else scaled

    def whitened(self, scaled: Any) -> Any:
        """The rest of ``normalise``: matrix products, for which the library is faster than what XLA compiles."""
        if self._root is None:
            return scaled
        flat = tf.reshape(scaled, (-1, self._root.shape[0]))
        white = tf.matmul(tf.matmul(flat, self._root), self._root, transpose_b=True)
        return tf.reshape(white, tf.shape(scaled))

    def _no_root(self) -> Any:
        """Room for the root of the whitening matrix, which has another number of directions in each fold."""
        width = 3 * self.recipe.image_size**2
        return tf.Variable(np.zeros((width, 0), np.float32), shape=(width, None), trainable=False)

    def _probabilities(self, pictures: Any) -> Any:
        return self.answering(self.normalise(tf.cast(pictures, tf.float32)), training=False)

    def initialise(self, seed: Sequence[int]) -> None:
        """New weights, and new states of the dropout, from ``seed`` alone."""
        rng = np.random.default_rng(seed)
        if self.base:
            backbones.load(self.recipe.architecture, self.base, self._folder)
        for layer in self.model.layers[len(self.base) :]:
            for variable in layer.weights:
                variable.assign(_seeded(_initializer(layer, variable), rng)(variable.shape, dtype=variable.dtype))
            for generator in _generators(layer):
                generator.state.assign(rng.integers(0, 2**31, 2))

    def begin_with(self, weights: Weights, *, outputs: bool) -> None:
        """Take over the weights of another training; ``outputs``: also of the last layer, whose classes are the same.

        Raises:
            AppError: ``model_broken`` when they do not fit.
        """
        last = set() if outputs else {id(variable) for variable in self.model.get_layer(LOGITS).weights}
        if len(weights) != len(self.model.weights):
            raise AppError("model_broken", reason="it has another number of weights")
        for variable, value in zip(self.model.weights, weights, strict=True):
            if id(variable) in last:
                continue
            if tuple(variable.shape) != value.shape:
                raise AppError("model_broken", reason=f"{variable.path} has another shape")
            variable.assign(value)

    def generators(self) -> tuple[NDArray[np.int64], ...]:
        """Copies of the states of the dropout layers, (2,) each."""
        return tuple(generator.state.numpy().astype(np.int64) for generator in generators(self.model))

    def set_generators(self, states: Sequence[NDArray[np.int64]]) -> None:
        """Put saved states of the dropout layers in place."""
        for generator, state in zip(generators(self.model), states, strict=True):
            generator.state.assign(state)

    def hold_still(self, learning: Sequence[Any]) -> None:
        """From now on the weights of the pretrained layers stay as they are, but for those of ``learning``."""
        moving = {id(variable) for variable in learning}
        own = {id(variable) for layer in self.base for variable in layer.weights} - moving
        self._still = {
            place: variable.numpy() for place, variable in enumerate(self.model.weights) if id(variable) in own
        }

    def weights(self, memory: Weights | None = None) -> Weights:
        """Copies of all weights, in the order of ``model.weights``; those that are held still are copied only once.

        Args:
            memory: an earlier answer that nobody needs any more, made since ``hold_still``: it is written over, which
                takes a third of the time of new memory.
        """
        return tuple(
            self._still[place] if place in self._still else _copy(variable, memory[place] if memory else None)
            for place, variable in enumerate(self.model.weights)
        )

    def set_weights(self, weights: Weights) -> None:
        """Put saved weights in place; shapes were checked where they were read."""
        for variable, value in zip(self.model.weights, weights, strict=True):
            variable.assign(value)


def _copy(variable: Any, memory: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if memory is None:
        copied: NDArray[np.float32] = variable.numpy()
        return copied
    np.copyto(memory, np.asarray(memoryview(tf.convert_to_tensor(variable.value))))
    return memory


def generators(model: keras.Model) -> list[Any]:
    """The random generators of the dropout layers, first to last."""
    return [generator for layer in model.layers for generator in _generators(layer)]


def _generators(layer: Any) -> list[Any]:
    generator = getattr(layer, "seed_generator", None)
    return [] if generator is None else [generator]


def _initializer(layer: Any, variable: Any) -> Any:
    """Of a variable; those of filters for single channels are named otherwise than the variables."""
    name = variable.name.removesuffix("_kernel")
    if isinstance(layer, layers.DepthwiseConv2D) and name == "kernel":
        name = "depthwise"
    return getattr(layer, f"{name}_initializer")


def _seeded(initializer: Any, rng: np.random.Generator) -> Any:
    values = initializer.get_config()
    if "seed" in values:
        values["seed"] = int(rng.integers(0, 2**31))
    return type(initializer).from_config(values)
