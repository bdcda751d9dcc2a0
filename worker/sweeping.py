"""In the child process: the losses of a short training in which the rate grows with every step."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.domain import rate_search
from app.domain.recipe import Recipe
from app.domain.stages import stages
from app.storage import open_store
from worker import beginning
from worker.feature_cache import StoredFeatures
from worker.ml import data, device, models, rate_finder
from worker.ml.folds import Begin
from worker.ml.reporting import Silent
from worker.orders import Message, Progress
from worker.rate_orders import RateOrder, Swept

REPORT_SECONDS = 0.5


class _Reporter(Silent):
    """Sends progress at most twice a second."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send, self._next = send, 0.0

    def due(self) -> bool:
        """True when something may be sent again."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + REPORT_SECONDS
        return True

    def tell(self, phase: str, done: int, total: int) -> None:
        """How far a part of the work is."""
        if self.due():
            self._send(Progress(phase, done, total))

    def features(self, done: int, total: int) -> None:
        self.tell("features", done, total)


def run(order: RateOrder, send: Callable[[Message], None]) -> None:
    """Train with growing rates until the loss diverges or the rates end; what came out so far is sent now and then."""
    recipe = Recipe.from_json(order.recipe)
    device.prepare(deterministic=recipe.deterministic)
    told = _Reporter(send)
    rates = rate_search.rates()
    begin = Begin(
        cache=_cache(order, send), scratch=Path(order.scratch), weights=Path(order.weights) if order.weights else None,
        start=beginning.start(open_store(order.storage), order.start, order.start_classes),
    )  # fmt: skip
    labels = order.items.labels.astype(np.int64)
    watch, found = rate_search.Watch(), list[float]()
    diverged = False
    steps = rate_finder.losses(
        _pictures(order, recipe, told), labels, recipe, order.class_names, rates, told, begin
    )  # fmt: skip
    for loss in steps:
        diverged = watch.ended(loss)
        if diverged:
            break
        found.append(loss)
        if told.due():
            send(Swept(tuple(found)))
            send(Progress("rates", len(found), len(rates)))
    send(Swept(tuple(found), diverged))


def _cache(order: RateOrder, send: Callable[[Message], None]) -> StoredFeatures:
    precision = models.resolve_precision(Recipe.from_json(order.recipe))
    return StoredFeatures(order, open_store(order.storage), send, precision)


def _pictures(order: RateOrder, recipe: Recipe, told: _Reporter) -> data.Pictures | data.OnDemand:
    store, digests = open_store(order.storage), order.items.digests
    if stages(recipe)[0].cached:
        return data.OnDemand(len(digests), lambda index: store.get(digests[index]), recipe)
    return data.load(
        len(digests),
        lambda index: store.get(digests[index]),
        recipe,
        folder=Path(order.scratch),
        progress=lambda done, total: told.tell("load", done, total),
    )
