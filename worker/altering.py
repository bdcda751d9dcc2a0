"""In the child process: what models say of pictures as they are and changed, piece by piece."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.alterations import Alteration
from app.storage import open_store
from worker import featuring
from worker.altering_orders import Altered, AlterOrder
from worker.ml import data, device, predict, saving
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
    turns = predict.Turns()
    for part in order.parts:
        models = [saving.load(store.get(digest)) for digest in part.weights]
        for start, pictures, good in featuring.pieces(part.digests, store, order.recipe, PIECE):
            here = slice(start, start + len(pictures))
            plain = pictures[good]
            changed = alteration.apply(plain, part.sizes[here][good]) if len(plain) else plain
            before, after = _said(turns, models, plain), _said(turns, models, changed)
            send(Altered(part.ids[here][good], before, after))
            done += len(pictures)
            send(Progress("alter", done, total))


def _said(turns: predict.Turns, models: Sequence[saving.SavedModel], pictures: data.Pictures) -> NDArray[np.float32]:
    """The mean of the models."""
    each = [predict.probabilities(turns.network(model), pictures) for model in models]
    mean: NDArray[np.float32] = np.mean(each, axis=0, dtype=np.float32)
    return mean
