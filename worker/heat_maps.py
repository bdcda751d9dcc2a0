"""Heat maps as small grey pictures in the store."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.domain.explaining import OF_PIXELS, Method
from app.storage import Store
from worker.ml.data import Pictures
from worker.ml.explain import Turn
from worker.orders import HeatMap, HeatMaps

CHUNK = 64  # images whose maps are made, stored and reported together
FEW = 4  # the same of the ways that ask the network many times for each: progress is seen to move
MOST_SLOW = 60  # images of one model whose maps are made in such a way before anybody asks: a minute or less


def make(
    explainers: Sequence[Turn],
    pictures: Pictures,
    item_ids: NDArray[np.int64],
    classes: Sequence[Sequence[int]],
    fold: int,
    store: Store,
) -> HeatMaps:
    """Make the maps of some images, the mean over ``explainers``, and put them into the store.

    Args:
        explainers: one for each model; all look at the same layer in the same way.
        pictures: (n, size, size, 3) uint8.
        item_ids: (n,) rows of the run.
        classes: for each image the positions of the classes that are wanted.
        fold: the model, or -1 for the mean of all.
        store: where the pictures go, durably, before they are reported.
    """
    maps = np.stack([explainer.maps(pictures) for explainer in explainers]).mean(axis=0)
    made = []
    with store.batch() as batch:
        for index, item_id in enumerate(item_ids.tolist()):
            for position in classes[index]:
                content, peak = grey_png(maps[index, position])
                where = (item_id, fold, explainers[0].layer, position)
                made.append(HeatMap(*where, batch.put(content), peak, explainers[0].method))
    return HeatMaps(tuple(made))


def at_once(method: Method) -> int:
    """Images whose maps are made, stored and reported together."""
    return FEW if method in OF_PIXELS else CHUNK


def grey_png(values: NDArray[np.float32]) -> tuple[bytes, float]:
    """A map (h, w) as a grey PNG that ends at its own peak, and that peak; an empty map is black."""
    peak = float(values.max(initial=0.0))
    scaled = np.rint(values * (255.0 / peak)) if peak > 0 else np.zeros_like(values)
    out = io.BytesIO()
    Image.fromarray(scaled.astype(np.uint8)).save(out, "PNG")
    return out.getvalue(), peak
