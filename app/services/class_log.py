"""The append-only log of classes: what was changed of a class, and taking that back."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, ClassEvent, LabelClass, LabelEvent
from app.domain.enums import Field, LabelSource
from app.domain.errors import Conflict
from app.services.label_log import Act, record

FIELDS = ("name", "name_key", "second_name", "description", "color", "key", "position", "retired")
MERGED = "merged_into"  # in what an event wrote: the id of the class that this one was merged into


def values(label_class: LabelClass) -> dict[str, Any]:
    """Everything of a class that may change."""
    return {name: getattr(label_class, name) for name in FIELDS}


def note(
    session: Session,
    change_set: ChangeSet,
    old_values: Mapping[LabelClass, Mapping[str, Any]],
    merged: Mapping[LabelClass, LabelClass] | None = None,
) -> None:
    """Write what became of classes since ``old_values`` (class -> ``values``), which may be {} for a new one.

    ``merged``: class -> class that it was merged into.
    """
    for label_class, before in old_values.items():
        after = values(label_class)
        changed = [name for name in FIELDS if name not in before or before[name] != after[name]]
        if changed:
            session.add(
                ClassEvent(
                    change_set_id=change_set.id,
                    class_id=label_class.id,
                    before={name: before[name] for name in changed if name in before},
                    after={name: after[name] for name in changed} | _merged(label_class, merged or {}),
                )
            )
    session.flush()


def note_deleted(session: Session, change_set: ChangeSet, class_id: int, old_values: Mapping[str, Any]) -> None:
    """Write that a class with these ``values`` was deleted: nothing comes after them."""
    session.add(ClassEvent(change_set_id=change_set.id, class_id=class_id, before=dict(old_values), after={}))
    session.flush()


def _merged(label_class: LabelClass, merged: Mapping[LabelClass, LabelClass]) -> dict[str, int]:
    return {MERGED: merged[label_class].id} if label_class in merged else {}


def act(session: Session, project_id: int, actor: str, request_id: str) -> ChangeSet:
    """A change set for a change of classes alone."""
    return record(session, [], Act(project_id, LabelSource.CLASSES, actor, request_id, field=Field.CLASS))


def events(session: Session, change_set_id: int) -> list[ClassEvent]:
    """What a change set changed of classes."""
    query = sa.select(ClassEvent).where(ClassEvent.change_set_id == change_set_id).order_by(ClassEvent.id)
    return list(session.scalars(query))


def former_names(session: Session, project_id: int) -> dict[str, int]:
    """Keys of the names that classes had before they were renamed -> id of the class that had one last."""
    query = (
        sa.select(ClassEvent)
        .join(ChangeSet, ChangeSet.id == ClassEvent.change_set_id)
        .where(ChangeSet.project_id == project_id)
        .order_by(ClassEvent.id)
    )
    renamed = (event for event in session.scalars(query) if "name_key" in event.after)
    return {key: event.class_id for event in renamed if (key := event.before.get("name_key"))}


def merged_into(session: Session, project_id: int) -> dict[int, int]:
    """Id of a class that was merged -> id of the class that its images got then, while that still holds.

    That one may have been merged into a third one since.
    """
    undone = _undone(session, project_id)
    query = (
        sa.select(ClassEvent)
        .join(ChangeSet, ChangeSet.id == ClassEvent.change_set_id)
        .where(ChangeSet.project_id == project_id, ChangeSet.source == LabelSource.CLASSES)
        .order_by(ClassEvent.id)
    )
    merged: dict[int, int] = {}
    for event in session.scalars(query):
        if "retired" not in event.after or not event.before or not _holds(undone, event.change_set_id):
            continue
        into = _target(session, event) if event.after["retired"] else None
        if into is None:  # it is offered again, or was retired by itself
            merged.pop(event.class_id, None)
        else:
            merged[event.class_id] = into
    return merged


def _undone(session: Session, project_id: int) -> dict[int, int]:
    """Change sets that were taken back, undo and redo among them -> what took them back."""
    query = sa.select(ChangeSet.id, ChangeSet.undone_by_id)
    found = session.execute(query.where(ChangeSet.project_id == project_id, ChangeSet.undone_by_id.is_not(None)))
    return {one: other for one, other in found if other is not None}


def _holds(undone: Mapping[int, int], change_set_id: int) -> bool:
    """True when a change was not taken back, or that was taken back, and so on."""
    holds = True
    while change_set_id in undone:
        change_set_id, holds = undone[change_set_id], not holds
    return holds


def _target(session: Session, event: ClassEvent) -> int | None:
    """The class that another one was merged into; earlier versions wrote only what became of its images."""
    if MERGED in event.after:
        return int(event.after[MERGED])
    moved = sa.select(LabelEvent.after_id).where(
        LabelEvent.change_set_id == event.change_set_id, LabelEvent.before_id == event.class_id
    )
    return session.scalar(moved.limit(1))


def take_back(session: Session, target: ChangeSet, change_set: ChangeSet) -> None:
    """Give the classes of ``target`` the values they had; each value must still be the one that ``target`` gave.

    Raises:
        Conflict: a class is gone, was changed again since, or its old name or key belongs to another one now.
    """
    found = events(session, target.id)
    if not found:
        return
    query = sa.select(LabelClass).where(LabelClass.project_id == target.project_id)
    present = {item.id: item for item in session.scalars(query)}
    touched = {event.class_id for event in found}
    old_values = {item: values(item) for key, item in present.items() if key in touched}
    for event in found:
        label_class = present.get(event.class_id)
        if label_class is None:
            raise Conflict("class_gone", name=str((event.before | event.after).get("name", event.class_id)))
        _put_back(label_class, event)
    _check_unique(list(present.values()))
    session.flush()
    note(session, change_set, old_values)


def _put_back(label_class: LabelClass, event: ClassEvent) -> None:
    if not event.before:  # it was made by this change: it is offered no more, and stays for its history
        label_class.retired = True
        label_class.key = ""
        return
    for name, value in event.before.items():
        if getattr(label_class, name) != event.after[name] and name != "position":
            raise Conflict("class_changed_since", name=label_class.name)
        setattr(label_class, name, value)


def _check_unique(present: list[LabelClass]) -> None:
    """Names and keys may have been given to other classes since."""
    for column, code in (("name_key", "class_name_taken_since"), ("key", "class_key_taken_since")):
        seen: dict[str, LabelClass] = {}
        for item in present:
            value = getattr(item, column)
            if value and value in seen:
                raise Conflict(code, name=item.name, other=seen[value].name)
            seen[value] = item
