"""Undo and redo of changes of labels, marks and classes. Used through ``labels``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.lookups import one_of
from app.db.models import ChangeSet, Image
from app.domain.enums import Field, LabelSource
from app.domain.errors import Conflict, NotFound
from app.services import class_log
from app.services.label_log import Act, LabelConflict, OtherLabel, log_of, others, record, record_chosen, start

# Undo without a name takes back what a person did in the pages, never an import of 40,000 labelled images.
_BY_HAND = (LabelSource.LABEL_MODE, LabelSource.GALLERY, LabelSource.REVIEW, LabelSource.SUGGESTION)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What undo or redo did. ``conflicts``: images that were changed again since and were left as they are."""

    change_set: ChangeSet
    conflicts: list[OtherLabel]


def undo(
    session: Session, project_id: int, change_set_id: int | None = None, *, actor: str, request_id: str
) -> TakenBack:
    """Take a change set back: the one named, or the actor's newest that was made by hand and still holds.

    Images whose label was changed again since keep that label and are reported; the others get the label they had.
    A change set that was undone and redone can be undone again by its own id.

    Raises:
        NotFound: no such change set, or nothing left to undo.
        Conflict: it was taken back already.
        LabelConflict: every image was changed again since; nothing was written.
    """
    if (known := start(session, project_id, request_id)) is not None:
        return _repeated(session, known)
    if change_set_id is None:
        target = _newest_to_undo(session, project_id, actor)
    else:
        named = _named(session, project_id, change_set_id)
        steps, target = _tip(session, named)
        if steps % 2:
            raise Conflict("change_undone_already")
    return _take_back(session, target, actor, request_id)


def redo(
    session: Session, project_id: int, change_set_id: int | None = None, *, actor: str, request_id: str
) -> TakenBack:
    """Take an undo back: that of the change set named, or the actor's newest undo since the last new label.

    ``change_set_id`` may also be the undo itself.

    Raises:
        As ``undo``; NotFound also when the change set named is not undone.
    """
    if (known := start(session, project_id, request_id)) is not None:
        return _repeated(session, known)
    if change_set_id is None:
        target = _newest_to_redo(session, project_id, actor)
    else:
        named = _named(session, project_id, change_set_id)
        steps, target = _tip(session, named)
        if steps % 2 == (named.source == LabelSource.UNDO):
            raise NotFound("nothing_to_redo")
    return _take_back(session, target, actor, request_id)


def _named(session: Session, project_id: int, change_set_id: int) -> ChangeSet:
    found = session.get(ChangeSet, change_set_id)
    if found is None or found.project_id != project_id:
        raise NotFound("change_missing")
    if found.field == Field.IMPORT:
        raise Conflict("change_final")
    return found


def _tip(session: Session, named: ChangeSet) -> tuple[int, ChangeSet]:
    """The last of a change set, its undo, the redo of that and so on, and how many steps away it is."""
    steps = 0
    while named.undone_by_id is not None:
        named = session.get_one(ChangeSet, named.undone_by_id)
        steps += 1
    return steps, named


def _newest_to_undo(session: Session, project_id: int, actor: str) -> ChangeSet:
    newest = _own(project_id, actor, (*_BY_HAND, LabelSource.REDO)).where(
        ChangeSet.undone_by_id.is_(None), ChangeSet.image_count > 0
    )
    found = session.scalar(newest.order_by(ChangeSet.id.desc()).limit(1))
    if found is None:
        raise NotFound("nothing_to_undo")
    return found


def _newest_to_redo(session: Session, project_id: int, actor: str) -> ChangeSet:
    """As in an editor: a new label ends the chance to redo what was undone before it."""
    last_new = _own(project_id, actor, _BY_HAND).with_only_columns(sa.func.max(ChangeSet.id)).scalar_subquery()
    newest = _own(project_id, actor, (LabelSource.UNDO,)).where(
        ChangeSet.undone_by_id.is_(None), ChangeSet.image_count > 0, ChangeSet.id > sa.func.coalesce(last_new, 0)
    )
    found = session.scalar(newest.order_by(ChangeSet.id.desc()).limit(1))
    if found is None:
        raise NotFound("nothing_to_redo")
    return found


