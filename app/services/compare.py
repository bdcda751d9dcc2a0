"""Two or more runs on the pictures they share: one truth for all of them, and who is right where.

Everything comes from the frozen rows of the runs, but for the labels of today, which may be chosen as the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image, LabelEvent
from app.db.run_models import Prediction, Run, RunClass, RunItem
from app.domain import metrics
from app.domain.enums import PredictionRole, Split
from app.domain.metrics import Interval
from app.domain.stats import bootstrap, exact, paired
from app.services import answers
from app.services.answers import Answers

MOST_RUNS = 6  # so many curves can be told apart
FEW = 50  # pictures below which the exact interval is shown too
UNKNOWN = -1  # position of a class that none of the runs has, or of no label
_PROBED = 100  # common pictures by which it is counted how many runs were judged on them
Ints = NDArray[np.int64]


class Judge(StrEnum):
    """Which labels count as the truth."""

    SEEN = "seen"  # those that the newest of the runs saw
    NOW = "now"  # those of today


@dataclass(frozen=True)
class SharedClass:
    """A class that at least one of the runs has. ``missing``: numbers of the runs that do not know it."""

    class_id: int
    name: str
    color: str
    missing: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """Right answers of some pictures."""

    correct: int
    total: int

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, 0 to 1; None without pictures."""
        return self.correct / self.total if self.total else None

    @property
    def interval(self) -> Interval | None:
        """Its 95 % interval (Wilson)."""
        return metrics.wilson(self.correct, self.total)

    @property
    def exact(self) -> Interval | None:
        """The exact 95 % interval of few pictures, where Wilson's covers too little at the ends."""
        return exact.clopper_pearson(self.correct, self.total) if self.total < FEW else None


@dataclass(frozen=True)
class Side:
    """One run of a comparison.

    Attributes:
        original: on all pictures of its role, by the labels that it saw.
        today: the same pictures by today's labels; those without one, or of a class that it does not know, left out.
        common: on the common pictures, by the truth of the comparison.
        relabelled: pictures of its role whose label is another one today.
        places: of the common pictures in ``said``, (n,).
        predicted, labels: positions of shared classes, (n,): its answer and the label that it saw.
    """

    run: Run
    said: Answers
    original: Score
    today: Score
    common: Score
    relabelled: int
    places: Ints
    predicted: Ints
    labels: Ints


@dataclass(frozen=True)
class Comparison:
    """Some runs on the pictures they share; arrays have the shape (n,), one place for each common picture.

    Attributes:
        truth: positions of shared classes.
        foreign: common pictures left out, because a run does not know the class they truly are of.
        unlabelled: common pictures left out, because they have no label today.
        looks: finished runs that were judged on these pictures.
    """

    role: PredictionRole
    judge: Judge
    sides: Sequence[Side]
    classes: Sequence[SharedClass]
    images: Ints
    truth: Ints
    foreign: int
    unlabelled: int
    looks: int

    @property
    def same_pictures(self) -> bool:
        """True when every run was judged on the same pictures."""
        shared = len(self.images) + self.foreign + self.unlabelled
        return all(len(side.said.images) == shared for side in self.sides)


@dataclass(frozen=True)
class Pairing:
    """One run against the first. ``changed`` and ``unchanged`` are split by whether the two saw the same label."""

    first: Side
    second: Side
    flips: paired.Flips
    classes: Sequence[paired.ClassFlips]
    differences: bootstrap.Differences | None
    changed: paired.Flips
    unchanged: paired.Flips


def load(
    session: Session, kept: answers.Kept, runs: Sequence[Run], role: PredictionRole, judge: Judge = Judge.SEEN
) -> Comparison:
    """The runs, in the order given, on the pictures that all of them answered in this role."""
    said = [answers.load(session, kept, run, role, len(run.classes)) for run in runs]
    return of_answers(session, runs, said, role, judge)


def of_answers(
    session: Session, runs: Sequence[Run], said: Sequence[Answers], role: PredictionRole, judge: Judge = Judge.SEEN
) -> Comparison:
    """The same for given answers: one of each run, or several of one."""
    classes = _classes(runs)
    position = {item.class_id: place for place, item in enumerate(classes)}
    images = reduce(np.intersect1d, [one.images for one in said])
    now = _today(session, runs)
    sides = [_side(run, one, images, position, now) for run, one in zip(runs, said, strict=True)]
    newest = max(range(len(runs)), key=lambda place: runs[place].number)
    truth, unlabelled = sides[newest].labels, np.zeros(len(images), np.bool_)
    if judge is Judge.NOW:
        truth, unlabelled = now.over(images, truth, position)
    known = np.array([not item.missing for item in classes] + [False], np.bool_)[truth]
    return Comparison(
        role=role,
        judge=judge,
        sides=[_only(side, known, truth) for side in sides],
        classes=classes,
        images=images[known],
        truth=truth[known],
        foreign=int((~known & ~unlabelled).sum()),
        unlabelled=int(unlabelled.sum()),
        looks=_looks(session, runs[0].project_id, images, role),
    )


