"""Which places of a picture speak for a class: Grad-CAM (Selvaraju and others, 2017) and other ways.

The gradient is taken of the value before the softmax: behind it the gradient of a sure answer vanishes, and a class
would look important only because another one is not. For the maps of a layer (``cams``) all classes are done at once:
one forward pass up to the layer, then one backward pass over a batch that holds the layer's output once for each
class. The maps of the picture itself (``pixel_maps``) need no layer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from app.domain import backbones
from app.domain.explaining import OF_PIXELS, PIXELS, Method
from app.domain.sketch import CONVOLUTIONS
from worker.ml import cams, pixel_maps
from worker.ml.data import Pictures
from worker.ml.device import FLOAT32
from worker.ml.network import Network
from worker.ml.predict import network
from worker.ml.saving import SavedModel

Maps = NDArray[np.float32]
"""(n, classes, height, width) float32, 0 and more, in the resolution of the layer; not scaled."""

BATCH = 32
MAP = 4  # dimensions: pictures, height, width, channels


def conv_layers(model: SavedModel | Network | keras.Model) -> list[str]:
    """Names of the layers to look at, first to last, of which the last is the usual one.

    They are the convolutions; of a pretrained network the ends of its blocks, because within a block there are ways
    around a layer.
    """
    network = _keras(model)
    if network.name in backbones.KNOWN:
        return [block.look for block in backbones.KNOWN[network.name].blocks]
    return [layer.name for layer in network.layers if type(layer).__name__ in CONVOLUTIONS]


class Explainer:
    """Compiled heat maps of one model at one layer.

    Args:
        model: a saved model. It is computed in float32 whatever it was trained in, because bfloat16 is coarse enough
            to be seen in a map. Or a network in float32, which may be set to other weights later.
        layer: a name from ``conv_layers``; the last by default. The map is made behind the layer's rectifier. Ways
            that look at the picture itself need none; their layer is called ``PIXELS``.
        method: how the maps are made.

    Raises:
        KeyError: the model has no such layer.
    """

    def __init__(self, model: SavedModel | Network, layer: str | None = None, method: Method = Method.GRAD_CAM) -> None:
        self._net = model if isinstance(model, Network) else network(model, FLOAT32)
        self.method = method
        self._classes = int(self._net.logits.output.shape[-1])
        size = self._net.recipe.image_size
        self.layer = PIXELS
        self._shape = pixel_maps.shape(size, method)
        if method not in OF_PIXELS:
            names = conv_layers(self._net)
            self.layer = layer or (names[-1] if names else "")
            if self.layer not in names:
                raise KeyError(self.layer)
            middle = _rectified(self._net.model, self.layer).output
            # Two models in a row: in Keras 3 the gradient between two outputs of one model is None.
            self._head = keras.Model(self._net.model.inputs, middle)
            self._tail = keras.Model(middle, self._net.logits.output)
            self._shape = (int(middle.shape[1]), int(middle.shape[2]))
        signature = [tf.TensorSpec((None, size, size, 3), tf.uint8), tf.TensorSpec((None,), tf.int32)]
        self._compiled = tf.function(self.compute, autograph=False, input_signature=signature)

    def use(self, model: SavedModel) -> None:
        """Look at another model of the same recipe from now on."""
        self._net.set_weights(model.weights)
        self._net.set_statistics(model.statistics)

    def maps(
        self,
        pictures: Pictures,
        should_stop: Callable[[], bool] | None = None,
        *,
        classes: Sequence[int] | None = None,
    ) -> Maps:
        """Maps of all classes, or of those at the positions ``classes``, in that order.

        Args:
            pictures: (n, size, size, 3) uint8.
            should_stop: asked before each batch; when True, only what is done so far is returned.
            classes: positions; time and memory grow with their number.
        """
        asked = tf.constant(range(self._classes) if classes is None else classes, tf.int32)
        parts = [np.zeros((0, len(asked), *self._shape), np.float32)]
        for start in range(0, len(pictures), BATCH):
            if should_stop is not None and should_stop():
                break
            part = tf.convert_to_tensor(np.asarray(pictures[start : start + BATCH]))
            parts.append(self._compiled(part, asked).numpy())
        return np.concatenate(parts)

    def compute(self, pictures: Any, classes: Any) -> Any:
        """The maps as tensors, to be traced: pictures (n, size, size, 3) uint8, classes (k,) int32."""
        values = tf.cast(pictures, tf.float32)
        if self.method is Method.INTEGRATED:
            return pixel_maps.integrated_gradients(self._score, values, classes)
        if self.method is Method.OCCLUSION:
            return pixel_maps.occlusion(self._score, values, classes)
        activation = self.seen(pictures)
        return cams.MAPS[self.method](activation, self._gradient(activation, classes))

    def seen(self, pictures: Any) -> Any:
        """What the layer says, behind its rectifier, (n, h, w, c), of pictures (n, size, size, 3) uint8."""
        return self._head(self._net.normalise(tf.cast(pictures, tf.float32)), training=False)

    @property
    def kernel(self) -> Any:
        """The variable with the filters (kh, kw, in, out) of the layer; None where it is no convolution."""
        layer = self._net.model.get_layer(self.layer)
        return layer.kernel if isinstance(layer, layers.Conv2D) else None

    def _score(self, pictures: Any) -> Any:
        return self._net.logits(self._net.normalise(pictures), training=False)

    def _gradient(self, activation: Any, classes: Any) -> Any:
        """Of each class in the output of the layer, (n, k, h, w, c)."""
        count = tf.shape(classes)[0]
        repeated = tf.repeat(activation, count, axis=0)
        wanted = tf.tile(tf.one_hot(classes, self._classes), (tf.shape(activation)[0], 1))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(repeated)
            score = tf.reduce_sum(self._tail(repeated, training=False) * wanted)
        shape = (tf.shape(activation)[0], count, *activation.shape[1:])
        return tf.reshape(tape.gradient(score, repeated), shape)


class Turn:
    """One of several models of a recipe that share a compiled ``Explainer``: its weights are put in place first."""

    def __init__(self, explainer: Explainer, model: SavedModel) -> None:
        self._explainer, self._model = explainer, model
        self.layer, self.method = explainer.layer, explainer.method

    def maps(self, pictures: Pictures) -> Maps:
        """As ``Explainer.maps``, of all classes."""
        self._explainer.use(self._model)
        return self._explainer.maps(pictures)


def turns(models: Sequence[SavedModel], layer: str | None = None, method: Method = Method.GRAD_CAM) -> list[Turn]:
    """One for each of some models of one recipe, none of which builds or traces a network of its own.

    Raises:
        KeyError: the models have no such layer.
    """
    explainer = Explainer(models[0], layer, method)
    return [Turn(explainer, model) for model in models]


def grad_cam(model: SavedModel, pictures: Pictures, layer: str | None = None) -> Maps:
    """Maps of all classes for ``pictures``; keep an ``Explainer`` where more than one call is to come."""
    return Explainer(model, layer).maps(pictures)


def _keras(model: SavedModel | Network | keras.Model) -> Any:
    if isinstance(model, SavedModel):
        return Network(model.recipe, len(model.class_names), FLOAT32).model
    return model.model if isinstance(model, Network) else model


def _rectified(model: Any, name: str) -> Any:
    """The activation that follows the convolution, or the layer itself where none does before the map ends."""
    if type(model.get_layer(name)).__name__ not in CONVOLUTIONS:
        return model.get_layer(name)
    position = [layer.name for layer in model.layers].index(name)
    for layer in model.layers[position + 1 :]:
        if type(layer).__name__ in CONVOLUTIONS or len(layer.output.shape) != MAP:
            break
        if isinstance(layer, layers.ReLU | layers.LeakyReLU | layers.Activation):
            return layer
    return model.layers[position]