def _own(project_id: int, actor: str, sources: Sequence[LabelSource]) -> sa.Select[ChangeSet]:
    return sa.select(ChangeSet).where(
        ChangeSet.project_id == project_id, ChangeSet.actor == actor[:100], ChangeSet.source.in_(sources)
    )


def _take_back(session: Session, target: ChangeSet, actor: str, request_id: str) -> TakenBack:
    field = Field(target.field)
    source = LabelSource.REDO if target.source == LabelSource.UNDO else LabelSource.UNDO
    act = Act(target.project_id, source, actor, request_id, undoes_id=target.id, field=field)
    changed: set[int] = set()
    if field == Field.CLASS:
        change_set = record(session, [], act)
    else:
        touched = _touched(session, target)
        changed = _changed_since(session, target) & touched if touched else set()
        if changed and len(changed) >= target.image_count:
            raise LabelConflict("label_changed_since", others(session, sorted(changed), field))
        change_set = record_chosen(session, [_taking_back(target, changed)], act)
    class_log.take_back(session, target, change_set)
    target.undone_by_id = change_set.id
    session.flush()
    return TakenBack(change_set, others(session, sorted(changed), field))


def _touched(session: Session, target: ChangeSet) -> set[int]:
    """Images of a change set of which anything was written later."""
    log = log_of(target.field)
    query = sa.select(log.event.image_id).join(Image, Image.id == log.event.image_id)
    return set(session.scalars(query.where(log.event.change_set_id == target.id, log.version != log.event.version)))


def _taking_back(target: ChangeSet, left: set[int]) -> sa.Select[*tuple[Any, ...]]:
    """The events that give the images of a change set what they had before, but for those that are ``left``."""
    log = log_of(target.field)
    event = log.event
    query = (
        sa.select(event.image_id, log.version + 1, log.now.label("now"), log.before.label("then"))
        .join(Image, Image.id == event.image_id)
        .where(event.change_set_id == target.id)
    )
    return query.where(sa.not_(one_of(event.image_id.expression, sorted(left)))) if left else query


def _changed_since(session: Session, target: ChangeSet) -> set[int]:
    """Images of ``target`` with a later change of the same field that still holds.

    A later change and its undo cancel each other. Comparing the present class would not do: a label that somebody
    changed away and deliberately back again must not be taken back.
    """
    event = log_of(target.field).event
    first = aliased(event)
    query = (
        sa.select(event.image_id, event.change_set_id, ChangeSet.undoes_id)
        .join(first, sa.and_(first.image_id == event.image_id, event.version > first.version))
        .join(ChangeSet, ChangeSet.id == event.change_set_id)
        .where(first.change_set_id == target.id, ChangeSet.field == target.field)
        .order_by(event.image_id, event.version)
    )
    holding: dict[int, list[int]] = {}
    for image_id, change_set_id, undoes_id in session.execute(query):
        stack = holding.setdefault(image_id, [])
        if stack and stack[-1] == undoes_id:
            stack.pop()
        else:
            stack.append(change_set_id)
    return {image_id for image_id, stack in holding.items() if stack}


def _repeated(session: Session, known: ChangeSet) -> TakenBack:
    """The answer of an undo that was done already: what it did not touch of its target was in conflict."""
    if known.field == Field.CLASS:
        return TakenBack(known, [])
    event = log_of(known.field).event
    mine = sa.select(event.image_id).where(event.change_set_id == known.id)
    left = sa.select(event.image_id).where(event.change_set_id == known.undoes_id, event.image_id.not_in(mine))
    return TakenBack(known, others(session, list(session.scalars(left)), known.field))
