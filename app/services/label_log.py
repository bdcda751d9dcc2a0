"""The append-only log of labels and marks: how a change is written, and who gave what. Used through ``labels``.

Labels and marks have a log each, ``LabelEvent`` and ``MarkEvent``, and a version each on the image: a note does not
make the label that somebody else has on the screen out of date.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from app.db.models import ChangeSet, Image, LabelEvent, MarkEvent
from app.domain.enums import SPLIT_SOURCES, Field, ImageState, LabelSource, Split
from app.domain.errors import Conflict, Invalid
from app.services import gallery, projects

_FEW = 8  # different values of a change set that are counted for its line of the history


@dataclass(frozen=True, slots=True)
class OtherLabel:
    """The label or mark that stood in the way: its value, who gave it and when (unknown where it never changed).

    ``class_id`` is the value of a label, ``text`` that of a mark.
    """

    image_id: int
    class_id: int | None
    version: int
    actor: str | None
    at: datetime | None
    text: str | None = None


class LabelConflict(Conflict):
    """Labels were changed since the caller saw them; nothing was written. ``conflicts`` names each of them."""

    def __init__(self, code: str, conflicts: Sequence[OtherLabel]) -> None:
        super().__init__(code, count=len(conflicts))
        self.conflicts = list(conflicts)


class Event(NamedTuple):
    """An event that is going to be written. ``before`` and ``after``: class ids, or texts of a mark; None: not set."""

    image_id: int
    version: int
    before: int | str | None
    after: int | str | None


@dataclass(frozen=True, slots=True)
class Act:
    """What all events of one change set have in common."""

    project_id: int
    source: LabelSource
    actor: str
    request_id: str
    undoes_id: int | None = None
    field: Field = Field.LABEL


class Log(NamedTuple):
    """Where the events of a field stand: their table, its columns, and what the image has of it now."""

    event: type[LabelEvent] | type[MarkEvent]
    before: sa.ColumnElement[Any]
    after: sa.ColumnElement[Any]
    now: sa.ColumnElement[Any]
    version: sa.ColumnElement[int]


def log_of(field: str) -> Log:
    """The log that a field is written to."""
    if field == Field.LABEL:
        before, after, version = (cast("sa.ColumnElement[Any]", column) for column in _LABEL_COLUMNS)
        return Log(LabelEvent, before, after, cast("sa.ColumnElement[Any]", Image.class_id), version)
    before, after, version = (cast("sa.ColumnElement[Any]", column) for column in _MARK_COLUMNS)
    return Log(MarkEvent, before, after, mark_now(Field(field)), version)


_LABEL_COLUMNS = (LabelEvent.before_id, LabelEvent.after_id, Image.label_version)
_MARK_COLUMNS = (MarkEvent.before, MarkEvent.after, Image.mark_version)


_TEXTS: Mapping[Field, sa.ColumnElement[str]] = {
    Field.NOTE: cast("sa.ColumnElement[str]", Image.note),
    Field.ORIGIN: cast("sa.ColumnElement[str]", Image.origin),
    Field.LICENCE: cast("sa.ColumnElement[str]", Image.licence),
    Field.PUBLISH: cast("sa.ColumnElement[str]", Image.publish),
}


def mark_now(field: Field) -> sa.ColumnElement[str | None]:
    """A mark of an image as its events have it: None when it is not set, else the reason, the text or "".

    A split is written with how the image came there, such as "test:drawn".
    """
    empty: sa.ColumnElement[str] = sa.literal("")
    if field == Field.EXCLUDED:
        return sa.case((Image.state == ImageState.EXCLUDED, Image.reason), else_=None)
    if field == Field.UNSURE:
        return sa.case((Image.unsure, empty), else_=None)
    if field == Field.SKIPPED:
        return sa.case((Image.skipped, empty), else_=None)
    if field == Field.CHECKED:
        return sa.cast(Image.checked_id, sa.String)
    if field == Field.SPLIT:
        return sa.case((Image.split.is_not(None), sa.type_coerce(Image.split, sa.String) + ":" + Image.split_source))
    return sa.func.nullif(_TEXTS[field], "")


def start(session: Session, project_id: int, request_id: str) -> ChangeSet | None:
    """Make label changes of one project wait for each other; return the result of a repeated request.

    Raises:
        Invalid: the request id is empty or longer than 64 characters.
        NotFound: there is no such project.
    """
    if not 0 < len(request_id) <= 64:
        raise Invalid("request_id_invalid")
    session.flush()
    projects.lock(session, project_id)
    return by_request(session, project_id, request_id)


_BY_REQUEST = sa.select(ChangeSet).where(
    ChangeSet.project_id == sa.bindparam("project_id"), ChangeSet.request_id == sa.bindparam("request_id")
)


def by_request(session: Session, project_id: int, request_id: str) -> ChangeSet | None:
    """The change set that a request made, if it arrived."""
    return session.scalar(_BY_REQUEST, {"project_id": project_id, "request_id": request_id})


def record(session: Session, events: Sequence[Event], act: Act) -> ChangeSet:
    """Write the change set, its events and the images."""
    change_set = _begun(session, act, len(events))
    if events:
        log = log_of(act.field)
        table = cast("sa.Table", log.event.__table__)
        names = ("image_id", "version", str(log.before.key), str(log.after.key))
        rows = [{"change_set_id": change_set.id, **dict(zip(names, event, strict=True))} for event in events]
        session.connection().execute(table.insert(), rows)
        session.connection().execute(_update_of(act.field), {"written": change_set.id})
        _tell_loaded(session, events, act.field)
    if len(events) > 1:
        change_set.outcome = _outcome(events[0].image_id, Counter(event.after for event in events))
    session.flush()
    return change_set


def record_chosen(session: Session, rows: Iterable[sa.Select[*tuple[Any, ...]]], act: Act) -> ChangeSet:
    """``record`` for events that the database finds by itself, so that a million of them never come here.

    Args:
        session: of the caller.
        rows: each selects image id, version, before and after of some events.
        act: what they have in common.
    """
    change_set = _begun(session, act)
    log = log_of(act.field)
    table = cast("sa.Table", log.event.__table__)
    names = ("change_set_id", "image_id", "version", str(log.before.key), str(log.after.key))
    for query in rows:
        found = query.subquery()
        events = sa.select(sa.literal(change_set.id), *found.c).order_by(next(iter(found.c)))
        insert = table.insert().from_select(names, events).execution_options(preserve_rowcount=True)
        written = session.connection().execute(insert)
        change_set.image_count += written.rowcount
    if change_set.image_count:
        session.connection().execute(_update_of(act.field), {"written": change_set.id})
        for image in [item for item in session.identity_map.values() if isinstance(item, Image)]:
            session.expire(image)
    if change_set.image_count > 1:
        mine = log.event.change_set_id == change_set.id
        first = session.scalar(sa.select(sa.func.min(log.event.image_id)).where(mine)) or 0
        values = session.execute(sa.select(log.after, sa.func.count()).where(mine).group_by(log.after).limit(_FEW + 1))
        change_set.outcome = _outcome(first, {value: count for value, count in values})  # noqa: C416 - rows are no pairs
    session.flush()
    return change_set


def _begun(session: Session, act: Act, count: int = 0) -> ChangeSet:
    change_set = ChangeSet(
        project_id=act.project_id,
        request_id=act.request_id,
        source=act.source,
        field=act.field,
        actor=act.actor[:100],
        image_count=count,
        undoes_id=act.undoes_id,
    )
    session.add(change_set)
    session.flush()
    return change_set


def _outcome(first: int, counts: Mapping[Any, int]) -> dict[str, Any]:
    """What a line of the history tells of many images; to read it from a million events would take too long.

    ``kinds`` says no more than "many" above ``_FEW``.
    """
    few = counts if len(counts) <= _FEW else {}
    return {"first": first, "kinds": len(counts), "counts": {str(key or ""): count for key, count in few.items()}}


@cache
def _update_of(field: Field) -> sa.Update:
    """The images of the change set ``written`` get what its events say."""
    log = log_of(field)
    table, images = cast("sa.Table", log.event.__table__), cast("sa.Table", Image.__table__)
    return (
        images.update()
        .values(**_values(field, log.after), **{str(log.version.key): table.c.version})
        .where(table.c.change_set_id == sa.bindparam("written"), table.c.image_id == images.c.id)
    )


def _values(field: Field, after: sa.ColumnElement[Any]) -> dict[str, Any]:
    """What an event does to the columns of its image."""
    if field == Field.LABEL:
        return {"class_id": after}
    if field == Field.EXCLUDED:
        state = sa.case((after.is_(None), ImageState.ACTIVE.value), else_=ImageState.EXCLUDED.value)
        return {"state": state, "reason": sa.func.coalesce(after, "")}
    if field in _TEXTS:
        return {field.value: sa.func.coalesce(after, "")}
    if field == Field.CHECKED:
        return {"checked_id": sa.cast(after, sa.Integer)}
    if field == Field.SPLIT:
        split = sa.case(*((after.startswith(f"{name}:"), name.value) for name in Split))
        source = sa.case(*((after.endswith(f":{name}"), name) for name in SPLIT_SOURCES), else_="")
        return {"split": split, "split_source": source}
    return {field.value: after.is_not(None)}


def _tell_loaded(session: Session, events: Sequence[Event], field: Field) -> None:
    """Image objects that the caller holds show the new label; loading them all again would cost a query each."""
    for event in events:
        image = session.identity_map.get(identity_key(Image, event.image_id))
        if image is None:
            continue
        if field == Field.LABEL:
            set_committed_value(image, "class_id", event.after)
            set_committed_value(image, "label_version", event.version)
        else:
            session.expire(image)


def others(session: Session, image_ids: Sequence[int], field: str = Field.LABEL) -> list[OtherLabel]:
    """The present labels or marks of images with who gave them and when, in the order of the ids."""
    found: list[OtherLabel] = []
    for ids in gallery.chunks(sorted(image_ids)):
        found += _labels(session, ids) if field == Field.LABEL else _marks(session, ids, Field(field))
    return found


def _labels(session: Session, ids: Sequence[int]) -> list[OtherLabel]:
    given_by = sa.and_(LabelEvent.image_id == Image.id, LabelEvent.version == Image.label_version)
    query = (
        sa.select(Image.id, Image.class_id, Image.label_version, ChangeSet.actor, ChangeSet.created_at)
        .outerjoin(LabelEvent, given_by)
        .outerjoin(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
        .where(Image.id.in_(ids))
        .order_by(Image.id)
    )
    return [OtherLabel(*row) for row in session.execute(query)]


def _marks(session: Session, ids: Sequence[int], field: Field) -> list[OtherLabel]:
    newest = (
        sa.select(MarkEvent.image_id, sa.func.max(MarkEvent.change_set_id).label("change_set_id"))
        .join(ChangeSet, ChangeSet.id == MarkEvent.change_set_id)
        .where(MarkEvent.image_id.in_(ids), ChangeSet.field == field)
        .group_by(MarkEvent.image_id)
        .subquery()
    )
    query = (
        sa.select(Image.id, sa.null(), Image.mark_version, ChangeSet.actor, ChangeSet.created_at, mark_now(field))
        .outerjoin(newest, newest.c.image_id == Image.id)
        .outerjoin(ChangeSet, ChangeSet.id == newest.c.change_set_id)
        .where(Image.id.in_(ids))
        .order_by(Image.id)
    )
    return [OtherLabel(*row) for row in session.execute(query)]
