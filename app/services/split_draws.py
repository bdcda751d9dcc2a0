"""Drawing at random: the pinned test set, a validation set, and how many images of each class are learned from.

Each draw is one change of the history. What was drawn before is put back first, so the same seed and the same images
give the same set again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image, LabelClass
from app.domain import splits
from app.domain.enums import DRAWN, Field, ImageState, Split
from app.domain.errors import Invalid
from app.domain.groups import NONE, tied
from app.services import gallery, grouping, split_log
from app.services.grouping import ALONE, Grouping
from app.services.label_log import Act, mark_now, record_chosen, start
from app.services.marks import Who

SURPLUS = "surplus"  # the reason of images that a draw for the training left over
_FREE = sa.or_(Image.split.is_(None), Image.split == Split.TRAIN)


@dataclass(frozen=True, slots=True)
class Amount:
    """How many images a draw takes: a part of every class (above 0, below 1), or else a number of each."""

    share: float | None = None
    per_class: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draw: its ``size``, and the classes that have ``fewer`` images than were asked for, by name."""

    size: int
    change_set: ChangeSet
    fewer: Sequence[tuple[str, int]] = ()


def draw(
    session: Session,
    project_id: int,
    split: Split,
    amount: Amount,
    *,
    seed: int = 0,
    release_folder: bool = False,
    together: Grouping = ALONE,
    **who: Unpack[Who],
) -> Drawn:
    """Draw a test or a validation set from the labelled images that are free.

    Images of the folder of that split, or moved there by hand, stay (``release_folder``: are put back first); what
    belongs together with one of them joins it. What belongs together with an image of the other set is not drawn.
    Images that belong ``together`` are drawn together or not at all; the amount is then met as well as that allows.

    Raises:
        Invalid: ``no_labelled_images``, ``split_share``, ``split_count``, ``split_too_few``, or
            ``classes_too_small_to_draw`` with their names.
    """
    if (known := start(session, project_id, who["request_id"])) is not None:
        return Drawn(known.image_count, known)
    mine = _drawn(split, release_folder)
    rows = _drawable(session, project_id, sa.or_(_FREE, mine))
    pinned = [] if together.by == NONE else _pinned(session, project_id, sa.not_(mine))
    groups = grouping.numbers(session, project_id, [*rows, *pinned], together)
    chosen = _chosen(session, rows, groups, [row.split == split for row in pinned], amount, seed)
    ids = [row.id for row, is_chosen in zip(rows, chosen, strict=True) if is_chosen]
    back = [row.id for row, is_chosen in zip(rows, chosen, strict=True) if not is_chosen and row.mine]
    unused = sa.or_(Image.class_id.is_(None), Image.state != ImageState.ACTIVE)
    moves = [
        *split_log.named(project_id, ids, split_log.place(split, DRAWN)),
        *split_log.named(project_id, back, None),
        split_log.those(None, Image.project_id == project_id, mine, unused),
    ]
    return Drawn(len(ids), split_log.write(session, project_id, moves, who))


def _chosen(
    session: Session,
    rows: Sequence[sa.Row[*tuple[Any, ...]]],
    groups: NDArray[np.int64] | None,
    same: Sequence[bool],
    amount: Amount,
    seed: int,
) -> list[bool]:
    """Which of ``rows`` are drawn. ``same``: of the pinned images behind them in ``groups``, those of this very set."""
    here = np.array(same, np.bool_)
    barred = _tied_to(groups, len(rows), ~here)
    chosen = _tied_to(groups, len(rows), here) & ~barred
    pool = np.flatnonzero(~chosen & ~barred)
    labels = np.fromiter((row.class_id for row in rows), np.int64, len(rows))[pool]
    chosen[pool] = _mask(session, labels, None if groups is None else groups[pool], amount, seed)
    found: list[bool] = chosen.tolist()
    return found


def clear(
    session: Session, project_id: int, split: Split, *, everything: bool = False, **who: Unpack[Who]
) -> ChangeSet:
    """Put what was drawn for a split back among the free images; with ``everything`` the whole split."""
    if (known := start(session, project_id, who["request_id"])) is not None:
        return known
    moves = [split_log.those(None, Image.project_id == project_id, _drawn(split, everything))]
    return split_log.write(session, project_id, moves, who)


