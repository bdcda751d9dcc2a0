"""Labels: the only place that changes them.

One act of a person is one ``ChangeSet`` with one ``LabelEvent`` for each image whose label really changed, written in
one transaction with the images themselves. A request that is repeated with the same ``request_id`` returns what the
first one did. Undo and redo are change sets of their own; nothing is ever removed from the history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image, LabelClass, LabelEvent
from app.domain.enums import LabelSource
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import gallery
from app.services.label_log import Act, Event, LabelConflict, OtherLabel, by_request, others, record, start

__all__ = [
    "LabelChange",
    "LabelConflict",
    "OtherLabel",
    "TakenBack",
    "assign",
    "assign_matching",
    "by_request",
    "redo",
    "undo",
]

# Undo without a name takes back what a person did in the pages, never an import of 40,000 labelled images.
_BY_HAND = (LabelSource.LABEL_MODE, LabelSource.GALLERY, LabelSource.REVIEW)


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One image shall have this class (None: no label).

    With ``expected_version`` the change is refused when somebody else changed the label after that version.
    """

    image_id: int
    class_id: int | None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What undo or redo did. ``conflicts``: images that were changed again since and were left as they are."""

    change_set: ChangeSet
    conflicts: list[OtherLabel]


class _Now(NamedTuple):
    class_id: int | None
    version: int


def assign(
    session: Session,
    project_id: int,
    changes: Iterable[LabelChange],
    *,
    source: LabelSource,
    actor: str,
    request_id: str,
) -> ChangeSet:
    """Give labels to images of a project, all of them or, on a conflict, none.

    An image that already has the wanted label gets no event, and its version does not matter.

    Raises:
        Invalid: a class of another project, an image given twice, an unusable request id.
        NotFound: an image of another project.
        LabelConflict: an ``expected_version`` is not the image's version any more.
    """
    if (known := start(session, project_id, request_id)) is not None:
        return known
    wanted = _by_image(changes)
    _check_classes(session, project_id, {change.class_id for change in wanted.values()})
    current = _current(session, project_id, list(wanted))
    different = [change for change in wanted.values() if current[change.image_id].class_id != change.class_id]
    stale = [
        change.image_id
        for change in different
        if change.expected_version is not None and current[change.image_id].version != change.expected_version
    ]
    if stale:
        raise LabelConflict("label_changed_by_other", others(session, stale))
    events: list[Event] = []
    for change in different:
        now = current[change.image_id]
        events.append(Event(change.image_id, now.version + 1, now.class_id, change.class_id))
    return record(session, events, Act(project_id, source, actor, request_id))


def assign_matching(
    session: Session,
    project_id: int,
    chosen: gallery.ImageFilter,
    class_id: int | None,
    *,
    source: LabelSource,
    actor: str,
    request_id: str,
) -> ChangeSet:
    """Give one label to all images that match a filter, in one change set.

    Raises:
        Invalid: a class of another project, an unusable request id.
    """
    if (known := start(session, project_id, request_id)) is not None:
        return known
    _check_classes(session, project_id, {class_id})
    events: list[Event] = []
    for piece in gallery.pieces(chosen):
        query = sa.select(Image.id, Image.label_version, Image.class_id).where(
            *gallery.conditions(project_id, piece), Image.class_id.is_distinct_from(class_id)
        )
        rows = session.execute(query.order_by(Image.id))
        events += [Event(image_id, version + 1, before, class_id) for image_id, version, before in rows]
    return record(session, events, Act(project_id, source, actor, request_id))


def undo(
    session: Session, project_id: int, change_set_id: int | None = None, *, actor: str, request_id: str
) -> TakenBack:
    """Take a change set back: the one named, or the actor's newest that was made by hand and still holds.

    Images whose label was changed again since keep that label and are reported; the others get the label they had.

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
        target = _named(session, project_id, change_set_id)
    return _take_back(session, target, actor, request_id)


