"""A network that was written with Keras is the same network here: the same weights give the same answers."""

import keras
import numpy as np
import pytest
from keras import layers

from app.domain.recipe import Recipe
from worker.ml import models

pytestmark = pytest.mark.ml


def written() -> keras.Model:
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(12, activation="relu")(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


@pytest.mark.parametrize("sequential", [False, True])
def test_model__from_its_json_says_the_same_with_the_same_weights(sequential):
    theirs = written()
    if sequential:
        theirs = keras.Sequential([keras.Input((32, 32, 3)), *theirs.layers[1:]])
    ours = models.build(
        Recipe().updated({"architecture": "own", "layers": theirs.to_json(), "image_size": 32}), classes=4
    )
    assert ours.count_params() == theirs.count_params()
    ours.set_weights(theirs.get_weights())
    pictures = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    np.testing.assert_allclose(ours(pictures), theirs(pictures), atol=1e-5)
