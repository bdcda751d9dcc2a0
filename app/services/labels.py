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

from app.db.models import ChangeSet, Image, LabelClass
from app.domain.enums import LabelSource
from app.domain.errors import Invalid, NotFound
from app.services import gallery
from app.services.label_log import Act, Event, LabelConflict, OtherLabel, by_request, others, record, start
from app.services.label_undo import TakenBack, redo, undo

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


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One image shall have this class (None: no label).

    With ``expected_version`` the change is refused when somebody else changed the label after that version.
    """

    image_id: int
    class_id: int | None
    expected_version: int | None = None


class _Now(NamedTuple):
    class_id: int | None
    version: int


# Every label asks these; putting a statement together anew costs as much as asking it.
_CLASSES = sa.select(LabelClass.id).where(LabelClass.project_id == sa.bindparam("project_id"))
_CURRENT = sa.select(Image.id, Image.class_id, Image.label_version).where(
    gallery.named(sa.bindparam("project_id"), sa.bindparam("ids", expanding=True))
)


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


def _by_image(changes: Iterable[LabelChange]) -> dict[int, LabelChange]:
    wanted: dict[int, LabelChange] = {}
    for change in changes:
        if change.image_id in wanted:
            raise Invalid("image_given_twice", image=change.image_id)
        wanted[change.image_id] = change
    return wanted


def _check_classes(session: Session, project_id: int, class_ids: set[int | None]) -> None:
    asked = class_ids - {None}
    if asked and not asked <= set(session.scalars(_CLASSES, {"project_id": project_id})):
        raise Invalid("class_missing")


def _current(session: Session, project_id: int, image_ids: Sequence[int]) -> dict[int, _Now]:
    current: dict[int, _Now] = {}
    for ids in gallery.chunks(image_ids):
        rows = session.execute(_CURRENT, {"project_id": project_id, "ids": ids})
        current.update((image_id, _Now(class_id, version)) for image_id, class_id, version in rows)
    for image_id in image_ids:
        if image_id not in current:
            raise NotFound("image_missing", image=image_id)
    return current
