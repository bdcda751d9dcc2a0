"""What lies between two data versions: counts, and pages of the images for each kind of change."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.models import Image
from app.db.version_models import DataItem
from app.services import version_classes, versions
from app.services.version_classes import Renamed


class Kind(StrEnum):
    """How an image of one version differs from itself in another; it may differ in several ways."""

    ADDED = "added"
    REMOVED = "removed"
    RELABELLED = "relabelled"
    MOVED = "moved"  # into another split
    EXCLUDED = "excluded"
    INCLUDED = "included"


@dataclass(frozen=True)
class Relabelled:
    """How many images went from one class to another; None: no label."""

    before_id: int | None
    after_id: int | None
    count: int


@dataclass(frozen=True)
class Change:
    """One image in both versions; where it is in one only, the values of the other are None."""

    image_id: int
    name: str
    thumbnail_sha256: str
    before_id: int | None
    after_id: int | None
    before_split: str | None
    after_split: str | None


_Old, _New = aliased(DataItem), aliased(DataItem)
_OF: dict[Kind, sa.ColumnElement[bool]] = {
    Kind.ADDED: _Old.id.is_(None),
    Kind.REMOVED: _New.id.is_(None),
    Kind.RELABELLED: sa.and_(_Old.id.is_not(None), _New.class_id.is_distinct_from(_Old.class_id)),
    Kind.MOVED: sa.and_(_Old.id.is_not(None), _New.split.is_distinct_from(_Old.split)),
    Kind.EXCLUDED: sa.and_(_Old.excluded.is_(False), _New.excluded.is_(True)),
    Kind.INCLUDED: sa.and_(_Old.excluded.is_(True), _New.excluded.is_(False)),
}


def _pairs(project_id: int, before: int, after: int, *columns: Any, removed: bool = False) -> sa.Select[Any]:
    """Items of one version only, beside what the image was in the other one: those of ``after``, or of ``before``
    with ``removed``.

    An image that did not change has one item for both versions and is not looked at.
    """
    here, there = (_Old, _New) if removed else (_New, _Old)
    at_here, at_there = (before, after) if removed else (after, before)
    other = sa.and_(there.image_id == here.image_id, versions.valid(there, at_there))
    unshared = sa.not_(versions.valid(here, at_there))
    return (
        sa.select(*columns)
        .select_from(here)
        .outerjoin(there, other)
        .where(here.project_id == project_id, versions.valid(here, at_here), unshared)
    )


def counts(session: Session, project_id: int, before: int, after: int) -> dict[Kind, int]:
    """How many images differ in each way."""
    here = [kind for kind in Kind if kind != Kind.REMOVED]
    columns = [sa.func.coalesce(sa.func.sum(sa.case((_OF[kind], 1), else_=0)), 0) for kind in here]
    row = session.execute(_pairs(project_id, before, after, *columns)).one()
    found: dict[Kind, int] = {kind: int(count) for kind, count in zip(here, row, strict=True)}
    gone = _pairs(project_id, before, after, sa.func.count(), removed=True).where(_OF[Kind.REMOVED])
    return {kind: found.get(kind, 0) for kind in Kind} | {Kind.REMOVED: session.scalar(gone) or 0}


def relabelled(session: Session, project_id: int, before: int, after: int) -> list[Relabelled]:
    """From which class to which, the most first."""
    keys = (_Old.class_id, _New.class_id)
    query = _pairs(project_id, before, after, *keys, sa.func.count()).where(_OF[Kind.RELABELLED]).group_by(*keys)
    return [Relabelled(*row) for row in session.execute(query.order_by(sa.func.count().desc()))]


def renamed(session: Session, project_id: int, before: int, after: int) -> list[Renamed]:
    """The classes that were called otherwise.

    Raises:
        NotFound: the project has no such version.
    """
    old, new = (version_classes.names(session, versions.by_number(session, project_id, one)) for one in (before, after))
    return version_classes.renamed(old, new)


def as_json(session: Session, project_id: int, names: Mapping[int, str], before: int, after: int) -> dict[str, Any]:
    """The counts, how labels went from class to class, and new names of classes, as plain values for programs.

    Raises:
        NotFound: the project has no such version.
    """
    called = [{"from": one.before, "to": one.after} for one in renamed(session, project_id, before, after)]
    flow = [
        {"from": names.get(one.before_id or 0), "to": names.get(one.after_id or 0), "count": one.count}
        for one in relabelled(session, project_id, before, after)
    ]
    numbers = {str(kind): count for kind, count in counts(session, project_id, before, after).items()}
    return {"a": before, "b": after, **numbers, "labels": flow, "renamed": called}


def page(
    session: Session, project_id: int, before: int, after: int, kind: Kind, *, behind: int = 0, limit: int = 100
) -> list[Change]:
    """The next images that differ in this way behind the image ``behind``."""
    here = _Old if kind == Kind.REMOVED else _New
    columns = (here.image_id, Image.name, Image.thumbnail_sha256)
    values = (_Old.class_id, _New.class_id, _Old.split, _New.split)
    query = _pairs(project_id, before, after, *columns, *values, removed=kind == Kind.REMOVED)
    query = query.join(Image, Image.id == here.image_id).where(_OF[kind])
    found = session.execute(query.where(here.image_id > behind).order_by(here.image_id).limit(limit))
    return [Change(*row) for row in found]
