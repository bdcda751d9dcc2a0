"""In the child process: what the models of a run make of its pictures before they answer, in few numbers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.domain import space
from app.domain.layout import WIDTH
from app.storage import open_store
from worker import featuring
from worker.map_orders import Embedded, EmbedOrder
from worker.ml import device, predict, saving
from worker.ml.penultimate import Penultimate
from worker.orders import Message, Progress

PIECE = 256


def run(order: EmbedOrder, send: Callable[[Message], None]) -> None:
    """Answer an order; pictures that cannot be read are left out.

    Raises:
        AppError: the weights are missing in the store, or broken.
    """
    device.prepare()
    store = open_store(order.storage)
    models = [saving.load(store.get(digest)) for digest in order.weights]
    network = predict.network(models[0])
    last = Penultimate(network)
    each: list[list[NDArray[np.float16]]] = [[] for _ in models]
    places = [np.zeros(0, np.int64)]
    for start, pictures, good in featuring.pieces(order.digests, store, order.recipe, PIECE):
        places.append(start + np.flatnonzero(good))
        for model, found in zip(models, each, strict=True):
            network.set_weights(model.weights)
            network.set_statistics(model.statistics)
            found.append(last.rows(pictures[good]).astype(np.float16))
        send(Progress("features", start + len(pictures), len(order.digests)))
    kept = np.concatenate(places)
    few = leading([np.concatenate(found) for found in each]) if len(kept) else np.zeros((0, 1), np.float32)
    send(Embedded(kept, few))


def leading(each: list[NDArray[np.float16]]) -> NDArray[np.float32]:
    """The rows (n, width) of several models side by side in at most WIDTH directions; every model counts alike."""
    found = []
    for rows in each:
        whole = rows.astype(np.float32)
        unit = space.unit(np.nan_to_num(whole - space.centre(whole)))
        found.append(space.reduce(unit, space.basis(unit, WIDTH))[0])
    if len(found) == 1:
        return found[0]
    side = np.concatenate(found, axis=1)
    return space.reduce(side, space.basis(side, WIDTH))[0]
