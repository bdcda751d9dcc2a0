"""The queues of label mode: which images come in which order, and what is left out because somebody else has it.

What a model says never chooses an image of the pinned test set: a test set that was chosen that way flatters the model.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, LabelClass
from app.db.run_models import Job, Prediction, Run, RunClass, RunItem
from app.domain.enums import JobState, PredictionRole, Split
from app.services import gallery, leases
from app.services.gallery import ImageFilter, ImageRow
from app.services.suggestions import Said

_STEP = 500  # images of an order that are looked up at once


class Order(StrEnum):
    """What is gone through, and in which order."""

    UNLABELLED = "unlabelled"  # without a label, as imported
    RANDOM = "random"  # without a label, drawn
    UNCERTAIN = "uncertain"  # without a label, what the models tell apart least
    DISAGREE = "disagree"  # without a label, what the models of a run say different things of
    WRONG = "wrong"  # labels that the newest run finds improbable
    ALL = "all"  # everything that matches the filter, labelled or not


ASKED = (Order.UNCERTAIN, Order.DISAGREE)  # a model chooses
OPEN = (Order.UNLABELLED, Order.RANDOM, *ASKED)  # images without a label
SHARED = (*OPEN, Order.WRONG)  # several people work one off: each image goes to one of them


@dataclass(frozen=True)
class Queue:
    """The images to go through. ``seed`` is that of the random order."""

    order: Order
    chosen: ImageFilter
    seed: int = 0

    @property
    def fresh(self) -> ImageFilter:
        """What is shown first: of unlabelled images those that nobody skipped or was not sure of."""
        if self.order in OPEN and self.chosen.mark is None:
            return replace(self.chosen, mark="open")
        return self.chosen

    @property
    def put_off(self) -> ImageFilter:
        """What is shown when nothing else is left."""
        return replace(self.chosen, mark="later") if self.fresh is not self.chosen else self.chosen


@dataclass(frozen=True)
class Doubt:
    """A label that a run finds improbable. ``given``: the probability of the label; ``confidence``: of ``class_id``."""

    image_id: int
    class_id: int
    confidence: float
    given: float


@dataclass(frozen=True)
class Wish:
    """What somebody asks of a queue.

    Attributes:
        holder: who asks; images that others have on the screen are left out.
        limit: how many at most.
        at: where the order is that of the import: what comes behind this image goes first.
        without: images that the page has already.
    """

    holder: str
    limit: int
    at: int = 0
    without: frozenset[int] = frozenset()


def draw(session: Session, project_id: int, queue: Queue, wish: Wish, said: Said | None = None) -> list[ImageRow]:
    """The next images for one person, leased to that person where others work the queue off as well.

    ``said``: everything that is suggested; the orders that a model chooses are empty without it.
    """
    found: list[ImageRow] = []
    if queue.order not in SHARED:
        return peek(session, project_id, queue, wish, said)
    leases.forget_old(session, project_id)
    while len(found) < wish.limit:
        part = peek(session, project_id, queue, replace(wish, limit=wish.limit - len(found)), said)
        if not part:
            break
        mine = set(leases.take(session, project_id, [row.id for row in part], wish.holder))
        found += [row for row in part if row.id in mine]
        wish = replace(wish, without=wish.without | {row.id for row in part})
    return found


def peek(session: Session, project_id: int, queue: Queue, wish: Wish, said: Said | None = None) -> list[ImageRow]:
    """As ``draw``, but nothing is leased. What nobody put off comes first."""
    ranked = _order(session, project_id, queue, said)
    found = list(islice(_walk(session, project_id, queue, queue.fresh, wish, ranked), wish.limit))
    if len(found) < wish.limit and queue.put_off is not queue.chosen:
        found += islice(_walk(session, project_id, queue, queue.put_off, wish, ranked), wish.limit - len(found))
    return found


def total(session: Session, project_id: int, queue: Queue) -> int:
    """How many images are in the queue."""
    if queue.order is not Order.WRONG:
        return gallery.total(session, project_id, queue.chosen)
    run = judge(session, project_id)
    if run is None:
        return 0
    fits = gallery.conditions(project_id, queue.chosen)
    return session.scalar(_doubted(run).with_only_columns(sa.func.count()).where(*fits)) or 0


def with_others(session: Session, project_id: int, queue: Queue, holder: str) -> int:
    """How many images without a label somebody else has on the screen."""
    if queue.order not in OPEN:
        return 0
    held = leases.of_others(session, project_id, holder)
    return gallery.total(session, project_id, replace(queue.chosen, ids=tuple(held))) if held else 0


def judge(session: Session, project_id: int) -> Run | None:
    """The newest finished run that said something of images it had not learned from."""
    said = sa.exists().where(Prediction.run_id == Run.id, Prediction.role == PredictionRole.VALIDATION)
    query = sa.select(Run).join(Job, Job.id == Run.job_id)
    query = query.where(Run.project_id == project_id, Job.state == JobState.DONE, said)
    return session.scalar(query.order_by(Run.id.desc()).limit(1))


def doubts(session: Session, project_id: int, run: Run | None = None) -> list[Doubt]:
    """Labels that the newest finished run finds improbable, the least probable first.

    Only what a model said of images that it had not learned from, only labels that nobody changed or found right since,
    and nothing of a test set.
    """
    run = run or judge(session, project_id)
    if run is None:
        return []
    found = [
        Doubt(image_id, class_id, confidence, float(np.frombuffer(blob, "<f4")[label]))
        for image_id, label, class_id, confidence, blob in session.execute(_doubted(run))
    ]
    return sorted(found, key=lambda doubt: (doubt.given, doubt.image_id))


def _doubted(run: Run) -> sa.Select[int, int, int, float, bytes]:
    return (
        sa.select(RunItem.image_id, RunItem.label, RunClass.class_id, Prediction.confidence, Prediction.probabilities)
        .select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(Image, Image.id == RunItem.image_id)
        .join(RunClass, sa.and_(RunClass.run_id == run.id, RunClass.position == Prediction.predicted))
        .join(LabelClass, sa.and_(LabelClass.id == RunClass.class_id, LabelClass.retired.is_(False)))
        .where(Prediction.run_id == run.id, Prediction.role == PredictionRole.VALIDATION)
        .where(Prediction.predicted != RunItem.label, RunItem.label_version == Image.label_version)
        .where(RunItem.split != Split.TEST, sa.or_(Image.split.is_(None), Image.split != Split.TEST))
        .where(sa.not_(gallery.checked()))
    )


def _order(session: Session, project_id: int, queue: Queue, said: Said | None) -> Sequence[int] | None:
    """The images of an order that no column gives; None for the others."""
    if queue.order is Order.WRONG:
        return [doubt.image_id for doubt in doubts(session, project_id)]
    if queue.order not in ASKED:
        return None
    if said is None:
        return []
    if queue.order is Order.UNCERTAIN:
        return [int(image_id) for image_id in said.ids[np.argsort(said.margin, kind="stable")]]
    apart = np.flatnonzero(said.spread > 0)
    return [int(image_id) for image_id in said.ids[apart[np.argsort(-said.spread[apart], kind="stable")]]]


def _walk(
    session: Session,
    project_id: int,
    queue: Queue,
    chosen: ImageFilter,
    wish: Wish,
    ranked: Sequence[int] | None,
) -> Iterator[ImageRow]:
    """The images that match ``chosen`` in the order of the queue."""
    fits = gallery.conditions(project_id, chosen)
    if wish.without:
        fits.append(Image.id.not_in(wish.without))
    if queue.order in ASKED:
        fits.append(sa.or_(Image.split.is_(None), Image.split != Split.TEST))
    if queue.order in SHARED and wish.holder:
        fits.append(~leases.with_others(wish.holder))
    if ranked is not None:
        yield from _ranked(session, project_id, ranked, fits)
        return
    key: sa.ColumnElement[Any] = Image.id.expression
    start: int | str = wish.at
    if queue.order is Order.RANDOM:
        # The hash of a file is as good as drawn, never changes, and has an index: no need to sort a million images.
        key, start = Image.sha256.expression, hashlib.sha256(str(queue.seed).encode()).hexdigest()
    around = (key > start,) if queue.order is Order.ALL else (key > start, key <= start)
    for part in around:
        yield from gallery.matching(session, project_id, [*fits, part], key, wish.limit)


def _ranked(
    session: Session, project_id: int, image_ids: Sequence[int], fits: Sequence[sa.ColumnElement[bool]]
) -> Iterator[ImageRow]:
    for start in range(0, len(image_ids), _STEP):
        part = image_ids[start : start + _STEP]
        rows = {
            row.id: row
            for row in gallery.matching(session, project_id, [*fits, Image.id.in_(part)], Image.id.expression)
        }
        yield from (rows[image_id] for image_id in part if image_id in rows)
