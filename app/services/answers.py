"""All answers of one role of a run as arrays: from its file of arrays, else from its rows; kept in memory.

The rows of a finished run never change. What is made of them alone (``Known``) lies in the file too, so that the first
look costs no more than the next.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Prediction, Run, RunItem
from app.domain import calibration, class_scores, confident, metrics
from app.domain.confident import Suspicions
from app.domain.enums import PredictionRole
from app.services import packs
from app.storage import Store
from app.storage.packed import Packed

KEPT_BYTES = 200 * 2**20
KEPT_MOST = 300  # each file that is mapped takes an open file of the process
_ROWS = 5000  # that are read at once
_SUSPECT = ("places", "suggested", "trust", "joint")
Softened = tuple[NDArray[np.int64], NDArray[np.float32]]  # positions of classes and their probabilities, each (n,)
Ranking = list[tuple[float | None, float | None]]


@dataclass(frozen=True)
class Known:
    """What was computed when the answers were packed; None for what was not.

    ``softened``: a temperature, whether it softens the answers of several models, and what it makes of the answers.
    """

    ranking: Ranking | None = None
    suspicions: Suspicions | None = None
    temperature: float | None = None
    softened: tuple[float, bool, Softened] | None = None
    confidence: NDArray[np.float32] | None = None
    truth: NDArray[np.float32] | None = None
    ties: int | None = None


@dataclass(frozen=True)
class Answers:
    """What was said of the images of one role, in the order of their ids.

    Attributes:
        items: ids of the run items, (n,).
        images: ids of the images, (n,).
        labels, predicted: positions of classes, (n,).
        folds: the models that answered, (n,).
        probabilities: (n, classes) float32.
    """

    items: NDArray[np.int64]
    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    folds: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    known: Known = field(default_factory=Known)
    mapped: bool = False  # the arrays lie in a file of this machine

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return 0 if self.mapped else self.probabilities.nbytes + 5 * self.items.nbytes

    @cached_property
    def ranking(self) -> Ranking:
        """AUROC and average precision of each class; computed once."""
        return self.known.ranking or class_scores.ranking(self.labels, self.probabilities)

    @cached_property
    def suspicions(self) -> Suspicions:
        """Labels that are probably wrong; computed once."""
        return self.known.suspicions or confident.suspicions(self.labels, self.probabilities)

    @cached_property
    def temperature(self) -> float | None:
        """The temperature that fits these answers; computed once."""
        return self.known.temperature or calibration.temperature(self.probabilities, self.labels)

    @cached_property
    def truth(self) -> NDArray[np.float32]:
        """Probability of the label of each image, (n,)."""
        if self.known.truth is not None:
            return self.known.truth
        found: NDArray[np.float32] = self.probabilities[np.arange(len(self.labels)), self.labels]
        return found

    @cached_property
    def ties(self) -> int:
        """How many images have several classes with the largest probability, of which the first one is the answer."""
        if self.known.ties is not None:
            return self.known.ties
        largest = self.probabilities.max(axis=1, keepdims=True, initial=0.0)
        return int(((self.probabilities == largest).sum(axis=1) > 1).sum())

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """Cross-entropy of each image, (n,)."""
        return metrics.loss_of(self.truth)

    def softened(self, temperature: float, models: Callable[[], Sequence["Answers"]] | None = None) -> Softened:
        """The answers with a temperature; kept for the temperature asked for last.

        ``models`` gives what the models say whose mean these answers are: each is softened, then the mean taken.
        """
        key = (temperature, models is not None)
        found = self._softened.get(key)
        if found is None:
            each = [one.probabilities for one in (models() if models else []) if np.array_equal(one.items, self.items)]
            each = each or [self.probabilities]  # one model, whose answers are these
            mean = np.zeros(self.probabilities.shape)
            for one in each:
                mean += calibration.softened(one, temperature) / len(each)
            found = mean.argmax(axis=1), mean.max(axis=1).astype(np.float32)
            self._softened.clear()
            self._softened[key] = found
        return found

    @cached_property
    def _softened(self) -> dict[Any, Softened]:
        known = self.known.softened
        return {} if known is None else {known[:2]: known[2]}

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of each answer, (n,)."""
        if self.known.confidence is not None:
            return self.known.confidence
        chosen: NDArray[np.float32] = self.probabilities[np.arange(len(self.labels)), self.predicted]
        return chosen


class Sized(Protocol):
    """What can be kept."""

    @property
    def size(self) -> int:
        """Bytes in memory."""


T = TypeVar("T", bound=Sized)


