"""Features that other jobs have left in the store, and those that this training leaves there for others."""

from collections.abc import Callable

import numpy as np

from app.domain.backbones import method
from app.domain.errors import AppError
from app.domain.recipe import Recipe
from app.storage import Store
from app.storage.arrays import Arrays, pack_one
from worker.ml.frozen import Features, Indices
from worker.orders import FeatureBlock, Message, TrainOrder
from worker.rate_orders import RateOrder


class StoredFeatures:
    """A ``worker.ml.frozen.Cache`` for the pictures of an order; ``precision``: in which they are looked at."""

    def __init__(
        self, order: TrainOrder | RateOrder, store: Store, send: Callable[[Message], None], precision: str
    ) -> None:
        self._digests, self._store, self._send = order.items.digests, store, send
        self._method = method(Recipe.from_json(order.recipe), precision)
        self._known = order.features.get(self._method, {})

    def known(self, places: Indices) -> tuple[Indices, Features]:
        """Those of ``places`` that have features, and these. A picture that could not be read has none."""
        digests, arrays = self._digests, Arrays(self._store)
        found, rows = [], []
        for place in places.tolist():
            if (where := self._known.get(digests[place])) is None:
                continue
            block, row = where
            try:
                features = arrays.one(block)[row]
            except AppError:  # a cleaning has taken it meanwhile: it is computed again
                continue
            if features.any():
                found.append(place)
                rows.append(features)
        if not found:
            return np.zeros(0, np.int64), np.zeros((0, 0), np.float16)
        return np.array(found, np.int64), np.stack(rows).astype(np.float16)

    def keep(self, places: Indices, features: Features) -> None:
        """Put new ones into the store and say so; each picture once."""
        digests = [self._digests[place] for place in places.tolist()]
        first = [place for place, digest in enumerate(digests) if digest not in digests[:place]]
        sha256 = self._store.put(pack_one(np.ascontiguousarray(features[first])))
        self._send(FeatureBlock(tuple(digests[place] for place in first), sha256, self._method))
