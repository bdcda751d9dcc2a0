"""What each model of a K-fold run says of the test images: how far they agree, and in how many each is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import Prediction, Run, RunItem
from app.domain import agreement
from app.domain.enums import PredictionRole
from app.services import answers, packs, review

NAMES = ("items", "labels", "predicted", "truth", "wrong", "apart")


class Order(StrEnum):
    """Which pictures come first."""

    APART = "apart"  # those the models say the most different things of
    WRONG = "wrong"  # those that most models are wrong about


@dataclass(frozen=True)
class FoldAnswers:
    """The test images that every model of a run was asked about, in the order of their ids.

    Attributes:
        items: ids of the run items, (n,).
        labels: positions of classes, (n,).
        predicted: (models, n) positions of classes.
        truth: (models, n), probability of the true class.
        wrong: (n,), how many models are wrong.
        apart: (n,), how different their probabilities are, from 0 to 1.
    """

    items: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    truth: NDArray[np.float32]
    wrong: NDArray[np.int64]
    apart: NDArray[np.float64]

    @property
    def models(self) -> int:
        """How many models answered."""
        return len(self.predicted)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        arrays = (self.items, self.labels, self.predicted, self.truth, self.wrong, self.apart)
        return sum(one.nbytes for one in arrays)

    def by_wrong(self) -> list[int]:
        """How many images none, one, two ... of the models are wrong about."""
        counts: list[int] = np.bincount(self.wrong, minlength=self.models + 1).tolist()
        return counts

    def places(self, order: Order, wrong: int | None) -> NDArray[np.int64]:
        """Places of the images in ``order``; only those that exactly ``wrong`` models are wrong about."""
        fits = np.arange(len(self.items)) if wrong is None else np.flatnonzero(self.wrong == wrong)
        keys = (-self.wrong[fits], -self.apart[fits]) if order is Order.WRONG else (-self.apart[fits],)
        found: NDArray[np.int64] = fits[np.lexsort(keys[::-1])]
        return found


@dataclass(frozen=True)
class Told:
    """One image with what each model says: (class, probability of the true class)."""

    item_id: int
    image_id: int
    name: str
    thumbnail_sha256: str
    label: int
    each: Sequence[tuple[int, float]]
    wrong: int
    apart: float


def each(session: Session, kept: answers.Kept, run: Run, classes: int) -> list[answers.Answers]:
    """What each model says of the test images; empty for a run with one model, or that is not finished."""
    folds = models(session, run)
    return [answers.load(session, kept, run, PredictionRole.TEST_FOLD, classes, fold) for fold in folds]


def models(session: Session, run: Run) -> list[int]:
    """The folds whose models answered the test images; empty for a run with one model."""
    folds = sorted(_counts(session, run))
    return folds if len(folds) > 1 else []


def find(session: Session, kept: answers.Kept, run: Run) -> FoldAnswers | None:
    """The answers of all models; None for a run with one model, without a test set, or that is not finished."""
    counts = _counts(session, run)
    if len(counts) < 2:
        return None
    classes = len(review.classes(session, run))
    key = ("folds", run.id, *sorted(counts.items()))
    return kept.get(key, lambda: _found(session, kept, run, classes))


def _found(session: Session, kept: answers.Kept, run: Run, classes: int) -> FoldAnswers:
    """From the file of arrays, or from the answers of the models."""
    now = packs.state(session, run, PredictionRole.TEST_FOLD)
    file = packs.find(session, kept.store, run, packs.MODELS, None, now) if kept.store else None
    try:
        return _together(each(session, kept, run, classes)) if file is None else FoldAnswers(*map(file.get, NAMES))
    except packs.UNUSABLE as error:
        packs.log.warning("The packed answers of run %s cannot be used: %s", run.id, error)
    return _together(each(session, kept, run, classes))


def _counts(session: Session, run: Run) -> dict[int, tuple[int, ...]]:
    """For each model number and newest id of its answers, and the attempt: what ``answers.load`` asks too."""
    query = sa.select(Prediction.fold, sa.func.count(), sa.func.max(Prediction.id), packs.attempt(run))
    query = query.where(Prediction.run_id == run.id, Prediction.role == PredictionRole.TEST_FOLD)
    return {fold: tuple(state) for fold, *state in session.execute(query.group_by(Prediction.fold))}


def _together(said: Sequence[answers.Answers]) -> FoldAnswers:
    common = said[0].items
    for one in said[1:]:
        common = np.intersect1d(common, one.items, assume_unique=True)
    places = [np.searchsorted(one.items, common) for one in said]
    labels = said[0].labels[places[0]]
    probabilities = np.stack([one.probabilities[place] for one, place in zip(said, places, strict=True)])
    predicted = np.stack([one.predicted[place] for one, place in zip(said, places, strict=True)])
    return FoldAnswers(
        items=common,
        labels=labels,
        predicted=predicted,
        truth=probabilities[:, np.arange(len(common)), labels],
        wrong=(predicted != labels).sum(axis=0),
        apart=agreement.spread(probabilities).astype(np.float64),
    )


def told(session: Session, found: FoldAnswers, places: Sequence[int]) -> list[Told]:
    """Some of the images with what each model says, in the order given; at most a page of them."""
    items = [int(found.items[place]) for place in places]
    query = sa.select(RunItem.id, Image.id, Image.name, Image.thumbnail_sha256).join(
        Image, Image.id == RunItem.image_id
    )
    rows = {row[0]: row for row in session.execute(query.where(RunItem.id.in_(items)))}
    return [
        Told(
            item_id=item,
            image_id=rows[item][1],
            name=rows[item][2],
            thumbnail_sha256=rows[item][3],
            label=int(found.labels[place]),
            each=list(zip(found.predicted[:, place].tolist(), found.truth[:, place].tolist(), strict=True)),
            wrong=int(found.wrong[place]),
            apart=float(found.apart[place]),
        )
        for item, place in zip(items, places, strict=True)
    ]
