"""Tests on changed pictures: every picture is judged by its own models, as it is and changed."""

import numpy as np
import pytest

from app.config import Settings
from app.domain.alterations import Alteration, Change
from app.domain.recipe import Recipe
from app.storage import LocalStore
from tests.inspect import factory
from worker import altering
from worker.altering_orders import Altered, AlterOrder, AlterPart
from worker.ml import data, predict, saving
from worker.ml.network import Network
from worker.orders import Message, Progress

pytestmark = pytest.mark.ml

RECIPE = Recipe(architecture="conv2", image_size=24, precision="float32")


def test_run__asks_the_models_of_each_part_before_and_after(tmp_path):
    store = LocalStore(tmp_path / "store")
    net, models = Network(RECIPE, 3, "float32"), []
    for seed in range(2):
        net.initialise((seed,))
        models.append(saving.SavedModel(RECIPE, ("a", "b", "c"), net.weights(), None, "float32", 1, {}, {}))
    weights = tuple(store.put(saving.dump(model)) for model in models)
    digests = tuple(store.put(factory.drawing(place % 3, place)) for place in range(4))
    broken = store.put(b"no picture")
    sizes = np.full((3, 2), 100)
    parts = (
        AlterPart(weights, np.array([1, 2, 3]), (digests[0], broken, digests[1]), sizes),
        AlterPart(weights[1:], np.array([4, 5]), digests[2:], sizes[:2]),
    )
    sent: list[Message] = []
    address = Settings(data_dir=tmp_path).store_address
    altering.run(AlterOrder(address, RECIPE.to_json(), parts, {"change": "flip"}), sent.append)
    heard = [message for message in sent if isinstance(message, Altered)]
    assert [one.ids.tolist() for one in heard] == [[1, 3], [4, 5]], "a picture that cannot be read is left out"
    assert [(one.done, one.total) for one in sent if isinstance(one, Progress)] == [(3, 5), (5, 5)]
    pictures = np.stack([data.square(store.get(digest), RECIPE) for digest in digests])
    changed = Alteration(Change.FLIP).apply(pictures, np.full((4, 2), 100))
    for some, places, used in zip(heard, (slice(0, 2), slice(2, 4)), (models, models[1:]), strict=True):
        for found, shown in ((some.before, pictures), (some.after, changed)):
            each = [predict.probabilities(model, shown[places]) for model in used]
            np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)