class Kept:
    """The answers read last and what was made of them, as many as fit; safe to use from several threads.

    Args:
        store: where the files of arrays lie; without one the rows are read.
        most: bytes of memory.
    """

    def __init__(self, store: Store | None = None, most: int = KEPT_BYTES) -> None:
        self.store, self._most = store, most
        self._found: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def _full(self) -> bool:
        return len(self._found) > KEPT_MOST or sum(one.size for one in self._found.values()) > self._most

    def get(self, key: Any, read: Callable[[], T]) -> T:
        """What is kept under ``key``, or what ``read`` gives."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                known: T = self._found[key]
                return known
        made = read()
        with self._lock:
            self._found[key] = made
            while len(self._found) > 1 and self._full:
                self._found.popitem(last=False)
        return made


def load(
    session: Session,
    kept: Kept,
    run: Run,
    role: PredictionRole,
    classes: int,
    fold: int | None = None,
    state: packs.State | None = None,
) -> Answers:
    """The answers of one role; ``fold`` with the role TEST_FOLD, ``state`` where it is known."""
    state = state or packs.state(session, run, role, fold)
    return kept.get((run.id, role, fold, state), lambda: _found(session, kept.store, run, role, classes, fold, state))


def every(session: Session, kept: Kept, run: Run, classes: int) -> dict[tuple[PredictionRole, int | None], Answers]:
    """The answers of all roles that the run has; those of TEST_FOLD model by model."""
    known = packs.states(session, run)
    parts = {(role, fold if role is PredictionRole.TEST_FOLD else None) for role, fold in known}
    found = {}
    for role, fold in sorted(parts, key=str):
        state = packs.together(one for key, one in known.items() if key[0] is role and fold in (None, key[1]))
        found[role, fold] = load(session, kept, run, role, classes, fold, state)
    return found


def _found(
    session: Session,
    store: Store | None,
    run: Run,
    role: PredictionRole,
    classes: int,
    fold: int | None,
    state: packs.State,
) -> Answers:
    file = packs.find(session, store, run, role, fold, state) if store else None
    if file is not None:
        try:
            return unpacked(file)
        except packs.UNUSABLE as error:
            packs.log.warning("The packed answers of run %s cannot be used: %s", run.id, error)
    return _read(session, packs.fitting(run, role, fold), classes)


def _read(session: Session, fits: list[sa.ColumnElement[bool]], classes: int) -> Answers:
    query = (
        sa.select(
            Prediction.item_id,
            RunItem.image_id,
            RunItem.label,
            Prediction.predicted,
            Prediction.fold,
            Prediction.probabilities,
        )
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(*fits)
        .order_by(Prediction.item_id)
    )
    numbers, probabilities = [np.zeros((5, 0), np.int64)], [np.zeros((0, classes), np.float32)]
    for part in session.execute(query.execution_options(yield_per=_ROWS)).partitions():
        *columns, blobs = zip(*part, strict=True)
        numbers.append(np.array(columns, np.int64))
        probabilities.append(np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1))
    items, images, labels, predicted, folds = np.concatenate(numbers, axis=1)
    return Answers(items, images, labels, predicted, folds.astype(np.int32), np.concatenate(probabilities))


def packed(said: Answers) -> tuple[dict[str, packs.Array], dict[str, Any]]:
    """The arrays of a file with ``said`` and with what was computed of it so far, and the note of the file."""
    names = ("items", "images", "labels", "predicted", "folds", "probabilities", "confidence", "truth")
    arrays = {name: getattr(said, name) for name in names}
    none = float("nan")
    arrays["ranking"] = np.array([[none if one is None else one for one in pair] for pair in said.ranking], "<f8")
    note: dict[str, Any] = {"ties": said.ties}
    if "suspicions" in said.__dict__:
        arrays |= {f"suspect_{name}": getattr(said.suspicions, name) for name in _SUSPECT}
    if "temperature" in said.__dict__:
        note["temperature"] = said.temperature
    for (temperature, several), (predicted, confidence) in said.__dict__.get("_softened", {}).items():
        arrays |= {"soft_predicted": predicted, "soft_confidence": confidence}
        note["softened"] = [temperature, several]
    return arrays, note


def unpacked(file: Packed) -> Answers:
    """The answers of a file that was made of ``packed``.

    Raises:
        KeyError, ValueError: the file is damaged, or not such a one.
    """
    ranking = file.get("ranking").tolist()
    softened = file.note.get("softened")
    known = Known(
        ranking=[(_defined(auroc), _defined(ap)) for auroc, ap in ranking],
        suspicions=Suspicions(*(file.get(f"suspect_{name}") for name in _SUSPECT))
        if "suspect_places" in file
        else None,
        temperature=file.note.get("temperature"),
        softened=(softened[0], softened[1], (file.get("soft_predicted"), file.get("soft_confidence")))
        if softened
        else None,
        confidence=file.get("confidence"),
        truth=file.get("truth"),
        ties=file.note.get("ties"),
    )
    items, images, labels, predicted = (file.get(name) for name in ("items", "images", "labels", "predicted"))
    return Answers(
        items, images, labels, predicted, file.get("folds"), file.get("probabilities"), known, mapped=file.mapped
    )


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
