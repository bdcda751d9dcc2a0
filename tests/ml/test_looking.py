"""Channels of a layer and its filters: those of the network itself, the strongest first."""

import base64
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from app.config import Settings
from app.domain.recipe import Recipe
from app.storage import LocalStore
from tests.inspect import factory
from worker.answering import Answering
from worker.looking_orders import LookOrder
from worker.ml import data, looking, saving
from worker.ml.network import Network

pytestmark = pytest.mark.ml

RECIPE = Recipe(architecture="conv2", image_size=32, precision="float32")


def pixels(text):
    with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
        return np.asarray(picture.convert("RGB"), int)


def test_look__shows_the_strongest_channels_and_their_filters(tmp_path):
    store = LocalStore(tmp_path / "store")
    net = Network(RECIPE, 3, "float32")
    net.initialise((3,))
    saved = saving.SavedModel(RECIPE, ("a", "b", "c"), net.weights(), None, "float32", 1, {}, {})
    weights = store.put(saving.dump(saved))
    content = factory.drawing(1, 3)
    picture = store.put(content)
    address = Settings(data_dir=tmp_path).store_address
    found = Answering(2**28).look(LookOrder(address, RECIPE.to_json(), weights, picture, "conv1"))
    x = net.normalise(tf.cast(data.square(content, RECIPE)[None], tf.float32))
    for layer in net.model.layers[1:]:
        x = layer(x, training=False)
        if layer.name == "relu1":
            break
    seen = x.numpy()[0]
    assert found.shape == list(seen.shape)
    assert found.channels == looking.strongest(seen).tolist() == np.argsort(-seen.mean(axis=(0, 1))).tolist()[:48]
    np.testing.assert_allclose(found.highest, seen.max(axis=(0, 1))[found.channels], rtol=1e-5)
    maps, filters = pixels(found.maps), pixels(found.filters)
    first = np.asarray(
        Image.fromarray(np.rint(seen[..., found.channels[0]] / seen.max() * 255).astype(np.uint8)).resize(
            (56, 56), Image.Resampling.NEAREST
        ),
        int,
    )
    assert np.abs(maps[:56, :56, 0] - first).max() <= 1
    kernel = net.model.get_layer("conv1").kernel.numpy()[..., found.channels[1]]
    corner = kernel[0, 0] / (2 * np.abs(kernel).max()) + 0.5
    assert np.abs(filters[0, 60] - corner * 255).max() <= 1
    assert found.kernel == [3, 3, 3]
