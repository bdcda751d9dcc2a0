"""Features of pictures from a network that was trained on ImageNet: 1,280 numbers in which like things lie close."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.ml import backbone, device, folded
from worker.ml.data import Pictures

BATCH = 32
SIZE = 160  # pixels; larger is slower and hardly better, see docs/engine.md

Features = NDArray[np.float32]
"""(n, 1280) float32."""


class Extractor:
    """The backbone with its compiled function; made once, used for many sets.

    Args:
        size: side of the square pictures.
        precision: as ``device.resolve_precision`` gives it.

    Raises:
        AppError: see ``backbone.imagenet``.
    """

    def __init__(self, size: int = SIZE, precision: str = device.FLOAT32) -> None:
        self.size = size
        model = backbone.build(size, precision)
        backbone.load(model.layers)
        self._model = folded.fold(model)
        signature = [tf.TensorSpec((None, size, size, 3), tf.uint8)]
        self._call = tf.function(self._compute, input_signature=signature)

    def _compute(self, pictures: tf.Tensor) -> tf.Tensor:
        return self._model(tf.cast(pictures, tf.float32), training=False)

    def features(
        self,
        pictures: Pictures,
        *,
        progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Features:
        """The features of (n, size, size, 3) uint8 pictures, 32 at a time.

        Args:
            progress: called with (done, total) after each batch.
            should_stop: asked before each batch; after True the features of the batches done so far are returned.
        """
        found = np.empty((len(pictures), backbone.FEATURES), np.float32)
        for start in range(0, len(pictures), BATCH):
            if should_stop is not None and should_stop():
                return found[:start]
            part = slice(start, start + BATCH)
            found[part] = self._call(pictures[part]).numpy()
            if progress is not None:
                progress(min(start + BATCH, len(pictures)), len(pictures))
        return found
