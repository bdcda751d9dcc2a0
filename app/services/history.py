"""Reading the history of labels, marks and classes: of one image, of a project, of one person's last steps."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.lookups import one_of
from app.db.models import ChangeSet, ClassEvent, Image, LabelClass, LabelEvent, MarkEvent
from app.domain.enums import MARKS, Field, LabelSource
from app.services import class_log

_MOST_COMPARED = 5000  # images of a change set whose earlier labels are looked up for a line of the history


@dataclass(frozen=True, slots=True)
class Step:
    """One event with the act it belongs to: a label (``before_id``, ``after_id``) or a mark (``before``, ``after``)."""

    change_set_id: int
    image_id: int
    image_name: str
    thumbnail_sha256: str
    version: int
    before_id: int | None
    after_id: int | None
    source: str
    actor: str
    at: datetime
    field: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ClassChange:
    """What an act changed of a class; the values that differ. ``name``: what it is called now, or was called last.

    ``gone``: it was deleted since, or by this act. ``before`` is empty where it was added, ``after`` where deleted.
    """

    class_id: int
    name: str
    gone: bool
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One change set as a line of the project's history. ``example`` is one of its events on images.

    ``overruled``: whose labels it replaced by others, and how many. ``counts``: images by the value they got, where it
    changed many at once and the values are few.
    """

    change_set_id: int
    source: str
    actor: str
    at: datetime
    image_count: int
    undone: bool
    several_classes: bool
    example: Step | None
    field: str
    class_changes: list[ClassChange]
    overruled: Mapping[str, int]
    counts: Mapping[str, int]

    @property
    def class_gone(self) -> bool:
        """One of its classes was deleted, so that it cannot be taken back."""
        return any(change.gone for change in self.class_changes)


def of_image(session: Session, project_id: int, image_id: int) -> list[Step]:
    """Everything that happened to the label and the marks of one image, newest first."""
    found = [
        *(Step(*row) for row in session.execute(_steps(project_id).where(LabelEvent.image_id == image_id))),
        *(Step(*row) for row in session.execute(_mark_steps(project_id).where(MarkEvent.image_id == image_id))),
    ]
    return sorted(found, key=lambda step: (step.change_set_id, step.version), reverse=True)


_WRITTEN = (
    sa.select(LabelEvent.image_id, LabelEvent.after_id, LabelEvent.version)
    .where(LabelEvent.change_set_id == sa.bindparam("change_set_id"))
    .order_by(LabelEvent.image_id)
)


def written(session: Session, change_set_id: int, limit: int | None = None) -> list[tuple[int, int | None, int]]:
    """What a change set wrote: image id, class id and label version of each event, in the order of the images."""
    query = _WRITTEN if limit is None else _WRITTEN.limit(limit)
    found = session.execute(query, {"change_set_id": change_set_id})
    return [(image_id, class_id, version) for image_id, class_id, version in found]


def last_steps(session: Session, project_id: int, actor: str, limit: int = 20) -> list[Step]:
    """A person's last events on single images, newest first; the strip of label mode."""
    newest = (
        sa.select(ChangeSet.id)
        .where(ChangeSet.project_id == project_id, ChangeSet.actor == actor[:100], ChangeSet.image_count == 1)
        .order_by(ChangeSet.id.desc())
        .limit(limit)
    )
    chosen = list(session.scalars(newest))
    found = [
        *(Step(*row) for row in session.execute(_steps(project_id).where(LabelEvent.change_set_id.in_(chosen)))),
        *(Step(*row) for row in session.execute(_mark_steps(project_id).where(MarkEvent.change_set_id.in_(chosen)))),
    ]
    return sorted(found, key=lambda step: step.change_set_id, reverse=True)


