"""In the child process: features of many pictures, or what a run says of many pictures, piece by piece."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from app.domain import agreement
from app.domain.recipe import Recipe
from app.storage import Store, open_store
from app.storage.arrays import pack_one
from worker.ml import data, device, features, predict, saving
from worker.ml.ahead import ahead
from worker.orders import AskOrder, FeatureBlock, FeatureOrder, Message, Progress, Said

BLOCK = 512  # pictures whose features lie in one array of the store
PIECE = 256  # pictures that a run is asked about at once
THREADS = 4
log = logging.getLogger(__name__)


def run(order: FeatureOrder, send: Callable[[Message], None]) -> None:
    """Compute the features of an order; what is reported is in the store.

    A picture that cannot be read gets a row of zeros, so that it does not stop the others, now or later.

    Raises:
        AppError: the weights of the network are not on this machine, or broken.
    """
    device.prepare()
    store = open_store(order.storage)
    extractor = features.Extractor(Recipe.from_json(order.recipe).image_size)
    total = len(order.digests)
    for start, pictures, good in pieces(order.digests, store, order.recipe, BLOCK):

        def tell(done: int, _all: int, start: int = start) -> None:
            send(Progress("features", start + done, total))

        found = extractor.features(pictures, progress=tell)
        found[~good] = 0
        digests = order.digests[start : start + len(pictures)]
        send(FeatureBlock(digests, store.put(pack_one(found.astype(np.float16)))))


def ask(order: AskOrder, send: Callable[[Message], None]) -> None:
    """Ask all models of a run about the pictures of an order.

    Raises:
        AppError: the weights are missing in the store, or broken.
    """
    device.prepare()
    store = open_store(order.storage)
    networks = [predict.network(saving.load(store.get(digest))) for digest in order.weights]
    for start, pictures, good in pieces(order.digests, store, order.recipe, PIECE):
        each: NDArray[np.float32] = np.stack([predict.probabilities(one, pictures) for one in networks])[:, good]
        send(Said(order.ids[start : start + len(pictures)][good], each.mean(axis=0), agreement.spread(each)))
        send(Progress("suggest", start + len(pictures), len(order.digests)))


def pieces(
    digests: Sequence[str], store: Store, recipe: dict[str, object], size: int
) -> Iterator[tuple[int, data.Pictures, NDArray[np.bool_]]]:
    """The pictures in pieces of ``size``, where each begins, and which of them could be read.

    The next piece is read meanwhile. A picture that could not be read is black.
    """
    wanted = Recipe.from_json(recipe)
    with ThreadPoolExecutor(THREADS) as readers:

        def piece(start: int) -> tuple[data.Pictures, NDArray[np.bool_]]:
            squares = list(readers.map(lambda digest: _square(store, digest, wanted), digests[start : start + size]))
            side = wanted.image_size
            blank = np.zeros((side, side, 3), dtype=np.uint8)
            good = np.array([square is not None for square in squares])
            return np.stack([blank if square is None else square for square in squares]), good

        for start, (pictures, good) in ahead(piece, range(0, len(digests), size)):
            yield start, pictures, good


def _square(store: Store, digest: str, recipe: Recipe) -> data.Pictures | None:
    try:
        return data.square(store.get(digest), recipe)
    except Exception as error:  # whatever Pillow raises for damaged bytes; the command "check" names such files
        log.warning("The picture %s cannot be read: %s", digest[:12], error)
        return None
