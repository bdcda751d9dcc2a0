"""Where a run is right and wrong: its frozen predictions, counted, filtered and put in order.

Everything here is computed from the run's own rows (``RunItem``, ``Prediction``, ``RunClass``). The only present-day
values are those of ``Entry`` whose names begin with ``now_``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import Prediction, Run, RunClass, RunItem
from app.domain import metrics
from app.domain.enums import PredictionRole

MEAN = -1  # the fold number under which the mean of the K models is stored


class Show(StrEnum):
    """Which answers are listed."""

    WRONG = "wrong"
    RIGHT = "right"
    ALL = "all"
    RANDOM = "random"  # right and wrong ones in an order drawn with a seed


class Sort(StrEnum):
    """In which order."""

    SURE = "sure"
    UNSURE = "unsure"
    LOSS = "loss"
    ORDER = "order"  # as the images were imported


@dataclass(frozen=True)
class Filter:
    """Which predictions of a run, and in which order. ``true``, ``predicted`` and ``either`` are class positions."""

    role: PredictionRole = PredictionRole.TEST
    fold: int | None = None  # only with TEST_FOLD: the model
    true: int | None = None
    predicted: int | None = None
    either: int | None = None  # the class is the true one, the answer, or both
    low: float | None = None  # least confidence
    high: float | None = None  # the confidence stays below
    show: Show = Show.WRONG
    sort: Sort = Sort.SURE
    seed: int = 0


@dataclass(frozen=True)
class Summary:
    """The counts of one role and everything that follows from them."""

    role: PredictionRole
    fold: int | None
    classes: list[RunClass]
    matrix: NDArray[np.int64]  # (classes, classes), row = true class
    total: int
    correct: int
    accuracy: float | None
    interval: metrics.Interval | None
    scores: list[metrics.ClassScore]
    macro: metrics.Macro
    pairs: list[metrics.Pair]
    chance: float
    majority: float | None

    @property
    def wrong(self) -> int:
        """Images with a wrong answer."""
        return self.total - self.correct


@dataclass(frozen=True)
class Entry:
    """One image with what the run said of it. ``label`` is the label the run saw, ``now_class_id`` today's."""

    item_id: int
    image_id: int
    name: str
    width: int
    height: int
    canonical_sha256: str
    thumbnail_sha256: str
    label: int
    predicted: int
    confidence: float
    probabilities: NDArray[np.float32]  # (classes,)
    fold: int
    now_class_id: int | None
    now_version: int

    @property
    def right(self) -> bool:
        """True when the answer is the label that the run saw."""
        return self.label == self.predicted

    def top(self, count: int = 5) -> list[tuple[int, float]]:
        """The most probable classes (position, probability), the true class always among them."""
        order = [int(place) for place in np.argsort(-self.probabilities, kind="stable")]
        chosen = order[:count]
        if self.label not in chosen:
            chosen[-1] = self.label
        return [(place, float(self.probabilities[place])) for place in chosen]


@dataclass(frozen=True)
class ModelAnswer:
    """What one model, or the mean of all (fold -1), says of an image."""

    fold: int
    predicted: int
    probabilities: NDArray[np.float32]


def classes(session: Session, run: Run) -> list[RunClass]:
    """The classes as the run saw them, by position."""
    query = sa.select(RunClass).where(RunClass.run_id == run.id).order_by(RunClass.position)
    return list(session.scalars(query))


def summary(session: Session, run: Run, role: PredictionRole, fold: int | None = None) -> Summary:
    """Counts and scores of one role; two queries, whatever the number of images."""
    named = classes(session, run)
    matrix = _matrix(session, run, role, fold, len(named))
    total, correct = int(matrix.sum()), int(np.trace(matrix))
    scores = metrics.per_class(matrix)
    return Summary(
        role=role,
        fold=fold,
        classes=named,
        matrix=matrix,
        total=total,
        correct=correct,
        accuracy=metrics.accuracy(matrix),
        interval=metrics.wilson(correct, total),
        scores=scores,
        macro=metrics.macro(scores),
        pairs=metrics.most_confused(matrix),
        chance=metrics.chance(max(len(named), 1)),
        majority=metrics.majority(matrix),
    )


def has(session: Session, run: Run, role: PredictionRole) -> bool:
    """Whether the run left any answer of this role; as fast with many as with few."""
    query = sa.select(Prediction.id).where(Prediction.run_id == run.id, Prediction.role == role)
    return session.scalar(query.limit(1)) is not None


def counts(session: Session, run: Run) -> dict[tuple[PredictionRole, int], tuple[int, int]]:
    """(images, right answers) of every role and model of the run, in one query."""
    right = sa.func.sum(sa.case((RunItem.label == Prediction.predicted, 1), else_=0))
    query = (
        sa.select(Prediction.role, Prediction.fold, sa.func.count(), right)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(Prediction.run_id == run.id)
        .group_by(Prediction.role, Prediction.fold)
        .order_by(Prediction.role, Prediction.fold)
    )
    return {
        (PredictionRole(role), fold): (int(total), int(correct))
        for role, fold, total, correct in session.execute(query)
    }


