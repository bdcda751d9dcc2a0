"""What a network makes of pictures before it answers: the values that go into its last layer."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.ml.blocks import LOGITS
from worker.ml.data import Pictures
from worker.ml.network import Network

BATCH = 64


class Penultimate:
    """The layers of a network up to the last one; those of a pretrained network in float32.

    Weights and statistics are those that the network has when asked.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._model = keras.Model(network.model.inputs, network.model.get_layer(LOGITS).input)
        size = network.recipe.image_size
        signature = [tf.TensorSpec((None, size, size, 3), tf.uint8)]
        self._call = tf.function(self._compute, autograph=False, input_signature=signature)

    def _compute(self, pictures: tf.Tensor) -> tf.Tensor:
        scaled = self._network.normalise(tf.cast(pictures, tf.float32))
        return tf.cast(self._model(scaled, training=False), tf.float32)

    def rows(self, pictures: Pictures) -> NDArray[np.float32]:
        """The values of (n, size, size, 3) uint8 pictures, (n, width)."""
        found = [np.zeros((0, self._model.output.shape[-1]), np.float32)]
        found += [self._call(pictures[start : start + BATCH]).numpy() for start in range(0, len(pictures), BATCH)]
        return np.concatenate(found)
