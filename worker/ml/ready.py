"""Networks that are kept ready: built and traced once, asked with the weights of one model after another.

To build and trace a network takes a second. The K models of a run, and all runs of one recipe, share it: the weights
are arguments of the traced functions, so that going from one model to another copies nothing.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.explaining import OF_PIXELS, Method, suited
from worker.ml.data import Pictures
from worker.ml.device import FLOAT32
from worker.ml.explain import Explainer, Maps, conv_layers
from worker.ml.network import Network
from worker.ml.saving import SavedModel

Shape = tuple[str | int | float, ...]


def shape_of(model: SavedModel) -> Shape:
    """What must be equal for two models to share a network."""
    recipe = model.recipe
    network = (recipe.architecture, recipe.layers, recipe.image_size, recipe.logit_dropout, recipe.scale)
    head = (recipe.head_units, recipe.head_dropout, recipe.backbone_scaling) if recipe.pretrained else ()
    return (*network, *head, len(model.class_names), model.precision)


class ReadyModel:
    """The weights of one model as tensors; ``size``: bytes of all it holds. ``saved`` is the model without them."""

    def __init__(self, saved: SavedModel) -> None:
        self.saved = dataclasses.replace(saved, weights=())
        self.weights = [tf.constant(weight) for weight in saved.weights]
        root = saved.statistics.root if saved.statistics else None
        self.size = sum(weight.nbytes for weight in saved.weights) + (0 if root is None else root.nbytes)


class ReadyNetwork:
    """One network for prediction and explanation of all models of a shape.

    Probabilities are computed in the number format of the training, as those of the run were; maps in float32.

    Args:
        model: any model of the shape.

    Attributes:
        usual: how a map is made where nobody has said.
    """

    def __init__(self, model: ReadyModel) -> None:
        saved = model.saved
        classes = len(saved.class_names)
        self._exact = Network(saved.recipe, classes, FLOAT32)
        self.usual = suited(conv_layers(self._exact))
        self._own = self._exact if saved.precision == FLOAT32 else Network(saved.recipe, classes, saved.precision)
        self._specs = [tf.TensorSpec(weight.shape, tf.float32) for weight in model.weights]
        size = saved.recipe.image_size
        self._pictures = tf.TensorSpec((None, size, size, 3), tf.uint8)
        self._probabilities = tf.function(self._predict, autograph=False, input_signature=[self._specs, self._pictures])
        self._explainers: dict[tuple[str | None, Method], tuple[Explainer, Any]] = {}

    def probabilities(self, model: ReadyModel, pictures: Pictures) -> NDArray[np.float32]:
        """(n, classes) float32 for a few pictures (n, size, size, 3) uint8."""
        self._own.set_statistics(model.saved.statistics)
        answer: NDArray[np.float32] = self._probabilities(model.weights, tf.constant(pictures)).numpy()
        return answer

    def layer(self, name: str | None, method: Method = Method.GRAD_CAM) -> str:
        """The layer ``name``, or the usual one for None, made ready; a method that needs none has one of its own.

        Raises:
            KeyError: there is no such layer.
        """
        return self._explainer(name, method)[0].layer

    def maps(
        self,
        model: ReadyModel,
        pictures: Pictures,
        layer: str | None,
        classes: Sequence[int],
        method: Method = Method.GRAD_CAM,
    ) -> Maps:
        """Heat maps (n, classes, height, width) of the classes at some positions, for a few pictures."""
        self._exact.set_statistics(model.saved.statistics)
        _, compute = self._explainer(layer, method)
        maps: Maps = compute(model.weights, tf.constant(pictures), tf.constant(classes, tf.int32)).numpy()
        return maps

    def seen(
        self, model: ReadyModel, picture: Pictures, layer: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """What a layer of ``layer`` says of one picture (1, size, size, 3) behind its rectifier, (h, w, c).

        And the kernel (kh, kw, in, out) of that layer; None where it is no convolution.
        """
        self._exact.set_statistics(model.saved.statistics)
        explainer = self._explainer(layer, Method.GRAD_CAM)[0]
        with _set(self._exact, model.weights):
            activation = explainer.seen(tf.constant(picture)).numpy()[0]
        inside = explainer.kernel
        kernel = None if inside is None else model.weights[_place(self._exact.model.weights, inside)].numpy()
        return activation, kernel

    def _predict(self, weights: Any, pictures: Any) -> Any:
        with _set(self._own, weights):
            return self._own.answering(self._own.normalise(tf.cast(pictures, tf.float32)), training=False)

    def _explainer(self, layer: str | None, method: Method) -> tuple[Explainer, Any]:
        key = (None if method in OF_PIXELS else layer, method)
        if key not in self._explainers:
            explainer = Explainer(self._exact, layer, method)

            def compute(weights: Any, pictures: Any, classes: Any) -> Any:
                with _set(self._exact, weights):
                    return explainer.compute(pictures, classes)

            signature = [self._specs, self._pictures, tf.TensorSpec((None,), tf.int32)]
            made = (explainer, tf.function(compute, autograph=False, input_signature=signature))
            self._explainers[key] = self._explainers[explainer.layer, method] = made
        return self._explainers[key]


def _set(net: Network, weights: Any) -> Any:
    """While this holds, the layers of ``net`` compute with ``weights`` instead of their own variables."""
    return keras.StatelessScope(state_mapping=list(zip(net.model.weights, weights, strict=True)))


def _place(weights: Sequence[Any], wanted: Any) -> int:
    return next(place for place, one in enumerate(weights) if one is wanted)
