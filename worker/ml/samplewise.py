"""What is done with each picture by itself, by its own mean and deviation: before anything that is of all pictures."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.recipe_fields import SAMPLEWISE

_ONLY_CENTRE = SAMPLEWISE[0]
AGAINST_ZERO = 1e-6  # added to deviations, as Keras does


def applied(scaled: Any, step: str) -> Any:
    """Pictures (n, size, size, 3), a tensor on the scale 0 to 1, after ``step``; as they are for "no step"."""
    if not step:
        return scaled
    mean, variance = tf.nn.moments(scaled, (1, 2, 3), keepdims=True)
    centred = scaled - mean
    return centred if step == _ONLY_CENTRE else centred / (tf.sqrt(variance) + AGAINST_ZERO)


def fitted(pictures: NDArray[np.uint8], step: str) -> NDArray[np.float64]:
    """The same of bytes, exactly, for what is fitted on them."""
    scaled = pictures / 255
    centred: NDArray[np.float64] = scaled - scaled.mean(axis=(1, 2, 3), keepdims=True)
    if step == _ONLY_CENTRE:
        return centred
    centred /= scaled.std(axis=(1, 2, 3), keepdims=True) + AGAINST_ZERO
    return centred
