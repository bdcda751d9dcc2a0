"""Labels that changed since a run froze them, and the right answers of the run counted again by the labels of today."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.count_models import BLOCK, ImageStamp
from app.db.models import Image
from app.db.run_models import Run, RunClass, RunItem
from app.domain.enums import PredictionRole
from app.services import answers, packs, review
from app.services.answers import Answers, Kept
from app.services.compare import UNKNOWN, Score
from app.storage import Store

_ROLES = (PredictionRole.TEST, PredictionRole.VALIDATION)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Recount:
    """One role of a run.

    Attributes:
        original: by the labels that the run saw.
        today: by the labels of today; pictures without one, or of a class that the run does not know, left out.
        relabelled: pictures whose label is another one today.
    """

    role: PredictionRole
    original: Score
    today: Score
    relabelled: int


def count(session: Session, run: Run, store: Store | None = None) -> int:
    """How many images of ``run`` have another label now; a label that was changed and changed back is no difference.

    ``store``: where the worker may have left what it counted in each block of images when the run was done; only blocks
    in which anything changed since (``ImageStamp``) are counted again.
    """
    counted = _counted(session, run, store)
    if counted is None:
        return session.scalar(_changed(run, sa.func.count())) or 0
    now = _moves(session, run.project_id)
    still = sum(changed for at, moves, changed in counted if now[at] == moves)
    fresh = [at for at, moves, _ in counted if now[at] != moves]
    if not fresh:
        return still
    return still + (session.scalar(_changed(run, sa.func.count()).where(_inside(fresh))) or 0)


def by_block(session: Session, run: Run) -> list[tuple[int, int, int]]:
    """For each block with images of ``run``: its number, how often it had changed, and what ``count`` counts there.

    What a block has changed is read before its images: a number that is too old makes it count again.
    """
    now = _moves(session, run.project_id)
    block = RunItem.image_id // BLOCK
    mine = sa.select(block).where(RunItem.run_id == run.id).distinct()
    changed = {at: count for at, count in session.execute(_changed(run, block, sa.func.count()).group_by(block))}  # noqa: C416
    return [(at, now[at], changed.get(at, 0)) for at in sorted(session.scalars(mine))]


def items(session: Session, run: Run, store: Store | None = None) -> list[tuple[int, int]]:
    """The images that ``count`` counts, by item: its id, and the id of the class of today, 0 for no label."""
    query = _changed(run, RunItem.id, sa.func.coalesce(Image.class_id, 0)).order_by(RunItem.id)
    counted = _counted(session, run, store)
    if counted is not None:
        now = _moves(session, run.project_id)
        some = [at for at, moves, changed in counted if changed or now[at] != moves]
        if not some:
            return []
        query = query.where(_inside(some))
    return [(item, class_id) for item, class_id in session.execute(query)]


def recounts(session: Session, kept: Kept, run: Run) -> tuple[int, list[Recount]]:
    """How many labels have changed since ``run``, and a recount of each role in which any of them counts."""
    changed = np.array(items(session, run, kept.store), np.int64).reshape(-1, 2)
    if not len(changed):
        return 0, []
    classes = review.classes(session, run)
    position = {row.class_id: row.position for row in classes}
    today = np.array([position.get(class_id, UNKNOWN) for class_id in changed[:, 1].tolist()], np.int64)
    said = answers.every(session, kept, run, len(classes))
    found = [_again(role, said[role, None], changed[:, 0], today) for role in _ROLES if (role, None) in said]
    return len(changed), [one for one in found if one.relabelled]


def _again(role: PredictionRole, said: Answers, changed: Ints, today: Ints) -> Recount:
    """``changed``: ids of items, (n,); ``today``: positions of their classes, UNKNOWN for what cannot be judged."""
    where = np.searchsorted(said.items, changed).clip(max=len(said.items) - 1)  # answers are in the order of the items
    mine = said.items[where] == changed
    where, today = where[mine], today[mine]
    right = said.predicted == said.labels
    original = Score(int(right.sum()), len(right))
    correct = original.correct - int(right[where].sum()) + int((said.predicted[where] == today).sum())
    return Recount(role, original, Score(correct, original.total - int((today == UNKNOWN).sum())), len(where))


def _counted(session: Session, run: Run, store: Store | None) -> list[list[int]] | None:
    """What ``by_block`` gave when the run was packed; None when that was not kept."""
    file = packs.find(session, store, run, packs.IMAGES, None) if store is not None else None
    return None if file is None else file.note.get("blocks")


def _inside(blocks: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.or_(*(RunItem.image_id.between(at * BLOCK, (at + 1) * BLOCK - 1) for at in blocks))


def _moves(session: Session, project_id: int) -> Counter[int]:
    """How often each block of images had changed; 0 for those that never did."""
    query = sa.select(ImageStamp.block, ImageStamp.moves).where(ImageStamp.project_id == project_id)
    return Counter({block: moves for block, moves in session.execute(query)})  # noqa: C416 - rows are no pairs


def _changed(run: Run, *columns: Any) -> sa.Select[Any]:
    seen = sa.and_(RunClass.run_id == RunItem.run_id, RunClass.position == RunItem.label)
    return (
        sa.select(*columns)
        .select_from(RunItem)
        .join(RunClass, seen)
        .join(Image, Image.id == RunItem.image_id)
        .where(RunItem.run_id == run.id, Image.class_id.is_distinct_from(RunClass.class_id))
    )
