"""In the child process: what models say of pictures as they are and changed, piece by piece."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.alterations import Alteration
from app.storage import open_store
from worker import featuring
from worker.altering_orders import Altered, AlterOrder
from worker.ml import data, device, predict, saving
from worker.ml.network import Network
from worker.orders import Message, Progress

PIECE = 128


def run(order: AlterOrder, send: Callable[[Message], None]) -> None:
    """Answer an order; pictures that cannot be read are left out.

    Raises:
        AppError: the weights are missing in the store, or broken.
    """
    device.prepare()
    store = open_store(order.storage)
    alteration = Alteration.parse(order.alteration)
    done, total = 0, sum(len(part.ids) for part in order.parts)
    networks: dict[str, Network] = {}  # the models of a run on machines of several kinds answer in different formats
    for part in order.parts:
        models = [saving.load(store.get(digest)) for digest in part.weights]
        for model in models:
            if model.precision not in networks:
                networks[model.precision] = predict.network(model)
        for start, pictures, good in featuring.pieces(part.digests, store, order.recipe, PIECE):
            here = slice(start, start + len(pictures))
            plain = pictures[good]
            changed = alteration.apply(plain, part.sizes[here][good]) if len(plain) else plain
            before, after = _said(networks, models, plain), _said(networks, models, changed)
            send(Altered(part.ids[here][good], before, after))
            done += len(pictures)
            send(Progress("alter", done, total))


def _said(
    networks: Mapping[str, Network], models: Sequence[saving.SavedModel], pictures: data.Pictures
) -> NDArray[np.float32]:
    """The mean of the models, which take turns in one network of each number format."""
    each = []
    for model in models:
        network = networks[model.precision]
        network.set_weights(model.weights)
        network.set_statistics(model.statistics)
        each.append(predict.probabilities(network, pictures))
    mean: NDArray[np.float32] = np.mean(each, axis=0, dtype=np.float32)
    return mean
