"""Images in the order of their names, by an index that imports keep: nobody waits until a project is in memory.

What the index does not give quickly is left to ``app.services.listing``: the answer is None then.
"""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.session import is_writing
from app.services import columns, names
from app.services.image_counts import total
from app.services.image_filter import ImageFilter, Order, conditions
from app.services.kept import Kept

NEAR = 2000  # places that are passed one by one where a filter must look at the rows
FAR = 500_000  # the same where the index alone is looked at: 50 ms, where all rows in memory would take seconds once
FEW = 5000  # images that match; so many are put in order as quickly as they are found along the index
MARKS = 200  # places that are remembered of one state of a project
INDEX = "ix_image_project_id_name_order"

Key = tuple[str, int]
_marks: Kept[dict[int, Key]] = Kept(8)  # by project and state: places somebody jumped to, and the image there


def page(
    session: Session, project_id: int, chosen: ImageFilter, offset: int, limit: int
) -> tuple[int, list[int]] | None:
    """How many images match, and the ids of ``offset`` to ``offset + limit``.

    They are counted from the nearer end, or from a nearer place that somebody jumped to since the last change.
    """
    if not _by_name(chosen):
        return None
    matching = total(session, project_id, chosen)
    count = max(0, min(limit, matching - offset))
    falling = chosen.sort.startswith("-")
    first = max(0, matching - offset - count) if falling else offset
    found = _ascending(session, project_id, chosen, matching, first, count)
    return None if found is None else (matching, found[::-1] if falling else found)


def _ascending(
    session: Session, project_id: int, chosen: ImageFilter, matching: int, first: int, count: int
) -> list[int] | None:
    """The ids of ``count`` images from the place ``first`` on."""
    behind = matching - first - count
    marks: dict[int, Key] = {}
    if _whole(chosen) and min(first, behind) > NEAR and not is_writing(session):
        state = (project_id, chosen.state, columns.stamp_of(session, project_id))
        marks = _marks.get(session, state, dict)
    places: dict[int, Key | None] = {0: None, matching: None, **marks}
    # A place in front of the images is passed forwards, one behind them backwards; one among them is of no use.
    ways = [(first - place if place <= first else place - first - count, place) for place in [*places]]
    passed, start = min(way for way in ways if way[0] >= 0)
    if passed > (FAR if _whole(chosen) else NEAR):
        return None
    backwards = start > first
    query = _ordered(session, project_id, chosen, matching, reverse=backwards)
    mark = places[start]
    if mark is not None:
        keys, there = sa.tuple_(Image.name_order, Image.id), sa.tuple_(*map(sa.literal, mark))
        query = query.where(keys < there if backwards else keys >= there)
    rows = session.execute(query.add_columns(Image.name_order).offset(passed).limit(count)).all()
    rows = rows[::-1] if backwards else rows
    if passed > NEAR and rows and len(marks) < MARKS:
        marks[first] = (rows[0].name_order, rows[0].id)
    return [row.id for row in rows]


def beside(
    session: Session, project_id: int, chosen: ImageFilter, image_id: int, limit: int, *, forward: bool
) -> list[int] | None:
    """The ids of the next images that match behind (or in front of) one, the nearest first; 0 is before the first."""
    if not _by_name(chosen):
        return None
    reverse = chosen.sort.startswith("-") == forward
    query = _ordered(session, project_id, chosen, total(session, project_id, chosen), reverse=reverse)
    if image_id:
        query = query.where(_from(session, image_id, reverse=reverse))
    return list(session.scalars(query.limit(limit)))


def position(session: Session, project_id: int, chosen: ImageFilter, image_id: int) -> int | None:
    """How many of the images that match come before one."""
    if not _by_name(chosen) or total(session, project_id, chosen) > (2 * FAR if _whole(chosen) else FEW):
        return None
    plain = names.narrowed(session, project_id, chosen.plain)
    front = _from(session, image_id, reverse=not chosen.sort.startswith("-"))
    query = sa.select(sa.func.count()).select_from(Image)
    return session.scalar(query.where(*conditions(project_id, plain), front)) or 0


def _by_name(chosen: ImageFilter) -> bool:
    return not chosen.beyond and chosen.ids is None and chosen.order[0] is Order.NAME


def _whole(chosen: ImageFilter) -> bool:
    """True where the index alone knows which images match."""
    return replace(chosen.plain, state=None) == ImageFilter(state=None)


def _ordered(session: Session, project_id: int, chosen: ImageFilter, matching: int, *, reverse: bool) -> sa.Select[int]:
    plain = names.narrowed(session, project_id, chosen.plain)
    query = sa.select(Image.id).where(*conditions(project_id, plain))
    if matching > FEW and plain.among is None:  # SQLite would rather find all of them and sort
        query = query.with_hint(Image, f"INDEXED BY {INDEX}", "sqlite")
    keys: tuple[sa.ColumnElement[Any], ...] = (Image.name_order.expression, Image.id.expression)
    return query.order_by(*(key.desc() if reverse else key for key in keys))


def _from(session: Session, image_id: int, *, reverse: bool) -> sa.ColumnElement[bool]:
    """What comes behind an image, in the order or in its reverse."""
    key = session.scalar(sa.select(Image.name_order).where(Image.id == image_id)) or ""
    here, there = sa.tuple_(Image.name_order, Image.id), sa.tuple_(sa.literal(key), sa.literal(image_id))
    return here < there if reverse else here > there
