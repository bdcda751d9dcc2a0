"""Probabilities of pictures under a trained model."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.ml.data import Pictures
from worker.ml.network import Network
from worker.ml.saving import SavedModel

BATCH = 64


def network(saved: SavedModel, precision: str | None = None) -> Network:
    """The network of a saved model, ready to predict; ``precision`` overrides the one it was trained in."""
    made = Network(saved.recipe, len(saved.class_names), precision or saved.precision)
    made.set_weights(saved.weights)
    made.set_statistics(saved.statistics)
    return made


class Turns:
    """Models of one run that take turns in one network of each number format.

    They answer in different formats where they were trained on machines of several kinds.
    """

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}

    def network(self, saved: SavedModel) -> Network:
        """The network with the weights of ``saved``, until somebody asks for another one."""
        if saved.precision not in self._networks:
            self._networks[saved.precision] = network(saved)
            return self._networks[saved.precision]
        found = self._networks[saved.precision]
        found.set_weights(saved.weights)
        found.set_statistics(saved.statistics)
        return found


def probabilities(
    model: SavedModel | Network, pictures: Pictures, *, should_stop: Callable[[], bool] | None = None
) -> NDArray[np.float32]:
    """What the model says of each picture.

    Args:
        model: a saved model, or a network made from one (cheaper when asked more than once).
        pictures: (n, size, size, 3) uint8, as ``data.load`` gives them.
        should_stop: asked before each batch; when True, only what is done so far is returned.

    Returns:
        (n, classes) float32; rows sum to 1.
    """
    net = model if isinstance(model, Network) else network(model)
    classes = net.model.output.shape[-1]
    parts = [np.zeros((0, classes), np.float32)]
    for start in range(0, len(pictures), BATCH):
        if should_stop is not None and should_stop():
            break
        parts.append(net.probabilities(tf.convert_to_tensor(np.asarray(pictures[start : start + BATCH]))).numpy())
    return np.concatenate(parts)
