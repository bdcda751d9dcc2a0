"""The append-only log of classes: what was changed of a class, and taking that back."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, ClassEvent, LabelClass
from app.domain.enums import Field, LabelSource
from app.domain.errors import Conflict
from app.services.label_log import Act, record

FIELDS = ("name", "name_key", "second_name", "description", "color", "key", "position", "retired")


def values(label_class: LabelClass) -> dict[str, Any]:
    """Everything of a class that may change."""
    return {name: getattr(label_class, name) for name in FIELDS}


def note(session: Session, change_set: ChangeSet, old_values: Mapping[LabelClass, Mapping[str, Any]]) -> None:
    """Write what became of classes since ``old_values`` (class -> ``values``), which may be {} for a new one."""
    for label_class, before in old_values.items():
        after = values(label_class)
        changed = [name for name in FIELDS if name not in before or before[name] != after[name]]
        if changed:
            session.add(
                ClassEvent(
                    change_set_id=change_set.id,
                    class_id=label_class.id,
                    before={name: before[name] for name in changed if name in before},
                    after={name: after[name] for name in changed},
                )
            )
    session.flush()


def act(session: Session, project_id: int, actor: str, request_id: str) -> ChangeSet:
    """A change set for a change of classes alone."""
    return record(session, [], Act(project_id, LabelSource.CLASSES, actor, request_id, field=Field.CLASS))


def events(session: Session, change_set_id: int) -> list[ClassEvent]:
    """What a change set changed of classes."""
    query = sa.select(ClassEvent).where(ClassEvent.change_set_id == change_set_id).order_by(ClassEvent.id)
    return list(session.scalars(query))


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
            raise Conflict("class_gone", name=str(event.after.get("name", event.class_id)))
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