def pairing(found: Comparison, place: int, *, intervals: bool = True) -> Pairing:
    """The run at ``place`` against the first one; without ``intervals`` nothing is drawn."""
    first, second = found.sides[0], found.sides[place]
    arrays = (found.truth, first.predicted, second.predicted)
    changed = first.labels != second.labels
    return Pairing(
        first=first,
        second=second,
        flips=paired.flips(*arrays),
        classes=paired.by_class(*arrays, len(found.classes)),
        differences=bootstrap.differences(*arrays, len(found.classes)) if intervals else None,
        changed=paired.flips(*(array[changed] for array in arrays)),
        unchanged=paired.flips(*(array[~changed] for array in arrays)),
    )


def baselines(found: Comparison) -> tuple[float | None, float | None]:
    """Accuracy of guessing and of always answering the most frequent class, on the common pictures."""
    counts = np.bincount(found.truth, minlength=len(found.classes))
    several = metrics.chance(sum(not item.missing for item in found.classes)) if counts.sum() else None
    return several, metrics.majority(np.diag(counts))


def _classes(runs: Sequence[Run]) -> list[SharedClass]:
    """The classes of all runs, as the newest run that has them names them; the order is that of the newest run."""
    rows: dict[int, RunClass] = {}
    for run in sorted(runs, key=lambda one: one.number, reverse=True):
        for row in run.classes:
            rows.setdefault(row.class_id, row)
    having = {run.number: {row.class_id for row in run.classes} for run in runs}
    return [
        SharedClass(
            class_id, row.name, row.color, tuple(number for number, ids in having.items() if class_id not in ids)
        )
        for class_id, row in rows.items()
    ]


@dataclass(frozen=True)
class _Today:
    """Labels of today of the images that were touched since; ``images`` ascends, class 0 is none."""

    images: Ints
    class_ids: Ints

    def over(self, images: Ints, labels: Ints, position: Mapping[int, int]) -> tuple[Ints, NDArray[np.bool_]]:
        """``labels`` (positions) of ``images`` with those of today in their place, and which have none at all."""
        where = np.searchsorted(self.images, images).clip(max=max(len(self.images) - 1, 0))
        touched = self.images[where] == images if len(self.images) else np.zeros(len(images), np.bool_)
        classes, inverse = np.unique(self.class_ids[where[touched]], return_inverse=True)
        places = np.array([position.get(class_id, UNKNOWN) for class_id in classes.tolist()], np.int64)
        made, none = labels.copy(), np.zeros(len(images), np.bool_)
        made[touched] = places[inverse]
        none[touched] = classes[inverse] == 0
        return made, none


def _today(session: Session, runs: Sequence[Run]) -> _Today:
    """Of images whose label was touched after the oldest of the runs froze it."""
    first = min(run.label_watermark for run in runs)
    touched = sa.select(LabelEvent.image_id).where(LabelEvent.id > first)
    query = sa.select(Image.id, sa.func.coalesce(Image.class_id, 0)).where(
        Image.project_id == runs[0].project_id, Image.id.in_(touched)
    )
    rows = session.execute(query.order_by(Image.id)).all()
    table = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2)
    return _Today(table[:, 0], table[:, 1])


def _side(run: Run, said: Answers, images: Ints, position: Mapping[int, int], now: _Today) -> Side:
    shared = np.array([position[row.class_id] for row in run.classes], np.int64)
    order = np.argsort(said.images, kind="stable")
    places = order[np.searchsorted(said.images, images, sorter=order)]
    today, _none = now.over(said.images, said.labels, {row.class_id: row.position for row in run.classes})
    counted = today != UNKNOWN
    return Side(
        run=run,
        said=said,
        original=Score(int((said.predicted == said.labels).sum()), len(said.labels)),
        today=Score(int((said.predicted == today)[counted].sum()), int(counted.sum())),
        common=Score(0, 0),
        relabelled=int((today != said.labels).sum()),
        places=places,
        predicted=shared[said.predicted[places]],
        labels=shared[said.labels[places]],
    )


def _only(side: Side, known: NDArray[np.bool_], truth: Ints) -> Side:
    """The common pictures that can be judged, with the score on them."""
    predicted = side.predicted[known]
    return replace(
        side,
        common=Score(int((predicted == truth[known]).sum()), int(known.sum())),
        places=side.places[known],
        predicted=predicted,
        labels=side.labels[known],
    )


def _looks(session: Session, project_id: int, images: Ints, role: PredictionRole) -> int:
    """How many runs were judged on these pictures: those that answered one of some of them."""
    if not len(images) or role is not PredictionRole.TEST:
        return 0
    probed = images[:: -(-len(images) // _PROBED)].tolist()
    answered = sa.exists().where(Prediction.item_id == RunItem.id, Prediction.role == role)
    query = (
        sa.select(sa.func.count(RunItem.run_id.distinct()))
        .join(Run, Run.id == RunItem.run_id)
        .where(Run.project_id == project_id, RunItem.image_id.in_(probed), RunItem.split == Split.TEST, answered)
    )
    return session.scalar(query) or 0