def of_project(session: Session, project_id: int, *, before_id: int | None = None, limit: int = 50) -> list[Act]:
    """The change sets of a project, newest first; ``before_id`` is the last one of the page before.

    Change sets that changed nothing are left out.
    """
    counted = sa.or_(ChangeSet.image_count > 0, ChangeSet.id.in_(sa.select(ClassEvent.change_set_id)))
    query = sa.select(ChangeSet).where(ChangeSet.project_id == project_id, counted)
    if before_id is not None:
        query = query.where(ChangeSet.id < before_id)
    found = session.scalars(query.order_by(ChangeSet.id.desc()).limit(limit)).all()
    examples = _examples(session, project_id, found)
    class_changes = _class_changes(session, [change.id for change in found])
    overruled = _overruled(session, [change.id for change in found if change.image_count <= _MOST_COMPARED])
    return [
        Act(
            change_set_id=change.id,
            source=change.source,
            actor=change.actor,
            at=change.created_at,
            image_count=change.image_count,
            undone=change.undone_by_id is not None,
            several_classes=examples[change.id][1] if change.id in examples else False,
            example=examples[change.id][0] if change.id in examples else None,
            field=change.field,
            class_changes=class_changes.get(change.id, []),
            overruled=overruled.get(change.id, {}),
            counts=(change.outcome or {}).get("counts", {}),
        )
        for change in found
    ]


def newest(session: Session, project_id: int) -> int:
    """The id of the newest change set; 0 before the first."""
    return session.scalar(sa.select(sa.func.max(ChangeSet.id)).where(ChangeSet.project_id == project_id)) or 0


