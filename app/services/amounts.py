"""How many more pictures would help? A small classifier on features of the offline network, with less and less data.

It is trained on 25, 50, 75 and 100 % of the training images of a run, drawn several times class by class, and judged on
the run's test set, or on a fifth that is held out anew each time where there is none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Job, Run, RunClass, RunItem
from app.domain import amounts, linear_head
from app.domain.amounts import Law
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane, Split
from app.domain.errors import Conflict
from app.services import feature_space, features, jobs
from app.storage.arrays import Arrays

SHARES = (0.25, 0.5, 0.75, 1.0)
DRAWS = 5
FEWEST_TESTED = 20  # test images below which a fifth of the others is held out instead
FEWEST = 40  # images with features that anything is said of
MOST = 20_000  # images that are used, drawn from more
FEWEST_OF_CLASS = 8  # images of a class, in training and in the judgement, for a law of its own

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """Images of a run that have features: (n, width), positions of classes (n,), whether they are of the test set."""

    features: NDArray[np.float32]
    labels: Ints
    test: NDArray[np.bool_]
    classes: int

    @property
    def pinned(self) -> bool:
        """True when the test set judges."""
        return int(self.test.sum()) >= FEWEST_TESTED


@dataclass(frozen=True)
class Point:
    """One training: pictures learned from and pictures judged, in all and of each class (position)."""

    size: int
    right: int
    total: int
    class_size: Sequence[int]
    class_right: Sequence[int]
    class_total: Sequence[int]


@dataclass(frozen=True)
class Measured:
    """All trainings, and the laws through them; None where there is too little for one."""

    pinned: bool
    points: Sequence[Point]
    law: Law | None
    class_laws: Sequence[Law | None]


def load(session: Session, arrays: Arrays, run: Run) -> Data | None:
    """What the features know of the images of a run; None while there are none."""
    space = feature_space.load(session, arrays, run.project_id)
    if space is None:
        return None
    query = sa.select(RunItem.image_id, RunItem.label, RunItem.split).where(RunItem.run_id == run.id)
    rows = session.execute(query.order_by(RunItem.image_id)).all()
    images = np.array([row[0] for row in rows], np.int64)
    _, mine, there = np.intersect1d(images, space.ids, assume_unique=True, return_indices=True)
    labels = np.array([row[1] for row in rows], np.int64)[mine]
    test = np.array([row[2] == Split.TEST for row in rows], np.bool_)[mine]
    some = np.random.default_rng(0).permutation(len(mine))[:MOST]
    classes = session.scalar(sa.select(sa.func.count()).where(RunClass.run_id == run.id)) or 0
    return Data(space.few[there[some]], labels[some], test[some], classes)


def measure(data: Data, go_on: Callable[[int, int], bool]) -> dict[str, Any] | None:
    """Plain values for ``read``; None when ``go_on(done, total)`` said no.

    Raises:
        Conflict: there are too few images, or only one class.
    """
    learned = data.labels[~data.test] if data.pinned else data.labels
    if len(data.labels) < FEWEST or len(learned) < FEWEST - FEWEST_TESTED or len(np.unique(learned)) < 2:
        raise Conflict("amount_too_few", least=FEWEST)
    plan = [(share, draw) for share in SHARES for draw in range(1 if data.pinned and share == 1 else DRAWS)]
    points = []
    for done, (share, draw) in enumerate(plan):
        if not go_on(done, len(plan)):
            return None
        points.append(_point(data, share, draw))
    return {"pinned": data.pinned, "classes": data.classes, "points": points}


def _point(data: Data, share: float, draw: int) -> dict[str, Any]:
    parts = linear_head.shares(data.labels, DRAWS, seed=0)
    judged = data.test if data.pinned else parts == draw
    learned = np.sort(np.concatenate([*_drawn(data.labels, ~(data.test if data.pinned else judged), share, draw)]))
    head = linear_head.weights(data.features[learned], data.labels[learned], data.classes)
    said = linear_head.logits(data.features[judged], head).argmax(axis=1)
    truth = data.labels[judged]
    return {
        "size": len(learned),
        "right": int((said == truth).sum()),
        "total": len(truth),
        "class_size": np.bincount(data.labels[learned], minlength=data.classes).tolist(),
        "class_right": np.bincount(truth[said == truth], minlength=data.classes).tolist(),
        "class_total": np.bincount(truth, minlength=data.classes).tolist(),
    }


def _drawn(labels: Ints, pool: NDArray[np.bool_], share: float, draw: int) -> Iterator[Ints]:
    """The same share of each class, at least one image; a larger share of the same draw holds the smaller one."""
    rng = np.random.default_rng(draw)
    for label in np.unique(labels[pool]):
        places = rng.permutation(np.flatnonzero(pool & (labels == label)))
        yield places[: max(round(share * len(places)), 1)]


def read(values: Mapping[str, Any]) -> Measured:
    """What ``measure`` has found, with the laws."""
    points = [Point(**one) for one in values["points"]]
    pinned = bool(values["pinned"])
    judged = _judged([one.total for one in points], pinned=pinned)
    law = amounts.fit([one.size for one in points], [1 - one.right / one.total for one in points], judged)
    return Measured(pinned, points, law, [_of_class(points, at, pinned=pinned) for at in range(values["classes"])])


def _judged(totals: Sequence[int], *, pinned: bool) -> int:
    """How many different pictures judged: the test set each time, or in fifths once with each share."""
    return totals[0] if pinned else sum(totals) // len(SHARES)


def _of_class(points: Sequence[Point], at: int, *, pinned: bool) -> Law | None:
    enough = all(one.class_total[at] >= FEWEST_OF_CLASS for one in points)
    if not enough or max(one.class_size[at] for one in points) < FEWEST_OF_CLASS:
        return None
    wrong = [1 - one.class_right[at] / one.class_total[at] for one in points]
    judged = _judged([one.class_total[at] for one in points], pinned=pinned)
    return amounts.fit([one.class_size[at] for one in points], wrong, judged)


def request(session: Session, run: Run) -> Job:
    """Have a worker measure; a job that waits or runs is enough.

    Raises:
        Conflict: the pictures have no features yet.
    """
    if features.row_of(session, run.project_id, features.SPACE).sha256 is None:
        raise Conflict("amount_features", run=run.number)
    job = newest(session, run)
    if job is not None and job.state not in FINAL_STATES:
        return job
    spec = {"run_id": run.id}
    return jobs.create(session, project_id=run.project_id, kind=JobKind.AMOUNT, lane=Lane.CPU, spec=spec)


def newest(session: Session, run: Run) -> Job | None:
    """The newest measurement of a run, whatever became of it."""
    return session.scalars(_of_run(run).limit(1)).first()


def measured(session: Session, run: Run) -> Job | None:
    """The newest measurement of a run that came to its end; a later one may run, or have failed."""
    return session.scalars(_of_run(run).where(Job.state == JobState.DONE).limit(1)).first()


def _of_run(run: Run) -> sa.Select[Job]:
    query = sa.select(Job).where(Job.project_id == run.project_id, Job.kind == JobKind.AMOUNT)
    return query.where(Job.spec["run_id"].as_integer() == run.id).order_by(Job.id.desc())