def redo(
    session: Session, project_id: int, change_set_id: int | None = None, *, actor: str, request_id: str
) -> TakenBack:
    """Take an undo back: of the change set named, or the actor's newest undo since the last new label.

    ``change_set_id`` may be the undo itself or the change set that was undone.

    Raises:
        As ``undo``.
    """
    if (known := start(session, project_id, request_id)) is not None:
        return _repeated(session, known)
    if change_set_id is None:
        target = _newest_to_redo(session, project_id, actor)
    else:
        target = _undo_of(session, _named(session, project_id, change_set_id))
    return _take_back(session, target, actor, request_id)


def _by_image(changes: Iterable[LabelChange]) -> dict[int, LabelChange]:
    wanted: dict[int, LabelChange] = {}
    for change in changes:
        if change.image_id in wanted:
            raise Invalid("image_given_twice", image=change.image_id)
        wanted[change.image_id] = change
    return wanted


def _check_classes(session: Session, project_id: int, class_ids: set[int | None]) -> None:
    asked = class_ids - {None}
    query = sa.select(LabelClass.id).where(LabelClass.project_id == project_id)
    if asked and not asked <= set(session.scalars(query)):
        raise Invalid("label_class_missing")


def _current(session: Session, project_id: int, image_ids: Sequence[int]) -> dict[int, _Now]:
    current: dict[int, _Now] = {}
    for ids in gallery.chunks(image_ids):
        query = sa.select(Image.id, Image.class_id, Image.label_version).where(
            Image.project_id == project_id, Image.id.in_(ids)
        )
        current.update((image_id, _Now(class_id, version)) for image_id, class_id, version in session.execute(query))
    for image_id in image_ids:
        if image_id not in current:
            raise NotFound("image_missing", image=image_id)
    return current


def _named(session: Session, project_id: int, change_set_id: int) -> ChangeSet:
    found = session.get(ChangeSet, change_set_id)
    if found is None or found.project_id != project_id:
        raise NotFound("change_missing")
    return found


def _undo_of(session: Session, named: ChangeSet) -> ChangeSet:
    if named.source == LabelSource.UNDO:
        return named
    if named.undone_by_id is None:
        raise NotFound("nothing_to_redo")
    return session.get_one(ChangeSet, named.undone_by_id)


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
    if target.undone_by_id is not None:
        raise Conflict("change_undone_already")
    query = (
        sa.select(LabelEvent.image_id, LabelEvent.version, LabelEvent.before_id, Image.class_id, Image.label_version)
        .join(Image, Image.id == LabelEvent.image_id)
        .where(LabelEvent.change_set_id == target.id)
        .order_by(LabelEvent.image_id)
    )
    rows = session.execute(query).all()
    touched = {row.image_id for row in rows if row.label_version != row.version}
    changed = _changed_since(session, target) & touched if touched else set()
    if changed and len(changed) == len(rows):
        raise LabelConflict("label_changed_since", others(session, sorted(changed)))
    events = [
        Event(row.image_id, row.label_version + 1, row.class_id, row.before_id)
        for row in rows
        if row.image_id not in changed
    ]
    source = LabelSource.REDO if target.source == LabelSource.UNDO else LabelSource.UNDO
    act = Act(target.project_id, source, actor, request_id, undoes_id=target.id)
    change_set = record(session, events, act)
    target.undone_by_id = change_set.id
    session.flush()
    return TakenBack(change_set, others(session, sorted(changed)))


def _changed_since(session: Session, target: ChangeSet) -> set[int]:
    """Images of ``target`` with a later change that still holds.

    A later change and its undo cancel each other. Comparing the present class would not do: a label that somebody
    changed away and deliberately back again must not be taken back.
    """
    first = sa.orm.aliased(LabelEvent)
    query = (
        sa.select(LabelEvent.image_id, LabelEvent.change_set_id, ChangeSet.undoes_id)
        .join(first, sa.and_(first.image_id == LabelEvent.image_id, LabelEvent.version > first.version))
        .join(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
        .where(first.change_set_id == target.id)
        .order_by(LabelEvent.image_id, LabelEvent.version)
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
    mine = sa.select(LabelEvent.image_id).where(LabelEvent.change_set_id == known.id)
    left = sa.select(LabelEvent.image_id).where(
        LabelEvent.change_set_id == known.undoes_id, LabelEvent.image_id.not_in(mine)
    )
    return TakenBack(known, others(session, list(session.scalars(left))))
