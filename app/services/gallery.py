"""The images of a project that match a filter: pages of them, neighbours, and the counts beside the filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch
from app.domain.enums import ImageState
from app.domain.errors import Conflict, NotFound
from app.services.image_filter import ALL, BIG, CHUNK, MARKED, NONE, ImageFilter, chunks, conditions, pieces

__all__ = [
    "ALL",
    "CHUNK",
    "MARKED",
    "NONE",
    "ImageFilter",
    "ImageRow",
    "after",
    "before",
    "check_not_grown",
    "chunks",
    "conditions",
    "counts",
    "ids",
    "image",
    "matching",
    "pieces",
    "position",
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
    note: str
    width: int
    height: int
    canonical_sha256: str
    thumbnail_sha256: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the images that match, in the stable order of their ids, and how many match in all."""

    total: int
    offset: int
    rows: list[ImageRow]


@dataclass(slots=True)
class Counts:
    """For each value of each facet: how many images would match if it were chosen, the other facets unchanged.

    The key None stands for "without"; in ``classes`` and ``splits`` the values add up to the images that match when
    that facet is not used.
    """

    total: int
    classes: dict[int | None, int]
    splits: dict[str | None, int]
    states: dict[str, int]
    imports: dict[int | None, int]
    marks: dict[str | None, int]  # an image may have several; None: however marked
    reasons: dict[str, int]


def total(session: Session, project_id: int, chosen: ImageFilter) -> int:
    """How many images match."""
    query = sa.select(sa.func.count()).select_from(Image)
    return sum(session.scalar(query.where(*conditions(project_id, piece))) or 0 for piece in pieces(chosen))


def ids(session: Session, project_id: int, chosen: ImageFilter, offset: int = 0, limit: int = 500) -> Page:
    """Images ``offset`` to ``offset + limit`` of those that match, at most ``MAX_LIMIT``."""
    offset, limit = max(0, min(offset, BIG)), max(0, min(limit, MAX_LIMIT))
    wanted = sa.select(Image.id).where(*conditions(project_id, chosen)).order_by(Image.id).offset(offset).limit(limit)
    return Page(total(session, project_id, chosen), offset, rows(session, project_id, list(session.scalars(wanted))))


def after(session: Session, project_id: int, chosen: ImageFilter, image_id: int = 0, limit: int = 50) -> list[ImageRow]:
    """The next images that match behind ``image_id``: the queue of label mode, which shrinks while it is worked off."""
    query = _columns(project_id).where(*conditions(project_id, chosen), Image.id > image_id)
    return [ImageRow(*row) for row in session.execute(query.order_by(Image.id).limit(max(0, min(limit, MAX_LIMIT))))]


def matching(
    session: Session,
    project_id: int,
    fits: Sequence[sa.ColumnElement[bool]],
    key: sa.ColumnElement[Any],
    limit: int = MAX_LIMIT,
) -> list[ImageRow]:
    """Images that fulfil conditions, in the order of a column."""
    query = _columns(project_id).where(*fits).order_by(key).limit(max(0, min(limit, MAX_LIMIT)))
    return [ImageRow(*row) for row in session.execute(query)]


def before(session: Session, project_id: int, chosen: ImageFilter, image_id: int, limit: int = 1) -> list[ImageRow]:
    """The images that match in front of ``image_id``, nearest first."""
    query = _columns(project_id).where(*conditions(project_id, chosen), Image.id < image_id)
    return [ImageRow(*row) for row in session.execute(query.order_by(Image.id.desc()).limit(limit))]


def rows(session: Session, project_id: int, image_ids: Sequence[int]) -> list[ImageRow]:
    """The images named, in the order of their ids; those of another project are left out."""
    found: list[ImageRow] = []
    for some in chunks(sorted(image_ids)):
        query = _columns(project_id).where(Image.id.in_(some)).order_by(Image.id)
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
    query = sa.select(sa.func.count()).select_from(Image)
    return session.scalar(query.where(*conditions(project_id, chosen), Image.id < image_id)) or 0


def check_not_grown(session: Session, project_id: int, chosen: ImageFilter, shown: int) -> None:
    """Nobody may label pictures unseen: more images than the page showed must not match.

    Raises:
        Conflict: ``selection_grew`` with both numbers.
    """
    found = total(session, project_id, chosen)
    if found > shown:
        raise Conflict("selection_grew", shown=shown, found=found)


class _Group(NamedTuple):
    """Images that no facet tells apart."""

    class_id: int | None
    split: str | None
    state: str
    number: int | None
    unsure: bool
    skipped: bool
    noted: bool
    reason: str


def counts(session: Session, project_id: int, chosen: ImageFilter) -> Counts:
    """The numbers beside the filters, from one pass over the images of the project."""
    free = ImageFilter(state=None, query=chosen.query, ids=chosen.ids)
    keys = (Image.class_id, Image.split, Image.state, ImportBatch.number)
    marks = (Image.unsure, Image.skipped, sa.label("noted", Image.note != ""), Image.reason)
    query = (
        sa.select(*keys, *marks, sa.func.count())
        .select_from(Image)
        .outerjoin(ImportBatch, ImportBatch.id == Image.import_id)
        .where(*conditions(project_id, free))
        .group_by(*keys, *marks)
    )
    found = Counts(0, {}, {}, {}, {}, {}, {})
    for *values, count in session.execute(query):
        _add(found, chosen, _Group(*values), count)
    return found


def _marks(group: _Group) -> list[str | None]:
    """The values of the filter "mark" that such images match; None: not filtered by it."""
    matched = {
        None: True,
        "unsure": group.unsure,
        "skipped": group.skipped and group.class_id is None,
        "note": group.noted,
        "open": not (group.unsure or group.skipped),
        "later": group.unsure or group.skipped,
    }
    return [name for name, matches in matched.items() if matches]


def _add(found: Counts, chosen: ImageFilter, group: _Group, count: int) -> None:
    """Count a group of equal images for each facet whose *other* facets let it through."""
    excluded = group.state == ImageState.EXCLUDED
    facets: tuple[tuple[bool, dict[Any, int], list[Any]], ...] = (
        (
            group.class_id is None if chosen.unlabelled else chosen.class_id in (None, group.class_id),
            found.classes,
            [group.class_id],
        ),
        (chosen.split in (None, group.split or NONE), found.splits, [group.split]),
        (chosen.state in (None, group.state), found.states, [group.state]),
        (chosen.import_number in (None, group.number), found.imports, [group.number]),
        (chosen.mark in _marks(group), found.marks, _marks(group)),
        (chosen.reason is None or (excluded and chosen.reason == group.reason), found.reasons, [group.reason]),
    )
    found.total += count if all(fits for fits, _, _ in facets) else 0
    for place, (_, facet, keys) in enumerate(facets):
        if all(fits for other, (fits, _, _) in enumerate(facets) if other != place):
            for key in keys:
                facet[key] = facet.get(key, 0) + count


def _columns(project_id: int) -> sa.Select[*tuple[Any, ...]]:
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
        Image.note,
        Image.width,
        Image.height,
        Image.canonical_sha256,
        Image.thumbnail_sha256,
    ).where(Image.project_id == project_id)
