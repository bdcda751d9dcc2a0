"""All answers of one role of a run as arrays, kept in memory: the rows of a finished run never change."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Prediction, Run, RunItem
from app.domain import calibration, class_scores, confident
from app.domain.confident import Suspicions
from app.domain.enums import PredictionRole

KEPT_BYTES = 200 * 2**20


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

    def softened(self, temperature: float) -> NDArray[np.float32]:
        """Probability of each answer with a temperature, (n,); kept for the temperature asked for last."""
        if self._softened.get("temperature") != temperature:
            found = calibration.softened(self.probabilities, temperature).max(axis=1).astype(np.float32)
            self._softened.update(temperature=temperature, confidence=found)
        kept: NDArray[np.float32] = self._softened["confidence"]
        return kept

    @cached_property
    def _softened(self) -> dict[str, Any]:
        return {}

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of each answer, (n,)."""
        chosen: NDArray[np.float32] = self.probabilities[np.arange(len(self.labels)), self.predicted]
        return chosen


class Kept:
    """The answers read last, as many as fit; safe to use from several threads."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._found: OrderedDict[Any, Answers] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, read: Callable[[], Answers]) -> Answers:
        """What is kept under ``key``, or what ``read`` gives."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
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

    Rows are only ever added to or replaced by others with new ids, so number and newest id tell whether what is kept
    is still true.
    """
    fits = [Prediction.run_id == run.id, Prediction.role == role]
    if fold is not None:
        fits.append(Prediction.fold == fold)
    count, newest = session.execute(sa.select(sa.func.count(), sa.func.max(Prediction.id)).where(*fits)).one()
    key = (run.id, role, fold, count, newest)
    return kept.get(key, lambda: _read(session, fits, classes))


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
