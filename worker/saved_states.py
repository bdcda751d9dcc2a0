"""States of a training in the store: written beside the training, and read when it goes on."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from app.domain.errors import AppError
from app.domain.recipe import Recipe
from app.storage import Store
from worker.ml import checkpoint
from worker.ml.checkpoint import State
from worker.orders import Checkpointed, Finished, Message, Restarted, TrainOrder

SHORTEST = 0.9  # seconds between two states; an epoch of a second or more may be followed by one each time
SHARE = 10.0  # the time between two states is so many times what one costs
PAUSE_AFTER_ERROR = 15.0
log = logging.getLogger(__name__)

Send = Callable[[Message], None]


@dataclass(frozen=True)
class _Part:
    digest: str
    size: int


class States:
    """Puts states into the store and reports them, in a thread beside the training and only when it costs little.

    ``send`` must be safe to call from this thread too. A store that is full, or does not answer, costs a state but not
    the training: it is tried again later.
    """

    def __init__(self, store: Store, send: Send) -> None:
        self._store, self._send = store, send
        self._thread = ThreadPoolExecutor(1, "states")
        self._running: Future[None] | None = None
        self._known: dict[str, _Part] = {}
        self._fold = -1
        self._next = time.monotonic() + SHORTEST
        self._asked = 0.0

    def wanted(self, fold: int) -> bool:
        """True when it is time for a state of ``fold``; ``take`` is called next then."""
        if fold != self._fold:
            self._fold, self._known = fold, {}
        self._asked = time.monotonic()
        return self._asked >= self._next and (self._running is None or self._running.done())

    def take(self, state: State) -> None:
        """Write ``state`` and report it; returns at once."""
        self._running = self._thread.submit(self._write, state, self._asked)

    def settle(self) -> None:
        """Wait until nothing is being written: the fold is over."""
        if self._running is not None:
            self._running.result()
        self._next = time.monotonic() + SHORTEST

    def _write(self, state: State, begun: float) -> None:
        try:
            self._put(state)
        except Exception as error:
            # Whatever the store has, the training itself must not end for a state that nobody may ever need.
            log.warning("The state after epoch %s was not kept: %s", state.epoch, error)
            self._next = time.monotonic() + PAUSE_AFTER_ERROR
            return
        self._next = begun + max(SHORTEST, SHARE * (time.monotonic() - begun))

    def _put(self, state: State) -> None:
        new = checkpoint.dump(state, self._known)
        with self._store.batch() as batch:
            written = {name: _Part(batch.put(content), len(content)) for name, content in new.items()}
        needed = checkpoint.names(state)
        self._known = {name: part for name, part in (self._known | written).items() if name in needed}
        blobs = {name: part.digest for name, part in self._known.items()}
        self._send(Checkpointed(state.fold, state.epoch, blobs, sum(part.size for part in self._known.values())))
        # The state itself is never the same twice; only best weights are worth knowing.
        del self._known[checkpoint.STATE]


def states(order: TrainOrder, recipe: Recipe, store: Store, send: Send) -> dict[int, State]:
    """Where the folds of an order go on. A state that cannot be read is said, and its fold begins again."""
    sizes = {plan.fold: len(plan.validation) for plan in order.plans}
    found = {}
    for fold, saved in order.resume.items():
        try:
            parts = {name: store.get(digest) for name, digest in saved.blobs.items()}
            state = checkpoint.load(parts, recipe, len(order.class_names), sizes[fold])
        except AppError as error:
            send(Restarted(fold, error.code))
        else:
            found[fold] = state
    return found


def finished(order: TrainOrder, store: Store, send: Send) -> Mapping[int, Finished]:
    """The models of an order that are there. One whose weights are gone is said, and is trained again."""
    there = {}
    for fold, model in order.finished.items():
        if store.exists(model.weights_sha256):
            there[fold] = model
        else:
            send(Restarted(fold, "blob_missing"))
    return there
