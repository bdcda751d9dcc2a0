"""The queues of label mode: which images come in which order, and what is left out because somebody else has it.

What a model says never chooses an image of the pinned test set: a test set that was chosen that way flatters the model.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.session import Database
from app.domain.enums import Split
from app.services import doubted, gallery, leases, names
from app.services.gallery import ImageFilter, ImageRow
from app.services.suggestions import Said

_STEP = 500  # images of an order that are looked up at once
_FEW = 5000  # images that match; so many are asked for before the order is gone through


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


@dataclass(frozen=True)
class Ranked:
    """Images in an order that no column gives. ``versions``: what their labels must still have, where that counts."""

    ids: NDArray[np.int64]
    versions: Mapping[int, int] = field(default_factory=dict)


_NOTHING = np.empty(0, dtype=np.int64)


def draw(database: Database, project_id: int, queue: Queue, wish: Wish, said: Said | None = None) -> list[ImageRow]:
    """The next images for one person, leased to that person where others work the queue off as well.

    Looking for them only reads; what is written are leases, in a transaction of milliseconds: labels of other people
    wait for nobody's search.

    ``said``: everything that is suggested; the orders that a model chooses are empty without it.
    """
    found: list[ImageRow] = []
    while len(found) < wish.limit:
        with database.read() as session:
            part = peek(session, project_id, queue, replace(wish, limit=wish.limit - len(found)), said)
        if not part or queue.order not in SHARED:
            return found + part
        found += database.write_together(partial(_leased, project_id=project_id, rows=part, holder=wish.holder))
        wish = replace(wish, without=wish.without | {row.id for row in part})
    return found


def _leased(session: Session, *, project_id: int, rows: Sequence[ImageRow], holder: str) -> list[ImageRow]:
    """Those of ``rows`` that nobody else has, and that are still as they were when they were looked up."""
    leases.one_at_a_time(session, project_id)
    leases.forget_old(session, project_id)
    mine = leases.take(session, project_id, [row.id for row in rows], holder)
    now = {row.id: row for row in gallery.rows(session, project_id, mine)}
    return [row for row in rows if row == now.get(row.id)]


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
    if queue.chosen == ImageFilter():
        return doubted.in_use(session, project_id)
    return doubted.count(session, project_id, gallery.conditions(project_id, queue.chosen))


def with_others(session: Session, project_id: int, queue: Queue, holder: str) -> int:
    """How many images of the queue somebody else has on the screen."""
    held = set(leases.of_others(session, project_id, holder)) if queue.order in SHARED else set()
    held = held if queue.chosen.ids is None else held.intersection(queue.chosen.ids)
    return total(session, project_id, replace(queue, chosen=replace(queue.chosen, ids=tuple(held)))) if held else 0


def _order(session: Session, project_id: int, queue: Queue, said: Said | None) -> Ranked | None:
    """The images of an order that no column gives; None for the others."""
    if queue.order is Order.WRONG:
        run = doubted.judge(session, project_id)
        found = doubted.of_run(session, run) if run is not None else None
        return Ranked(found.ids, found.versions) if found is not None else Ranked(_NOTHING)
    if queue.order not in ASKED:
        return None
    if said is None:
        return Ranked(_NOTHING)
    return Ranked(said.uncertain if queue.order is Order.UNCERTAIN else said.apart)


def _walk(
    session: Session,
    project_id: int,
    queue: Queue,
    chosen: ImageFilter,
    wish: Wish,
    ranked: Ranked | None,
) -> Iterator[ImageRow]:
    """The images that match ``chosen`` in the order of the queue."""
    few = ranked is not None or queue.order is Order.RANDOM
    few = few and gallery.total(session, project_id, chosen) <= _FEW
    chosen = names.narrowed(session, project_id, chosen)
    fits = _fits(project_id, queue, chosen, wish)
    if ranked is not None:
        if few and len(ranked.ids) > _FEW:
            ranked = _open_only(session, ranked, fits)
        for begin in range(0, len(ranked.ids), _STEP):
            part = ranked.ids[begin : begin + _STEP].tolist()
            among = replace(chosen, among=tuple(part))
            yield from _ranked(session, ranked, part, _fits(project_id, queue, among, wish))
        return
    key: sa.ColumnElement[Any] = Image.id.expression
    start: int | str = wish.at
    if queue.order is Order.RANDOM:
        # The hash of a file is as good as drawn, never changes, and has an index: no need to sort a million images.
        # Where few are left that index would be gone through for them; the function hides it.
        key, start = Image.sha256.expression, hashlib.sha256(str(queue.seed).encode()).hexdigest()
        key = sa.func.lower(key) if few else key
    around = (key > start,) if queue.order is Order.ALL else (key > start, key <= start)
    for part in around:
        yield from gallery.matching(session, [*fits, part], key, wish.limit)


def _open_only(session: Session, ranked: Ranked, fits: Sequence[sa.ColumnElement[bool]]) -> Ranked:
    """Those that are left: where nearly all of a million are labelled, nobody looks through the million for them."""
    left = np.fromiter(session.scalars(sa.select(Image.id).where(*fits)), dtype=np.int64)
    return replace(ranked, ids=ranked.ids[np.isin(ranked.ids, left)])


def _ranked(
    session: Session, ranked: Ranked, part: Sequence[int], fits: Sequence[sa.ColumnElement[bool]]
) -> Iterator[ImageRow]:
    found = gallery.matching(session, fits, Image.id.expression)
    rows = {row.id: row for row in found if ranked.versions.get(row.id, row.version) == row.version}
    yield from (rows[image_id] for image_id in part if image_id in rows)


def _fits(project_id: int, queue: Queue, chosen: ImageFilter, wish: Wish) -> list[sa.ColumnElement[bool]]:
    """What an image of the queue must be, for the one who asks."""
    fits = gallery.conditions(project_id, chosen)
    if wish.without:
        fits.append(Image.id.not_in(wish.without))
    if queue.order in ASKED:
        fits.append(sa.or_(Image.split.is_(None), Image.split != Split.TEST))
    if queue.order is Order.WRONG:
        fits += doubted.conditions()
    if queue.order in SHARED and wish.holder:
        fits.append(~leases.with_others(wish.holder))
    return fits
