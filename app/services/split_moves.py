"""Moving images between splits by hand: one change of the history for any number of them.

Two things are looked after. The pinned test set: an image leaves it only when that was asked for. And what belongs
together, such as copies of one picture or the pictures of one patient: whole groups move, or stay as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image
from app.domain.enums import HAND, Split
from app.domain.errors import NotFound
from app.domain.groups import COPIES, NONE
from app.services import columns, gallery, grouping, listing, split_log
from app.services.gallery import ImageFilter
from app.services.grouping import ALONE, Grouping
from app.services.label_log import start
from app.services.marks import Who

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Wish:
    """Where images shall go (None: each run shares them out), what moves with them, and whether test images may go."""

    to: Split | None
    together: Grouping = ALONE
    release: bool = False  # images of the pinned test set may leave it


@dataclass(frozen=True, slots=True)
class Plan:
    """What a move would do, in numbers of images.

    Attributes:
        moving: ids of the images that go elsewhere, in ascending order.
        chosen: images that were selected.
        mates: images among ``moving`` that were not selected: they belong together with one that was.
        pinned: images that would go but stay because they, or others of their group, are in the pinned test set.
        leaving: images among ``moving`` that leave the pinned test set.
    """

    moving: Ids
    chosen: int
    mates: int
    pinned: int
    leaving: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did; the plan is None for a repeated request."""

    change_set: ChangeSet
    plan: Plan | None


def plan(session: Session, project_id: int, chosen: ImageFilter, wish: Wish) -> Plan:
    """What a move would do.

    Raises:
        NotFound: an image named by id is not of this project.
        Invalid: ``group_pattern``.
    """
    selected = _matching(session, project_id, chosen)
    if chosen.ids is not None and len(selected) < len(set(chosen.ids)):
        missing = set(chosen.ids) - set(selected.tolist())
        raise NotFound("image_missing", image=min(missing))
    members, numbers = _groups(session, project_id, wish.together)
    touched = np.isin(numbers, numbers[np.isin(members, selected)])
    wanted = np.sort(np.concatenate([selected, _without(members[touched], selected)]))
    tested = _of_split(session, project_id, Split.TEST, wanted) if wish.to != Split.TEST else wanted[:0]
    if wish.release:
        barred = tested[:0]
    else:
        held = np.isin(numbers, numbers[np.isin(members, tested) & touched])
        barred = np.concatenate([tested, members[held]])
    there = _of_split(session, project_id, wish.to, wanted)
    moving = _without(_without(wanted, barred), there)
    return Plan(
        moving=moving,
        chosen=len(selected),
        mates=len(_without(moving, selected)),
        pinned=len(_without(wanted[np.isin(wanted, barred)], there)),
        leaving=int(np.isin(moving, tested).sum()),
    )


def move(session: Session, project_id: int, chosen: ImageFilter, wish: Wish, **who: Unpack[Who]) -> Moved:
    """Move all images that match, with what belongs to them, in one change set.

    Raises:
        As ``plan``; Invalid also for an unusable request id.
    """
    if (known := start(session, project_id, who["request_id"])) is not None:
        return Moved(known, None)
    planned = plan(session, project_id, chosen, wish)
    rows = split_log.named(project_id, planned.moving.tolist(), split_log.place(wish.to, HAND))
    return Moved(split_log.write(session, project_id, rows, who), planned)


def _without(these: Ids, those: Ids) -> Ids:
    """``these`` but those; ``np.setdiff1d`` would look for repetitions first, which of 200,000 takes far longer."""
    return these[~np.isin(these, those)]


def mates(session: Session, project_id: int, image_id: int) -> int:
    """How many other images are copies of one, as the newest check found them."""
    return grouping.copies_of(session, project_id, image_id)


def set_split(
    session: Session, project_id: int, image_ids: Sequence[int], split: Split | None, **who: Unpack[Who]
) -> ChangeSet:
    """Move exactly these images, whatever they belong to and wherever they are.

    Raises:
        NotFound: an id is not an image of this project; nothing is changed then.
    """
    chosen = ImageFilter(state=None, ids=tuple(image_ids))
    return move(session, project_id, chosen, Wish(split, release=True), **who).change_set


def _matching(session: Session, project_id: int, chosen: ImageFilter) -> Ids:
    """The images that match, in ascending order; many are found in memory, and few are looked up."""
    if gallery.total(session, project_id, chosen) > gallery.CHUNK:
        return listing.ids(session, project_id, replace(chosen, sort=""))
    found: list[int] = []
    for piece in gallery.pieces(chosen):
        found += session.scalars(sa.select(Image.id).where(*gallery.conditions(project_id, piece)))
    return np.unique(np.array(found, np.int64))


def _of_split(session: Session, project_id: int, split: Split | None, among: Ids) -> Ids:
    """The images of a split, in ascending order: those among some, or where these are very many, all."""
    if len(among) > gallery.CHUNK:
        table = columns.table(session, project_id)
        found: Ids = table["id"][table["split"] == columns.SPLITS.index(split or "")]
        return found
    here = Image.split.is_(None) if split is None else Image.split == split
    named = gallery.named(project_id, among.tolist())
    return np.sort(np.fromiter(session.scalars(sa.select(Image.id).where(named, here)), np.int64))


def _groups(session: Session, project_id: int, together: Grouping) -> tuple[Ids, Ids]:
    """The images that belong together with others, and the group of each."""
    if together.by == NONE:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    if together.by == COPIES:
        pairs = grouping.copies(session, project_id)
        return np.array(list(pairs), np.int64), np.array(list(pairs.values()), np.int64)
    query = sa.select(Image.id, Image.name, Image.path).where(Image.project_id == project_id).order_by(Image.id)
    rows = list(session.execute(query))
    numbers = grouping.numbers(session, project_id, rows, together)
    ids = np.fromiter((row.id for row in rows), np.int64, len(rows))
    if numbers is None or not len(ids):
        return ids[:0], ids[:0]
    several = np.bincount(numbers)[numbers] > 1
    return ids[several], numbers[several]
