"""The append-only log of labels: how a change is written, and who gave a label. Used through ``labels``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from app.db.models import ChangeSet, Image, LabelEvent
from app.domain.enums import LabelSource
from app.domain.errors import Conflict, Invalid
from app.services import gallery, projects


@dataclass(frozen=True, slots=True)
class OtherLabel:
    """The label that stood in the way: its value, who gave it and when (unknown for a label never changed)."""

    image_id: int
    class_id: int | None
    version: int
    actor: str | None
    at: datetime | None


class LabelConflict(Conflict):
    """Labels were changed since the caller saw them; nothing was written. ``conflicts`` names each of them."""

    def __init__(self, code: str, conflicts: Sequence[OtherLabel]) -> None:
        super().__init__(code, count=len(conflicts))
        self.conflicts = list(conflicts)


class Event(NamedTuple):
    """A label event that is going to be written."""

    image_id: int
    version: int
    before_id: int | None
    after_id: int | None


@dataclass(frozen=True, slots=True)
class Act:
    """What all events of one change set have in common."""

    project_id: int
    source: LabelSource
    actor: str
    request_id: str
    undoes_id: int | None = None


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


def by_request(session: Session, project_id: int, request_id: str) -> ChangeSet | None:
    """The change set that a request made, if it arrived."""
    query = sa.select(ChangeSet).where(ChangeSet.project_id == project_id, ChangeSet.request_id == request_id)
    return session.scalar(query)


def record(session: Session, events: Sequence[Event], act: Act) -> ChangeSet:
    """Write the change set, its events and the images; the one place that does."""
    change_set = ChangeSet(
        project_id=act.project_id,
        request_id=act.request_id,
        source=act.source,
        actor=act.actor[:100],
        image_count=len(events),
        undoes_id=act.undoes_id,
    )
    session.add(change_set)
    session.flush()
    if events:
        connection = session.connection()
        images = cast("sa.Table", Image.__table__)
        log = cast("sa.Table", LabelEvent.__table__)
        connection.execute(log.insert(), [{"change_set_id": change_set.id, **event._asdict()} for event in events])
        connection.execute(
            images.update()
            .values(class_id=log.c.after_id, label_version=log.c.version)
            .where(log.c.change_set_id == change_set.id, log.c.image_id == images.c.id)
        )
        _tell_loaded(session, events)
    return change_set


def _tell_loaded(session: Session, events: Sequence[Event]) -> None:
    """Image objects that the caller holds show the new label; loading them all again would cost a query each."""
    for event in events:
        image = session.identity_map.get(identity_key(Image, event.image_id))
        if image is not None:
            set_committed_value(image, "class_id", event.after_id)
            set_committed_value(image, "label_version", event.version)


def others(session: Session, image_ids: Sequence[int]) -> list[OtherLabel]:
    """The present labels of images with who gave them and when, in the order of the ids."""
    found: list[OtherLabel] = []
    given_by = sa.and_(LabelEvent.image_id == Image.id, LabelEvent.version == Image.label_version)
    for ids in gallery.chunks(sorted(image_ids)):
        query = (
            sa.select(Image.id, Image.class_id, Image.label_version, ChangeSet.actor, ChangeSet.created_at)
            .outerjoin(LabelEvent, given_by)
            .outerjoin(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
            .where(Image.id.in_(ids))
            .order_by(Image.id)
        )
        found += [OtherLabel(*row) for row in session.execute(query)]
    return found
