"""All answers of one role of a run as arrays, kept in memory: the rows of a finished run never change."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Job, Prediction, Run, RunItem
from app.domain import calibration, class_scores, confident
from app.domain.confident import Suspicions
from app.domain.enums import PredictionRole

KEPT_BYTES = 200 * 2**20
Softened = tuple[NDArray[np.int64], NDArray[np.float32]]  # positions of classes and their probabilities, each (n,)


@dataclass(frozen=True)
class Answers:
    """What was said of the images of one role, in the order of their ids.

    Attributes:
        items: ids of the run items, (n,).
        images: ids of the images, (n,).
        labels, predicted: positions of classes, (n,).
        probabilities: (n, classes) float32.
    """

    items: NDArray[np.int64]
    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self.probabilities.nbytes + 4 * self.items.nbytes

    @cached_property
    def ranking(self) -> list[tuple[float | None, float | None]]:
        """AUROC and average precision of each class; computed once."""
        return class_scores.ranking(self.labels, self.probabilities)

    @cached_property
    def suspicions(self) -> Suspicions:
        """Labels that are probably wrong; computed once."""
        return confident.suspicions(self.labels, self.probabilities)

    @cached_property
    def temperature(self) -> float | None:
        """The temperature that fits these answers; computed once."""
        return calibration.temperature(self.probabilities, self.labels)

    def softened(self, temperature: float, models: Callable[[], Sequence["Answers"]] | None = None) -> Softened:
        """The answers with a temperature; kept for the temperature asked for last.

        ``models`` gives what the models say whose mean these answers are: each is softened, then the mean taken.
        """
        key = (temperature, models is None)
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
        return {}

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of each answer, (n,)."""
        chosen: NDArray[np.float32] = self.probabilities[np.arange(len(self.labels)), self.predicted]
        return chosen


class Sized(Protocol):
    """What can be kept."""

    @property
    def size(self) -> int:
        """Bytes in memory."""


T = TypeVar("T", bound=Sized)


class Kept:
    """The answers read last and what was made of them, as many as fit; safe to use from several threads."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._found: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

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
            while len(self._found) > 1 and sum(one.size for one in self._found.values()) > self._most:
                self._found.popitem(last=False)
        return made


def load(
    session: Session, kept: Kept, run: Run, role: PredictionRole, classes: int, fold: int | None = None
) -> Answers:
    """The answers of one role; ``fold`` with the role TEST_FOLD.

    Number and newest id tell whether what is kept is still true, with the attempt of the job: SQLite gives the ids of
    the last rows out again, so the next attempt may write as many others with the same ids.
    """
    fits = [Prediction.run_id == run.id, Prediction.role == role]
    if fold is not None:
        fits.append(Prediction.fold == fold)
    state = session.execute(sa.select(sa.func.count(), sa.func.max(Prediction.id), attempt(run)).where(*fits)).one()
    return kept.get((run.id, role, fold, *state), lambda: _read(session, fits, classes))


def attempt(run: Run) -> sa.ScalarSelect[int]:
    """Which attempt of its job has the run, as a part of a statement."""
    return sa.select(Job.attempt).where(Job.id == run.job_id).scalar_subquery()


def _read(session: Session, fits: list[sa.ColumnElement[bool]], classes: int) -> Answers:
    query = (
        sa.select(Prediction.item_id, RunItem.image_id, RunItem.label, Prediction.predicted, Prediction.probabilities)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(*fits)
        .order_by(Prediction.item_id)
    )
    rows = session.execute(query).all()
    if not rows:
        none = np.zeros(0, np.int64)
        return Answers(none, none, none, none, np.zeros((0, classes), np.float32))
    items, images, labels, predicted, blobs = zip(*rows, strict=True)
    probabilities = np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1)
    return Answers(
        np.array(items, np.int64),
        np.array(images, np.int64),
        np.array(labels, np.int64),
        np.array(predicted, np.int64),
        probabilities,
    )
