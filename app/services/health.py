"""What the health page shows: the newest check and its findings, read from rows and never computed on the way.

Groups of copies are stored once; triggers of the database count the classes and splits of their images whenever these
change, so a finding that was mended is gone at once, without another check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.count_models import ImageKind
from app.db.health_models import HealthCheck, HealthFinding, HealthMember
from app.db.models import Image
from app.db.run_models import Job
from app.domain.enums import FINAL_STATES, ImageState
from app.domain.findings import GROUPS, SERIOUS, FindingKind, Topic, kind_of
from app.services import gallery, health_facts
from app.services.gallery import ImageRow

SIZES = 6


@dataclass(frozen=True)
class State:
    """How far the check is. ``job_id`` is that of a check that waits or runs; ``new`` images are not checked yet."""

    checked_at: datetime | None
    checked: int
    measured: int
    total: int
    unreadable: int
    job_id: int | None
    job_state: str
    job_progress: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def new(self) -> int:
        """Images without facts."""
        return self.total - self.measured


@dataclass(frozen=True)
class Finding:
    """A finding with the images of it that are in use."""

    id: int
    score: float
    params: Mapping[str, Any]
    images: Sequence[ImageRow] = field(default_factory=list)
    kept_by: str | None = None


@dataclass(frozen=True)
class Sizes:
    """The most frequent sizes and the formats of the images, with how many of each; the rest of the sizes together."""

    sizes: Sequence[tuple[int, int, int]]  # width, height, count
    other: int
    formats: Sequence[tuple[str, int]]
    modes: Sequence[tuple[str, int]]


def state(session: Session, project_id: int) -> State:
    """How far the check of a project is."""
    check = session.get(HealthCheck, project_id)
    job = session.get(Job, check.job_id) if check is not None and check.job_id is not None else None
    waiting = job if job is not None and job.state not in FINAL_STATES else None
    measured, total = health_facts.progress(session, project_id)
    return State(
        checked_at=check.checked_at if check else None,
        checked=check.image_count if check else 0,
        measured=measured,
        total=total,
        unreadable=health_facts.unreadable(session, project_id),
        job_id=waiting.id if waiting else None,
        job_state=job.state if job else "",
        job_progress=waiting.progress if waiting else {},
        results=check.results if check else {},
    )


def sizes(session: Session, project_id: int) -> Sizes:
    """Sizes, formats and colour modes of the images in use."""
    found = [
        (width, height, count)
        for width, height, count in _kinds(session, project_id, ImageKind.width, ImageKind.height)
    ]
    return Sizes(
        sizes=found[:SIZES],
        other=sum(number for _width, _height, number in found[SIZES:]),
        formats=[(name, count) for name, count in _kinds(session, project_id, ImageKind.file_format)],
        modes=[(name or "RGB", count) for name, count in _kinds(session, project_id, ImageKind.mode)],
    )


def _kinds(session: Session, project_id: int, *columns: sa.orm.InstrumentedAttribute[Any]) -> list[tuple[Any, ...]]:
    """The values of columns with how many images in use have them, the most frequent first."""
    count = sa.func.sum(ImageKind.count)
    query = sa.select(*columns, count).where(
        ImageKind.project_id == project_id, ImageKind.state == ImageState.ACTIVE, ImageKind.count > 0
    )
    found = session.execute(query.group_by(*columns).order_by(count.desc(), *columns))
    return [(*row[:-1], int(row[-1])) for row in found]


def _open(project_id: int, topic: Topic, kept: bool) -> tuple[sa.ColumnElement[bool], ...]:
    """The findings of a topic, those that nobody chose to keep or the others."""
    return (
        HealthFinding.project_id == project_id,
        HealthFinding.kind == kind_of(topic),
        _wrong(topic),
        HealthFinding.found.is_(True),
        HealthFinding.kept_at.is_not(None) if kept else HealthFinding.kept_at.is_(None),
    )


def _wrong(topic: Topic) -> sa.ColumnElement[bool]:
    """What makes a finding one of ``topic``, from the figures that the database keeps of it."""
    found = HealthFinding
    if topic not in GROUPS:
        return found.members > 0
    return sa.and_(
        found.members >= 2,
        {
            Topic.CONFLICTS: found.classes >= 2,
            Topic.LEAKS: sa.and_(found.test > 0, found.free + found.folder > 0),
            Topic.FOLDER_LEAKS: sa.and_(found.folder > 0, found.free > 0),
            Topic.FOLDS: found.free + found.folder >= 2,
            Topic.COPIES: sa.true(),
        }[topic],
    )


def _how_many(fits: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((fits, 1), else_=0)), 0)


def summary(session: Session, project_id: int, limit: int) -> dict[Topic, tuple[int, list[Finding]]]:
    """How many findings each topic has that nobody chose to keep, and the strongest of them with their images."""
    found = counts(session, project_id)
    some = [
        sa.select(sa.literal(topic.value), _strongest(project_id, topic).limit(limit).subquery().c.id)
        for topic, count in found.items()
        if count
    ]
    first: dict[Topic, list[int]] = {}
    for name, finding_id in session.execute(sa.union_all(*some)) if some else ():
        first.setdefault(Topic(name), []).append(finding_id)
    loaded = {one.id: one for one in load(session, project_id, [one for some in first.values() for one in some])}
    return {
        topic: (count, [loaded[one] for one in first.get(topic, []) if one in loaded]) for topic, count in found.items()
    }


def counts(session: Session, project_id: int) -> dict[Topic, int]:
    """How many findings each topic has that nobody chose to keep."""
    open_now = sa.and_(HealthFinding.project_id == project_id, HealthFinding.found, HealthFinding.kept_at.is_(None))
    parts = [_how_many(sa.and_(HealthFinding.kind == kind_of(topic), _wrong(topic))) for topic in Topic]
    row = session.execute(sa.select(*parts).where(open_now)).one()
    return {topic: int(count) for topic, count in zip(Topic, row, strict=True)}


def serious(session: Session, project_id: int) -> int:
    """How many groups of copies make figures of runs wrong; one may be a conflict and a leak at once."""
    wrong = sa.or_(*(_wrong(topic) for topic in SERIOUS))
    query = sa.select(sa.func.count()).where(*_open(project_id, Topic.COPIES, False), wrong)
    return session.scalar(query) or 0


def fold_groups(session: Session, project_id: int) -> dict[int, int]:
    """How many groups of copies have so many images that folds share out: size -> groups."""
    size = (HealthFinding.free + HealthFinding.folder).label("size")
    query = sa.select(size, sa.func.count()).where(*_open(project_id, Topic.FOLDS, False)).group_by(size)
    return {int(number): int(count) for number, count in session.execute(query)}


def count(session: Session, project_id: int, topic: Topic, *, kept: bool = False) -> int:
    """How many findings a topic has."""
    return session.scalar(sa.select(sa.func.count()).where(*_open(project_id, topic, kept))) or 0


def ids(
    session: Session, project_id: int, topic: Topic, *, kept: bool = False, offset: int = 0, limit: int | None = None
) -> list[int]:
    """The findings of a topic, the strongest first."""
    return list(session.scalars(_strongest(project_id, topic, kept=kept).offset(offset).limit(limit)))


def _strongest(project_id: int, topic: Topic, *, kept: bool = False) -> sa.Select[int]:
    """The findings of a topic in their order."""
    query = sa.select(HealthFinding.id).where(*_open(project_id, topic, kept))
    return query.order_by(HealthFinding.score.desc(), HealthFinding.id)


def load(session: Session, project_id: int, finding_ids: Sequence[int]) -> list[Finding]:
    """These findings of the project with their images in use, in this order; others are left out."""
    rows: dict[int, HealthFinding] = {}
    members: dict[int, list[int]] = {}
    for some in gallery.chunks(finding_ids):
        query = sa.select(HealthFinding).where(HealthFinding.project_id == project_id, HealthFinding.id.in_(some))
        rows |= {row.id: row for row in session.scalars(query)}
        pairs = (
            sa.select(HealthMember.finding_id, HealthMember.image_id)
            .join(Image, Image.id == HealthMember.image_id)
            .where(HealthMember.finding_id.in_(some), Image.state == ImageState.ACTIVE)
        )
        for finding_id, image_id in session.execute(pairs.order_by(HealthMember.image_id)):
            members.setdefault(finding_id, []).append(image_id)
    wanted = [image_id for finding_id in rows for image_id in members.get(finding_id, [])]
    images = {row.id: row for row in gallery.rows(session, project_id, wanted)}
    return [
        Finding(
            id=row.id,
            score=row.score,
            params=row.params,
            images=[images[image_id] for image_id in members.get(row.id, [])],
            kept_by=row.kept_by,
        )
        for finding_id in finding_ids
        if (row := rows.get(finding_id)) is not None
    ]


def shortcuts(session: Session, project_id: int) -> dict[str, Finding]:
    """The properties that give the class away, by name, those that were kept too; without images."""
    query = sa.select(HealthFinding).where(
        HealthFinding.project_id == project_id,
        HealthFinding.kind == FindingKind.SHORTCUT,
        HealthFinding.found.is_(True),
    )
    return {
        row.signature: Finding(row.id, row.score, row.params, kept_by=row.kept_by) for row in session.scalars(query)
    }
