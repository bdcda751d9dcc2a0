"""In the child process: what the models of a run say of several views of each picture, piece by piece."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.domain.views import VIEWS, View
from app.storage import open_store
from worker import featuring, views
from worker.judging_orders import JudgeOrder, JudgePiece
from worker.ml import data, device, predict, saving
from worker.orders import Message, Progress

PIECE = 128
Probabilities = NDArray[np.float32]


def run(order: JudgeOrder, send: Callable[[Message], None]) -> None:
    """Answer an order; pictures that cannot be read are left out.

    Raises:
        AppError: the weights are missing in the store, or broken.
    """
    device.prepare()
    store = open_store(order.storage)
    looks, turns = VIEWS[order.views], predict.Turns()
    done, total = 0, sum(len(part.ids) * len(part.weights) for part in order.parts)
    began = time.monotonic()
    for part in order.parts:
        models = [saving.load(store.get(digest)) for digest in part.weights]
        for model in models:  # what the first answer alone costs belongs to no picture
            size = model.recipe.image_size
            predict.probabilities(turns.network(model), np.zeros((PIECE, size, size, 3), np.uint8))
        for start, pictures, good in featuring.pieces(part.digests, store, order.recipe, PIECE):
            ids = part.ids[start : start + len(pictures)][good]
            if len(ids):
                send(JudgePiece(part.role, ids, *_said(turns, models, pictures[good], looks)))
            done += len(pictures) * len(models)
            left = (time.monotonic() - began) / done * (total - done)
            send(Progress("judge", done, total, {"seconds_left": round(left)}))


def _said(
    turns: predict.Turns, models: Sequence[saving.SavedModel], pictures: data.Pictures, looks: Sequence[View]
) -> tuple[NDArray[np.int64], Probabilities, float, float]:
    """The classes of the pictures as they are, the mean over views and models, and how long each of the two took."""
    plain, several = [], []
    first, all_views = 0.0, 0.0
    for model in models:
        each = views.each(partial(predict.probabilities, turns.network(model)), pictures, looks)
        began = time.perf_counter()
        as_it_is = next(each)
        between = time.perf_counter()
        several.append(views.mean([as_it_is, *each]))
        first, all_views = first + between - began, all_views + time.perf_counter() - began
        plain.append(as_it_is)
    return views.mean(plain).argmax(axis=1), views.mean(several), first, all_views