def draw_training(
    session: Session, project_id: int, amount: Amount, *, seed: int = 0, together: Grouping = ALONE, **who: Unpack[Who]
) -> Drawn:
    """Let trainings learn from a part or a number of the free images of each class; the others are excluded.

    A class that has no more than the number gives all of them. Whole groups are learned from or excluded.

    Raises:
        Invalid: ``no_labelled_images``, ``split_share``, ``split_count``.
    """
    if (known := start(session, project_id, who["request_id"])) is not None:
        return Drawn(known.image_count, known)
    rows = _drawable(session, project_id, _FREE, surplus=True)
    labels = np.fromiter((row.class_id for row in rows), np.int64, len(rows))
    groups = grouping.numbers(session, project_id, rows, together)
    aside = splits.surplus(labels, seed, share=amount.share, per_class=amount.per_class, groups=groups)
    changes: list[sa.Select[*tuple[Any, ...]]] = []
    for value, which in ((SURPLUS, aside), (None, ~aside)):
        chosen = [rows[place].id for place in np.flatnonzero(which).tolist()]
        changes += [_excluding(project_id, ids, value) for ids in gallery.chunks(chosen)]
    act = Act(project_id, who["source"], who["actor"], who["request_id"], field=Field.EXCLUDED)
    made = record_chosen(session, changes, act)
    size = int((~aside).sum())
    return Drawn(size, made, _fewer(session, labels, amount.per_class or 0))


def release_training(session: Session, project_id: int, **who: Unpack[Who]) -> ChangeSet:
    """Take in again what a draw for the training left over."""
    if (known := start(session, project_id, who["request_id"])) is not None:
        return known
    now = mark_now(Field.EXCLUDED)
    left = sa.select(Image.id, Image.mark_version + 1, now.label("now"), sa.null().label("then")).where(
        Image.project_id == project_id, Image.state == ImageState.EXCLUDED, Image.reason == SURPLUS
    )
    act = Act(project_id, who["source"], who["actor"], who["request_id"], field=Field.EXCLUDED)
    return record_chosen(session, [left], act)


def _excluding(project_id: int, ids: Sequence[int], value: str | None) -> sa.Select[*tuple[Any, ...]]:
    now, wanted = mark_now(Field.EXCLUDED), sa.literal(value, sa.String)
    return sa.select(Image.id, Image.mark_version + 1, now.label("now"), wanted.label("then")).where(
        gallery.named(project_id, ids), now.is_distinct_from(wanted)
    )


def _drawn(split: Split, everything: bool) -> sa.ColumnElement[bool]:
    """What a draw puts back first."""
    drawn = Image.split == split
    return drawn if everything else sa.and_(drawn, Image.split_source == DRAWN)


def _drawable(
    session: Session, project_id: int, fits: sa.ColumnElement[bool], *, surplus: bool = False
) -> list[sa.Row[*tuple[Any, ...]]]:
    """(id, class, name, path, in a set that a draw may put back) of images that a draw may take, by id."""
    state = Image.state == ImageState.ACTIVE
    if surplus:
        state = sa.or_(state, Image.reason == SURPLUS)
    mine = sa.not_(_FREE).label("mine")
    query = sa.select(Image.id, Image.class_id, Image.name, Image.path, mine).where(
        Image.project_id == project_id, state, Image.class_id.is_not(None), fits
    )
    rows = list(session.execute(query.order_by(Image.id)))
    if not rows:
        raise Invalid("no_labelled_images")
    return rows


def _pinned(session: Session, project_id: int, fits: sa.ColumnElement[bool]) -> list[sa.Row[*tuple[Any, ...]]]:
    """(id, name, path, split) of the images of a set that a draw leaves where they are."""
    query = sa.select(Image.id, Image.name, Image.path, Image.split).where(
        Image.project_id == project_id,
        Image.state == ImageState.ACTIVE,
        Image.split.in_((Split.TEST, Split.VALIDATION)),
        fits,
    )
    return list(session.execute(query.order_by(Image.id)))


def _tied_to(groups: NDArray[np.int64] | None, count: int, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True for those of the first ``count`` images that belong together with one of ``which`` behind them."""
    if groups is None:
        return np.zeros(count, np.bool_)
    return tied(groups, np.concatenate([np.zeros(count, np.bool_), which]))[:count]


def _mask(
    session: Session, labels: NDArray[np.int64], groups: NDArray[np.int64] | None, amount: Amount, seed: int
) -> NDArray[np.bool_]:
    if amount.per_class is None:
        return splits.holdout(labels, amount.share or 0.0, seed, groups=groups)
    try:
        return splits.holdout_per_class(labels, amount.per_class, seed, groups)
    except Invalid as error:
        if error.code != "classes_too_small_to_draw":
            raise
        names = ", ".join(f"{name} ({count})" for name, count in _fewer(session, labels, amount.per_class + 1))
        raise Invalid(error.code, names=names, size=amount.per_class) from None


def _fewer(session: Session, labels: NDArray[np.int64], size: int) -> list[tuple[str, int]]:
    """The classes that have fewer images than ``size``, with how many they have, in their order."""
    values, sizes = np.unique(labels, return_counts=True)
    small = {int(value): int(count) for value, count in zip(values, sizes, strict=True) if count < size}
    query = sa.select(LabelClass.id, LabelClass.name).where(LabelClass.id.in_(small)).order_by(LabelClass.position)
    return [(name, small[class_id]) for class_id, name in session.execute(query)]