def loss(session: Session, run: Run, role: PredictionRole, fold: int | None = None) -> float | None:
    """Mean cross-entropy of one role; None without images."""
    rows = session.execute(
        _select(run, Filter(role, fold, show=Show.ALL), RunItem.label, Prediction.probabilities)
    ).all()
    if not rows:
        return None
    labels = np.array([label for label, _ in rows])
    return float(metrics.losses(labels, _decode([blob for _, blob in rows])).mean())


def mistakes(session: Session, run: Run, chosen: Filter) -> NDArray[np.int64]:
    """The ids of the run items that match, in order; right answers too when ``chosen`` asks for them."""
    if chosen.show is Show.RANDOM:
        ids = _ids(session, run, chosen, Prediction.item_id)
        return np.random.default_rng(chosen.seed).permutation(ids)
    if chosen.sort is Sort.LOSS:
        columns = (Prediction.item_id, RunItem.label, Prediction.probabilities)
        rows = session.execute(_select(run, chosen, *columns).order_by(Prediction.item_id)).all()
        if not rows:
            return np.zeros(0, np.int64)
        values = metrics.losses(np.array([row[1] for row in rows]), _decode([row[2] for row in rows]))
        return np.array([row[0] for row in rows], np.int64)[np.argsort(-values, kind="stable")]
    first = {Sort.SURE: Prediction.confidence.desc(), Sort.UNSURE: Prediction.confidence.asc()}.get(chosen.sort)
    return _ids(session, run, chosen, *([] if first is None else [first]), Prediction.item_id)


def entries(session: Session, run: Run, chosen: Filter, item_ids: Iterable[int]) -> list[Entry]:
    """The entries of these items, in the order given; at most a page of them (one query)."""
    wanted = [int(item_id) for item_id in item_ids]
    query = (
        _select(run, Filter(chosen.role, chosen.fold, show=Show.ALL), RunItem, Prediction, Image)
        .join(Image, Image.id == RunItem.image_id)
        .where(RunItem.id.in_(wanted))
    )
    found = {item.id: _entry(item, prediction, image) for item, prediction, image in session.execute(query)}
    return [found[item_id] for item_id in wanted if item_id in found]


def answers(session: Session, run: Run, item_id: int) -> list[ModelAnswer]:
    """What every model of the run says of one image, the mean first."""
    query = sa.select(Prediction).where(Prediction.run_id == run.id, Prediction.item_id == item_id)
    return [
        ModelAnswer(row.fold, row.predicted, _decode([row.probabilities])[0])
        for row in session.scalars(query.order_by(Prediction.fold))
    ]


def _matrix(session: Session, run: Run, role: PredictionRole, fold: int | None, size: int) -> NDArray[np.int64]:
    chosen = Filter(role, fold, show=Show.ALL)
    columns = (RunItem.label, Prediction.predicted)
    query = _select(run, chosen, *columns, sa.func.count()).group_by(*columns)
    matrix = np.zeros((size, size), np.int64)
    for label, predicted, count in session.execute(query):
        matrix[label, predicted] = count
    return matrix


def _select(run: Run, chosen: Filter, *columns: Any) -> sa.Select[*tuple[Any, ...]]:
    query: sa.Select[*tuple[Any, ...]] = (
        sa.select(*columns)
        .select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(Prediction.run_id == run.id, Prediction.role == chosen.role)
    )
    if chosen.role is PredictionRole.TEST_FOLD:
        query = query.where(Prediction.fold == chosen.fold)
    if chosen.true is not None:
        query = query.where(RunItem.label == chosen.true)
    if chosen.predicted is not None:
        query = query.where(Prediction.predicted == chosen.predicted)
    if chosen.either is not None:
        query = query.where(sa.or_(RunItem.label == chosen.either, Prediction.predicted == chosen.either))
    if chosen.low is not None:
        query = query.where(Prediction.confidence >= chosen.low)
    if chosen.high is not None:
        query = query.where(Prediction.confidence < chosen.high)
    if chosen.show is Show.WRONG:
        query = query.where(RunItem.label != Prediction.predicted)
    if chosen.show is Show.RIGHT:
        query = query.where(RunItem.label == Prediction.predicted)
    return query


def _ids(session: Session, run: Run, chosen: Filter, *order: Any) -> NDArray[np.int64]:
    rows = session.execute(_select(run, chosen, Prediction.item_id).order_by(*order))
    return np.fromiter((row[0] for row in rows), np.int64)


def _entry(item: RunItem, prediction: Prediction, image: Image) -> Entry:
    return Entry(
        item_id=item.id,
        image_id=image.id,
        name=image.name,
        width=image.width,
        height=image.height,
        canonical_sha256=item.canonical_sha256,
        thumbnail_sha256=image.thumbnail_sha256,
        label=item.label,
        predicted=prediction.predicted,
        confidence=prediction.confidence,
        probabilities=_decode([prediction.probabilities])[0],
        fold=prediction.fold,
        now_class_id=image.class_id,
        now_version=image.label_version,
    )


def _decode(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    """Little-endian float32 rows of equal length -> (n, classes)."""
    return np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1)
