"""Where a run is right and wrong: its frozen predictions, counted, filtered and put in order.

Everything here is computed from the run's own rows (``RunItem``, ``Prediction``, ``RunClass``). The only present-day
values are those of ``Entry`` whose names begin with ``now_``.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from app.domain.enums import ImageState, PredictionRole
from app.services.answers import Answers, Kept, load

Counted = tuple[int, int]  # images, right answers
MEAN = -1  # the fold number under which the mean of the K models is stored


# What an ``Entry`` is made of, by its names; whole rows of three tables would take four times as long.
_COLUMNS = (
    RunItem.id.label("item_id"), RunItem.image_id, RunItem.label, RunItem.canonical_sha256,
    Prediction.predicted, Prediction.confidence, Prediction.probabilities, Prediction.fold,
    Image.name, Image.width, Image.height, Image.thumbnail_sha256, Image.state, Image.reason,
    Image.class_id.label("now_class_id"), Image.label_version.label("now_version"),
    Image.checked_id.label("now_checked_id"),
)  # fmt: skip


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
    images: frozenset[int] | None = None  # no others than these


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
    now_excluded: str | None  # the reason, which may be ""; None: it is in use
    now_checked_id: int | None  # the class that somebody found right; it holds while the label is this class

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


def summary(
    session: Session, run: Run, role: PredictionRole, fold: int | None = None, kept: Kept | None = None
) -> Summary:
    """Counts and scores of one role; a few queries, whatever the number of images."""
    named = classes(session, run)
    return summed(load(session, kept or Kept(), run, role, len(named), fold), named, role, fold)


def summed(said: Answers, named: list[RunClass], role: PredictionRole, fold: int | None = None) -> Summary:
    """The same from the answers."""
    matrix = metrics.confusion(said.labels, said.predicted, len(named))
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


def counts(said: Mapping[tuple[PredictionRole, int | None], Answers]) -> dict[tuple[PredictionRole, int], Counted]:
    """(images, right answers) of every role and model of a run; ``said`` as ``answers.every`` gives it."""
    found = {}
    for (role, _), one in said.items():
        right = one.predicted == one.labels
        for fold in np.unique(one.folds).tolist():
            mine = one.folds == fold
            found[role, fold] = int(mine.sum()), int(right[mine].sum())
    return found


def loss(said: Answers) -> float | None:
    """Mean cross-entropy; None without images."""
    return float(said.losses.mean()) if len(said.items) else None


def limited(said: Answers) -> int:
    """Images whose class has a probability too small to be kept: each counts ``metrics.loss_of(0)`` in the loss."""
    return int((said.truth < metrics.LEAST).sum())


def mistakes(session: Session, run: Run, chosen: Filter, kept: Kept | None = None) -> NDArray[np.int64]:
    """The ids of the run items that match, in order; right answers too when ``chosen`` asks for them."""
    fold = chosen.fold if chosen.role is PredictionRole.TEST_FOLD else None
    said = load(session, kept or Kept(), run, chosen.role, len(classes(session, run)), fold)
    places = np.flatnonzero(_matching(said, chosen))
    if chosen.show is Show.RANDOM:
        return np.random.default_rng(chosen.seed).permutation(said.items[places])
    keys: dict[Sort, NDArray[np.floating]] = {
        Sort.SURE: -said.confidence[places],
        Sort.UNSURE: said.confidence[places],
    }
    if chosen.sort is Sort.LOSS:
        keys[Sort.LOSS] = -said.losses[places]
    if chosen.sort in keys:
        places = places[np.argsort(keys[chosen.sort], kind="stable")]
    found: NDArray[np.int64] = said.items[places]
    return found


def _matching(said: Answers, chosen: Filter) -> NDArray[np.bool_]:
    """Which answers a filter asks for, (n,)."""
    right, sure = said.labels == said.predicted, said.confidence.astype(np.float64)
    fits: NDArray[np.bool_] = {Show.WRONG: ~right, Show.RIGHT: right}.get(chosen.show, np.ones(len(right), np.bool_))
    if chosen.true is not None:
        fits = fits & (said.labels == chosen.true)
    if chosen.predicted is not None:
        fits = fits & (said.predicted == chosen.predicted)
    if chosen.either is not None:
        fits = fits & ((said.labels == chosen.either) | (said.predicted == chosen.either))
    if chosen.low is not None:
        fits = fits & (sure >= chosen.low)
    if chosen.high is not None:
        fits = fits & (sure < chosen.high)
    if chosen.images is not None:
        fits = fits & np.isin(said.images, np.fromiter(chosen.images, np.int64, len(chosen.images)))
    return fits


def entries(session: Session, run: Run, chosen: Filter, item_ids: Iterable[int]) -> list[Entry]:
    """The entries of these items, in the order given; at most a page of them (one query)."""
    wanted = [int(item_id) for item_id in item_ids]
    query = (
        sa.select(*_COLUMNS)
        .select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(Image, Image.id == RunItem.image_id)
        # By the items: with a condition on the run SQLite would go through all that the run has; a sum has no index.
        .where(RunItem.run_id + 0 == run.id, RunItem.id.in_(wanted), Prediction.role == chosen.role)
    )
    if chosen.role is PredictionRole.TEST_FOLD:
        query = query.where(Prediction.fold == chosen.fold)
    found = {row.item_id: _entry(row) for row in session.execute(query)}
    return [found[item_id] for item_id in wanted if item_id in found]


def answers(session: Session, run: Run, item_id: int) -> list[ModelAnswer]:
    """What every model of the run says of one image, the mean first."""
    query = sa.select(Prediction).where(Prediction.run_id == run.id, Prediction.item_id == item_id)
    return [
        ModelAnswer(row.fold, row.predicted, _decode([row.probabilities])[0])
        for row in session.scalars(query.order_by(Prediction.fold))
    ]


def _entry(row: Any) -> Entry:
    """The entry of a row of ``_COLUMNS``."""
    values = row._asdict()
    state, reason = values.pop("state"), values.pop("reason")
    values["probabilities"] = _decode([values["probabilities"]])[0]
    return Entry(**values, now_excluded=None if state == ImageState.ACTIVE else reason)


def _decode(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    """Little-endian float32 rows of equal length -> (n, classes)."""
    return np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1)