def replaced_since(session: Session, project_id: int, actor: str, since: int) -> dict[str, int]:
    """Who gave other labels to how many images that ``actor`` had labelled, in change sets behind ``since``."""
    later = sa.select(ChangeSet.id).where(
        ChangeSet.project_id == project_id, ChangeSet.id > since, ChangeSet.actor != actor[:100]
    )
    before, mine = aliased(LabelEvent), aliased(ChangeSet)
    query = (
        sa.select(ChangeSet.actor, sa.func.count())
        .select_from(LabelEvent)
        .join(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
        .join(before, sa.and_(before.image_id == LabelEvent.image_id, before.version == LabelEvent.version - 1))
        .join(mine, mine.id == before.change_set_id)
        .where(LabelEvent.change_set_id.in_(later), mine.actor == actor[:100], before.after_id.is_not(None))
        .group_by(ChangeSet.actor)
        .order_by(ChangeSet.actor)
    )
    return {str(name): int(count) for name, count in session.execute(query)}


def act(session: Session, project_id: int, change_set_id: int) -> Act | None:
    """One change set as a line of the history; None where there is none or it changed nothing."""
    found = of_project(session, project_id, before_id=change_set_id + 1, limit=1)
    return found[0] if found and found[0].change_set_id == change_set_id else None


def _overruled(session: Session, change_set_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """For each change set: labels of other people that it replaced. Imports are nobody's word, undo is told as such."""
    before, theirs = aliased(LabelEvent), aliased(ChangeSet)
    query = (
        sa.select(LabelEvent.change_set_id, theirs.actor, sa.func.count())
        .join(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
        .join(before, sa.and_(before.image_id == LabelEvent.image_id, before.version == LabelEvent.version - 1))
        .join(theirs, theirs.id == before.change_set_id)
        .where(LabelEvent.change_set_id.in_(change_set_ids), ChangeSet.undoes_id.is_(None))
        .where(theirs.actor != ChangeSet.actor, theirs.source != LabelSource.IMPORT, before.after_id.is_not(None))
        .group_by(LabelEvent.change_set_id, theirs.actor)
        .order_by(theirs.actor)
    )
    found: dict[int, dict[str, int]] = {}
    for change_set_id, actor, count in session.execute(query):
        found.setdefault(change_set_id, {})[actor] = count
    return found


def _class_changes(session: Session, change_set_ids: Sequence[int]) -> dict[int, list[ClassChange]]:
    query = (
        sa.select(ClassEvent, LabelClass.name)
        .outerjoin(LabelClass, LabelClass.id == ClassEvent.class_id)
        .where(ClassEvent.change_set_id.in_(change_set_ids))
        .order_by(ClassEvent.id)
    )
    rows = session.execute(query).all()
    last_names = _last_names(session, {event.class_id for event, name in rows if name is None})
    found: dict[int, list[ClassChange]] = {}
    for event, name in rows:
        after = {key: value for key, value in event.after.items() if key in class_log.FIELDS}
        called = last_names.get(event.class_id, "") if name is None else name
        change = ClassChange(event.class_id, called, name is None, event.before, after)
        found.setdefault(event.change_set_id, []).append(change)
    return found


def _last_names(session: Session, class_ids: Set[int]) -> dict[int, str]:
    """What classes that are gone were called last, as far as the log tells."""
    if not class_ids:
        return {}
    query = sa.select(ClassEvent).where(one_of(ClassEvent.class_id.expression, class_ids)).order_by(ClassEvent.id)
    told = ((event.class_id, event.before | event.after) for event in session.scalars(query))
    return {class_id: values["name"] for class_id, values in told if "name" in values}


def _examples(session: Session, project_id: int, changes: Sequence[ChangeSet]) -> dict[int, tuple[Step, bool]]:
    """For each change set one of its events, and whether its images got different classes or texts."""
    found: dict[int, tuple[Step, bool]] = {}
    for query, event, value, mine in (
        (_steps(project_id), LabelEvent, sa.func.coalesce(LabelEvent.after_id, 0), _labelling),
        (_mark_steps(project_id), MarkEvent, sa.func.coalesce(MarkEvent.after, ""), _marking),
    ):
        told = {change.id: change.outcome for change in changes if change.outcome and mine(change)}
        if told:
            firsts = [(change_set_id, outcome["first"]) for change_set_id, outcome in told.items()]
            known = query.where(sa.tuple_(event.change_set_id, event.image_id).in_(firsts))
            found |= {row[0]: (Step(*row), told[row[0]]["kinds"] > 1) for row in session.execute(known)}
        if rest := [change.id for change in changes if mine(change) and change.id not in found]:
            spread = _spread(event, value, rest)
            joined = query.add_columns(spread.c.different).join(spread, spread.c.first_id == event.id)
            found |= {row[0]: (Step(*row[:-1]), row[-1] > 1) for row in session.execute(joined)}
    return found


def _labelling(change: ChangeSet) -> bool:
    return change.field == Field.LABEL


def _marking(change: ChangeSet) -> bool:
    return change.field in (*MARKS, Field.SPLIT)


def _spread(
    event: type[LabelEvent] | type[MarkEvent], value: sa.ColumnElement[Any], change_set_ids: Sequence[int]
) -> sa.Subquery:
    return (
        sa.select(
            event.change_set_id,
            sa.func.min(event.id).label("first_id"),
            sa.func.count(sa.distinct(value)).label("different"),
        )
        .where(event.change_set_id.in_(change_set_ids))
        .group_by(event.change_set_id)
        .subquery()
    )


def _steps(project_id: int) -> sa.Select[*tuple[Any, ...]]:
    return _of_images(project_id, LabelEvent, LabelEvent.before_id, LabelEvent.after_id)


def _mark_steps(project_id: int) -> sa.Select[*tuple[Any, ...]]:
    none = sa.null()
    return _of_images(project_id, MarkEvent, none, none).add_columns(MarkEvent.before, MarkEvent.after)


def _of_images(
    project_id: int, event: type[LabelEvent] | type[MarkEvent], before: Any, after: Any
) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            ChangeSet.id,
            Image.id,
            Image.name,
            Image.thumbnail_sha256,
            event.version,
            before,
            after,
            ChangeSet.source,
            ChangeSet.actor,
            ChangeSet.created_at,
            ChangeSet.field,
        )
        .select_from(event)
        .join(ChangeSet, ChangeSet.id == event.change_set_id)
        .join(Image, Image.id == event.image_id)
        .where(ChangeSet.project_id == project_id)
    )
