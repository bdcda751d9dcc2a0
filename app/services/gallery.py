"""The images of a project that match a filter: pages of them, neighbours, and the counts beside the filters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image
from app.domain.errors import Conflict, NotFound
from app.services import listing, name_order, names, places
from app.services.image_counts import Counts, counts, total
from app.services.image_filter import (
    ALL,
    BIG,
    CHUNK,
    MARKED,
    NONE,
    ImageFilter,
    checked,
    chunks,
    conditions,
    named,
    pieces,
)

__all__ = [
    "ALL",
    "CHUNK",
    "MARKED",
    "NONE",
    "Counts",
    "ImageFilter",
    "ImageRow",
    "after",
    "before",
    "check_not_grown",
    "checked",
    "chunks",
    "conditions",
    "counts",
    "ids",
    "image",
    "matching",
    "named",
    "pieces",
    "position",
    "resolved",
    "rows",
    "total",
]

MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What a tile or the label page needs to know of an image."""

    id: int
    name: str
    class_id: int | None
    version: int
    split: str | None
    state: str
    reason: str
    unsure: bool
    skipped: bool
    checked: bool  # somebody found the label right
    note: str
    width: int
    height: int
    canonical_sha256: str
    thumbnail_sha256: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the images that match, in a stable order, and how many match in all."""

    total: int
    offset: int
    rows: list[ImageRow]


def ids(session: Session, project_id: int, chosen: ImageFilter, offset: int = 0, limit: int = 500) -> Page:
    """Images ``offset`` to ``offset + limit`` of those that match, at most ``MAX_LIMIT``."""
    offset, limit = max(0, min(offset, BIG)), max(0, min(limit, MAX_LIMIT))
    if chosen.beyond or chosen.sort:
        return _sorted(session, project_id, chosen, offset, limit)
    chosen = names.narrowed(session, project_id, chosen)
    matching_now = total(session, project_id, chosen)
    wanted = sa.select(Image.id).where(*conditions(project_id, chosen))
    left = matching_now - offset
    stretch = places.stretch(session, project_id, chosen, offset, limit)
    if stretch is not None:
        wanted = wanted.where(stretch.inside).order_by(Image.id).offset(stretch.skipped).limit(limit)
    elif offset > left > 0:  # nearer to the end: counted from there
        wanted = wanted.order_by(Image.id.desc()).offset(max(0, left - limit)).limit(min(limit, left))
    else:
        wanted = wanted.order_by(Image.id).offset(offset).limit(limit)
    return Page(matching_now, offset, rows(session, project_id, list(session.scalars(wanted))))


def after(session: Session, project_id: int, chosen: ImageFilter, image_id: int = 0, limit: int = 50) -> list[ImageRow]:
    """The next images that match behind ``image_id``: the queue of label mode, which shrinks while it is worked off."""
    if chosen.beyond or chosen.sort:
        return _beside(session, project_id, chosen, image_id, limit, forward=True)
    chosen = names.narrowed(session, project_id, chosen)
    query = _columns().where(*conditions(project_id, chosen), Image.id > image_id)
    return [ImageRow(*row) for row in session.execute(query.order_by(Image.id).limit(max(0, min(limit, MAX_LIMIT))))]


def matching(
    session: Session,
    fits: Sequence[sa.ColumnElement[bool]],
    key: sa.ColumnElement[Any],
    limit: int = MAX_LIMIT,
) -> list[ImageRow]:
    """Images that fulfil conditions, that of their project among them, in the order of a column."""
    query = _columns().where(*fits).order_by(key).limit(max(0, min(limit, MAX_LIMIT)))
    return [ImageRow(*row) for row in session.execute(query)]


def before(session: Session, project_id: int, chosen: ImageFilter, image_id: int, limit: int = 1) -> list[ImageRow]:
    """The images that match in front of ``image_id``, nearest first."""
    if chosen.beyond or chosen.sort:
        return _beside(session, project_id, chosen, image_id, limit, forward=False)
    chosen = names.narrowed(session, project_id, chosen)
    query = _columns().where(*conditions(project_id, chosen), Image.id < image_id)
    return [ImageRow(*row) for row in session.execute(query.order_by(Image.id.desc()).limit(limit))]


def rows(session: Session, project_id: int, image_ids: Sequence[int]) -> list[ImageRow]:
    """The images named, in the order of their ids; those of another project are left out."""
    found: list[ImageRow] = []
    for some in chunks(sorted(image_ids)):
        query = _columns().where(named(project_id, some)).order_by(Image.id)
        found += [ImageRow(*row) for row in session.execute(query)]
    return found


def image(session: Session, project_id: int, image_id: int) -> Image:
    """One image of the project.

    Raises:
        NotFound: there is no such image in this project.
    """
    found = session.get(Image, image_id) if image_id < BIG else None
    if found is None or found.project_id != project_id:
        raise NotFound("image_missing", image=image_id)
    return found


def position(session: Session, project_id: int, chosen: ImageFilter, image_id: int) -> int:
    """How many of the images that match come before ``image_id``."""
    if chosen.beyond or chosen.sort:
        place = name_order.position(session, project_id, chosen, image_id)
        return max(0, _place(session, project_id, chosen, image_id)) if place is None else place
    query, in_front, passed = sa.select(sa.func.count()).select_from(Image), Image.id < image_id, 0
    if places.known(chosen):
        passed, in_front = places.before(session, project_id, chosen, image_id), places.block_of(image_id)
    chosen = names.narrowed(session, project_id, chosen)
    return passed + (session.scalar(query.where(*conditions(project_id, chosen), in_front)) or 0)


def resolved(session: Session, project_id: int, chosen: ImageFilter) -> ImageFilter:
    """The same images now, by a filter that conditions of a query can say: what is beyond them becomes ids."""
    if not chosen.beyond:
        return chosen.plain
    return replace(chosen.plain, ids=tuple(listing.ids(session, project_id, chosen).tolist()))


def check_not_grown(session: Session, project_id: int, chosen: ImageFilter, shown: int) -> None:
    """Nobody may label pictures unseen: more images than the page showed must not match.

    Raises:
        Conflict: ``selection_grew`` with both numbers.
    """
    found = total(session, project_id, chosen)
    if found > shown:
        raise Conflict("selection_grew", shown=shown, found=found)


def _sorted(session: Session, project_id: int, chosen: ImageFilter, offset: int, limit: int) -> Page:
    """A page of an order that is not that of the import, or of a filter that only arrays know."""
    by_name = name_order.page(session, project_id, chosen, offset, limit)
    if by_name is not None:
        matching_now, found = by_name
        return Page(matching_now, offset, _in_order(session, project_id, found))
    listed = listing.ids(session, project_id, chosen)
    return Page(len(listed), offset, _in_order(session, project_id, listed[offset : offset + limit].tolist()))


def _beside(
    session: Session, project_id: int, chosen: ImageFilter, image_id: int, limit: int, *, forward: bool
) -> list[ImageRow]:
    found = name_order.beside(session, project_id, chosen, image_id, limit, forward=forward)
    if found is None:
        listed, place = listing.ids(session, project_id, chosen), _place(session, project_id, chosen, image_id)
        part = listed[place + 1 :][:limit] if forward else listed[max(0, place - limit) : max(0, place)][::-1]
        found = part.tolist()
    return _in_order(session, project_id, found)


def _place(session: Session, project_id: int, chosen: ImageFilter, image_id: int) -> int:
    """The place of an image in a list; -1 when it does not match."""
    found = (listing.ids(session, project_id, chosen) == image_id).nonzero()[0]
    return int(found[0]) if len(found) else -1


def _in_order(session: Session, project_id: int, image_ids: Sequence[int]) -> list[ImageRow]:
    by_id = {row.id: row for row in rows(session, project_id, image_ids)}
    return [by_id[image_id] for image_id in image_ids if image_id in by_id]


def _columns() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        Image.id,
        Image.name,
        Image.class_id,
        Image.label_version,
        Image.split,
        Image.state,
        Image.reason,
        Image.unsure,
        Image.skipped,
        checked(),
        Image.note,
        Image.width,
        Image.height,
        Image.canonical_sha256,
        Image.thumbnail_sha256,
    )
