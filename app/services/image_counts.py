"""How many images match a filter, and the numbers beside the filters.

The database keeps the counts of images that share all values (``ImageCount``), so that a million images are counted
from some hundred rows. Only a search in names, or images named by id, must look at the images themselves.
"""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImageCount, ImportBatch
from app.domain.enums import ImageState
from app.services import listing, names
from app.services.image_filter import MARKED, NONE, ImageFilter, conditions, pieces


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
    if chosen.beyond:
        return len(listing.ids(session, project_id, chosen))
    if _kept(chosen):
        groups = _groups(project_id, chosen)
        return int(session.scalar(sa.select(_sum(groups)).where(*_fits(groups, project_id, chosen))) or 0)
    chosen = names.narrowed(session, project_id, chosen)
    query = sa.select(sa.func.count()).select_from(Image)
    return sum(session.scalar(query.where(*conditions(project_id, piece))) or 0 for piece in pieces(chosen))


def counts(session: Session, project_id: int, chosen: ImageFilter) -> Counts:
    """The numbers beside the filters, all from one statement or from what is in memory."""
    if chosen.beyond:
        return _read(listing.counts(session, project_id, chosen), _numbers(session, project_id))
    chosen = names.narrowed(session, project_id, chosen)
    groups = _groups(project_id, chosen)
    facets = {
        "class": (groups.c.class_id, replace(chosen, class_id=None, unlabelled=False)),
        "split": (groups.c.split, replace(chosen, split=None)),
        "state": (groups.c.state, replace(chosen, state=None)),
        "import": (groups.c.import_id, replace(chosen, import_number=None)),
        "reason": (groups.c.reason, replace(chosen, reason=None)),
    }
    parts = [_part(groups, project_id, name, key, free) for name, (key, free) in facets.items()]
    for name, fits in _marks(groups).items():
        mark = _fits(groups, project_id, replace(chosen, mark=None))
        parts.append(_line("mark", sa.literal(name), _sum(groups)).where(*mark, fits))
    parts.append(_line("total", sa.literal(""), _sum(groups)).where(*_fits(groups, project_id, chosen)))
    found: dict[str, dict[str, int]] = {}
    for facet, key, count in session.execute(sa.union_all(*parts)):
        if count or facet == "mark":
            found.setdefault(facet, {})[key] = int(count or 0)
    return _read(found, _numbers(session, project_id))


def _kept(chosen: ImageFilter) -> bool:
    """True when the kept counts can answer."""
    return not chosen.query and chosen.ids is None


def _groups(project_id: int, chosen: ImageFilter) -> sa.CTE:
    """Rows of equal images with their count: those that the database keeps, or counted from the images that match."""
    if _kept(chosen):
        kept = (
            *(ImageCount.class_id, ImageCount.split, ImageCount.state, ImageCount.import_id, ImageCount.unsure),
            *(ImageCount.skipped, ImageCount.noted, ImageCount.reason),
        )
        query = sa.select(*kept, sa.func.sum(ImageCount.count).label("count")).group_by(*kept)
        return query.where(ImageCount.project_id == project_id, ImageCount.count != 0).cte("groups")
    zero, none = sa.literal(0), sa.literal("")
    keys: dict[str, sa.ColumnElement[Any]] = {
        "class_id": sa.func.coalesce(Image.class_id, zero),
        "split": sa.func.coalesce(Image.split, none),
        "state": Image.state.expression,
        "import_id": sa.func.coalesce(Image.import_id, zero),
        "unsure": Image.unsure.expression,
        "skipped": Image.skipped.expression,
        "noted": Image.note != "",
        "reason": Image.reason.expression,
    }
    free = ImageFilter(state=None, query=chosen.query, ids=chosen.ids, among=chosen.among)
    rows: sa.Select[Any] = sa.select(*(key.label(name) for name, key in keys.items()))
    rows_of = rows.where(*conditions(project_id, free)).subquery()
    counted = sa.select(*rows_of.c, sa.func.count().label("count")).group_by(*rows_of.c)
    return counted.cte("groups")


def _fits(groups: sa.CTE, project_id: int, chosen: ImageFilter) -> list[sa.ColumnElement[bool]]:
    """The filter as conditions on groups."""
    found: list[sa.ColumnElement[bool]] = []
    if chosen.unlabelled or chosen.class_id is not None:
        found.append(groups.c.class_id == (0 if chosen.unlabelled else chosen.class_id))
    if chosen.split is not None:
        found.append(groups.c.split == ("" if chosen.split == NONE else chosen.split))
    if chosen.state is not None:
        found.append(groups.c.state == chosen.state)
    if chosen.import_number is not None:
        batch = sa.select(ImportBatch.id).where(
            ImportBatch.project_id == project_id, ImportBatch.number == chosen.import_number
        )
        found.append(groups.c.import_id.in_(batch))
    if chosen.mark is not None:
        found.append(_marks(groups)[chosen.mark])
    if chosen.reason is not None:
        found.append(sa.and_(groups.c.reason == chosen.reason, groups.c.state == ImageState.EXCLUDED))
    return found


def _marks(groups: sa.CTE) -> dict[str, sa.ColumnElement[bool]]:
    """The values of the filter "mark"; "" is however marked."""
    unsure, skipped = groups.c.unsure, groups.c.skipped
    found = {
        "": sa.true(),
        "unsure": unsure,
        "skipped": sa.and_(skipped, groups.c.class_id == 0),
        "note": groups.c.noted,
        "open": sa.and_(sa.not_(skipped), sa.not_(unsure)),
        "later": sa.or_(skipped, unsure),
    }
    assert found.keys() == {"", *MARKED}
    return found


def _sum(groups: sa.CTE) -> sa.ColumnElement[int]:
    return sa.func.sum(groups.c.count)


def _line(facet: str, key: sa.ColumnElement[Any], count: sa.ColumnElement[int]) -> sa.Select[Any]:
    columns: list[sa.ColumnElement[Any]] = [sa.literal(facet), sa.cast(key, sa.String), count]
    return sa.select(*columns)


def _part(groups: sa.CTE, project_id: int, facet: str, key: sa.ColumnElement[Any], free: ImageFilter) -> sa.Select[Any]:
    return _line(facet, key, _sum(groups)).where(*_fits(groups, project_id, free)).group_by(key)


def _numbers(session: Session, project_id: int) -> dict[int, int]:
    query = sa.select(ImportBatch.id, ImportBatch.number).where(ImportBatch.project_id == project_id)
    return {import_id: number for import_id, number in session.execute(query)}  # noqa: C416 - rows are no pairs to mypy


def _read(found: dict[str, dict[str, int]], numbers: dict[int, int]) -> Counts:
    imports: dict[int | None, int] = {}
    for key, count in found.get("import", {}).items():
        number = numbers.get(int(key))
        imports[number] = imports.get(number, 0) + count
    return Counts(
        total=found.get("total", {}).get("", 0),
        classes={int(key) or None: count for key, count in found.get("class", {}).items()},
        splits={key or None: count for key, count in found.get("split", {}).items()},
        states=found.get("state", {}),
        imports=imports,
        marks={key or None: count for key, count in found.get("mark", {}).items() if count},
        reasons=found.get("reason", {}),
    )
