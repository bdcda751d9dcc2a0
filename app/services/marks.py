"""Marks of an image: excluded with a reason, unsure, skipped, label found right, a note; source, licence and whether
it may be shown.

They are changed and taken back in the same way as labels: one change set for one act of a person, of any size, with
one event for each image whose mark really changed. ``labels.undo`` and ``labels.redo`` work on them too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image, MarkEvent
from app.domain.enums import MARKS, Field, ImageState, LabelSource
from app.domain.errors import Invalid, NotFound
from app.services import gallery
from app.services.label_log import Act, Event, mark_now, record, start
from app.services.projects import clean_line

# The usual reasons to exclude an image, as they are stored; any other text may be given too.
REASONS = ("blurred", "damaged", "unrelated", "duplicate", "several", "private")
BUTTONS = {
    "exclude": Field.EXCLUDED,
    "include": Field.EXCLUDED,
    "unsure": Field.UNSURE,
    "skip": Field.SKIPPED,
    "right": Field.CHECKED,
    "note": Field.NOTE,
}
LONGEST = {Field.EXCLUDED: 200, Field.NOTE: 2000, Field.ORIGIN: 500, Field.LICENCE: 100}
PUBLISH = ("yes", "no")
_CLASS_ID = re.compile("[0-9]{1,9}")


class Mark(NamedTuple):
    """A mark and its value: the reason, the note or ""; None takes it off.

    The value of "the label is right" is the id of the class that was seen: the mark does nothing where another one is
    by now. "" means whatever class an image has, "0" that none was seen.
    """

    field: Field
    value: str | None


class Who(TypedDict):
    """By what means, by whom and by which request a mark is changed."""

    source: LabelSource
    actor: str
    request_id: str


def put(
    session: Session,
    project_id: int,
    chosen: gallery.ImageFilter,
    mark: Mark,
    *,
    source: LabelSource,
    actor: str,
    request_id: str,
) -> ChangeSet:
    """Set a mark of all images that match, or take it off, in one change set.

    Raises:
        Invalid: not a mark, a note or reason that is too long, an unusable request id.
        NotFound: an image named by id is not of this project.
    """
    if (known := start(session, project_id, request_id)) is not None:
        return known
    field, text = _checked(mark)
    events: list[Event] = []
    now, wanted = mark_now(field), _wanted(field, text)
    differs = [now.is_distinct_from(wanted), *_still(field, text)]
    for piece in gallery.pieces(chosen):
        query = sa.select(Image.id, Image.mark_version, now, wanted).where(
            *gallery.conditions(project_id, piece), *differs
        )
        rows = session.execute(query.order_by(Image.id))
        events += [Event(image_id, version + 1, before, after) for image_id, version, before, after in rows]
    return record(session, events, Act(project_id, source, actor, request_id, field=field))


def put_each(
    session: Session,
    project_id: int,
    image_ids: Sequence[int],
    mark: Mark,
    *,
    source: LabelSource,
    actor: str,
    request_id: str,
) -> ChangeSet:
    """``put`` for images by id, all of which must be of this project.

    Raises:
        As ``put``.
    """
    unique = tuple(dict.fromkeys(image_ids))
    chosen = gallery.ImageFilter(state=None, ids=unique)
    if gallery.total(session, project_id, chosen) != len(unique):
        known = {row.id for row in gallery.rows(session, project_id, unique)}
        raise NotFound("image_missing", image=next(image_id for image_id in unique if image_id not in known))
    return put(session, project_id, chosen, mark, source=source, actor=actor, request_id=request_id)


def put_values(
    session: Session, project_id: int, field: Field, values: Mapping[int, str | None], **who: Unpack[Who]
) -> ChangeSet:
    """Set a mark of each image to a value of its own, in one change set; for imports.

    Raises:
        As ``put``.
    """
    if (known := start(session, project_id, who["request_id"])) is not None:
        return known
    wanted = {image_id: _checked(Mark(field, value)).value for image_id, value in values.items()}
    events: list[Event] = []
    for ids in gallery.chunks(sorted(wanted)):
        query = sa.select(Image.id, Image.mark_version, mark_now(field), _wanted(field, "")).where(
            gallery.named(project_id, ids)
        )
        for image, at, now, right in session.execute(query.order_by(Image.id)):
            after = right if field == Field.CHECKED and wanted[image] is not None else wanted[image]
            events += [Event(image, at + 1, now, after)] if now != after else []
    act = Act(project_id, who["source"], who["actor"], who["request_id"], field=field)
    return record(session, events, act)


def press(
    session: Session, project_id: int, image_ids: Sequence[int], button: str, text: str = "", **who: Unpack[Who]
) -> ChangeSet:
    """What a button of a plain form does with images: one of ``BUTTONS``. "exclude" and "unsure" turn back what all
    of the images are already.

    Raises:
        As ``put``.
    """
    field = BUTTONS[button]
    value: str | None = None if button == "include" else text
    if button in ("exclude", "unsure") and not text:
        found = gallery.rows(session, project_id, image_ids)
        marked = [row.state == ImageState.EXCLUDED if field == Field.EXCLUDED else row.unsure for row in found]
        value = None if marked and all(marked) else ""
    return put_each(session, project_id, image_ids, Mark(field, value), **who)


def written(session: Session, change_set_id: int, limit: int | None = None) -> list[tuple[int, str | None, int]]:
    """What a change set wrote: image id, value and mark version of each event, in the order of the images."""
    query = sa.select(MarkEvent.image_id, MarkEvent.after, MarkEvent.version)
    query = query.where(MarkEvent.change_set_id == change_set_id).order_by(MarkEvent.image_id).limit(limit)
    return [(image_id, after, version) for image_id, after, version in session.execute(query)]


def _wanted(field: Field, text: str | None) -> sa.ColumnElement[str | None]:
    """What a mark shall be: the text, or of a label that was found right the class that it is."""
    if field == Field.CHECKED and text is not None:
        return sa.cast(Image.class_id, sa.String)
    return sa.literal(text, sa.String)


def _still(field: Field, text: str | None) -> list[sa.ColumnElement[bool]]:
    """Of a label that was found right: that the image still has the class that was seen."""
    return [Image.class_id == int(text)] if field == Field.CHECKED and text else []


def _checked(mark: Mark) -> Mark:
    field, value = mark
    if field not in MARKS:
        raise Invalid("mark_unknown", field=str(field)[:40])
    if value is None:
        return mark
    if field in (Field.UNSURE, Field.SKIPPED):
        return Mark(field, "")
    if field == Field.CHECKED:
        if value and not _CLASS_ID.fullmatch(value):
            raise Invalid("mark_unknown", field=value[:40])
        return mark
    text = clean_line(" ".join(value.split()))
    if field == Field.PUBLISH:
        if text not in {"", *PUBLISH}:
            raise Invalid("mark_unknown", field=text[:40])
        return Mark(field, text or None)
    if len(text) > LONGEST[field]:
        raise Invalid("mark_too_long", longest=LONGEST[field])
    return Mark(field, text if text or field == Field.EXCLUDED else None)
