"""Which images belong together and must not be torn apart by a split: from rows, for ``app.domain.splits``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.health_models import HealthFinding, HealthMember
from app.db.models import Image
from app.domain import groups
from app.domain.enums import ImageState
from app.domain.errors import Invalid
from app.domain.findings import FindingKind


@dataclass(frozen=True)
class Grouping:
    """What makes images a group: one of ``groups.GROUPINGS``, the pattern of names, the longest pause of a burst."""

    by: str = groups.NONE
    pattern: str = "*_#"
    seconds: float = 2.0


ALONE = Grouping()


class Row(Protocol):
    """What is asked of a row."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...


def _open(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Groups of copies that the newest check found and nobody said to be fine."""
    return (
        HealthFinding.project_id == project_id,
        HealthFinding.kind == FindingKind.COPIES,
        HealthFinding.kept_at.is_(None),
        HealthFinding.found.is_(True),
    )


def copy_groups(session: Session, project_id: int) -> int:
    """How many groups of copies there are, of images in use."""
    several = (*_open(project_id), HealthFinding.members >= 2)
    return session.scalar(sa.select(sa.func.count()).where(*several)) or 0


def copies(session: Session, project_id: int) -> dict[int, int]:
    """Group of copies by image id, as the newest check found them, without those that were said to be fine."""
    query = (
        sa.select(HealthMember.image_id, HealthMember.finding_id)
        .join(HealthFinding, HealthFinding.id == HealthMember.finding_id)
        .where(*_open(project_id))
    )
    return {image_id: finding_id for image_id, finding_id in session.execute(query)}  # noqa: C416 - rows are no pairs


def copies_of(session: Session, project_id: int, image_id: int) -> int:
    """How many other images ``copies`` has in the groups of one; nothing is read of the others."""
    mine = sa.select(HealthMember.finding_id).join(HealthFinding, HealthFinding.id == HealthMember.finding_id)
    mine = mine.where(HealthMember.image_id == image_id, *_open(project_id))
    others = sa.select(sa.func.count(sa.distinct(HealthMember.image_id)))
    return session.scalar(others.where(HealthMember.finding_id.in_(mine), HealthMember.image_id != image_id)) or 0


def taken(session: Session, project_id: int) -> dict[int, tuple[str, datetime]]:
    """Camera and time by image id, of the images whose file says when it was taken."""
    time, camera = (Image.conversion[name].as_string() for name in ("taken", "camera"))
    query = sa.select(Image.id, time, sa.func.coalesce(camera, ""))
    query = query.where(Image.project_id == project_id, time.is_not(None))
    return {image_id: (name, datetime.fromisoformat(moment)) for image_id, moment, name in session.execute(query)}


def copies_of_test(session: Session, project_id: int) -> int:
    """How many labelled images outside of the test set are copies of one that is in it."""
    outside = sa.select(sa.func.sum(HealthFinding.folder + HealthFinding.free))
    return int(session.scalar(outside.where(*_open(project_id), HealthFinding.test > 0)) or 0)


def others(session: Session, project_id: int) -> dict[str, tuple[int, int]]:
    """Groups of labelled images besides copies that can be told without being asked: by what -> (groups, images)."""
    query = sa.select(Image.id, Image.path).where(
        Image.project_id == project_id, Image.state == ImageState.ACTIVE, Image.class_id.is_not(None)
    )
    rows = list(session.execute(query.order_by(Image.id)))
    moments = taken(session, project_id)
    pairs = groups.bursts([moments.get(row.id) for row in rows], ALONE.seconds)
    folders = [groups.of_folder(row.path) for row in rows]
    kinds = {
        groups.BURST: groups.numbered(len(rows), [], pairs),
        groups.FOLDER: groups.numbered(len(rows), folders, []),
    }
    found = {}
    for by, numbered in kinds.items():
        _names, sizes = np.unique(numbered, return_counts=True)
        if (several := sizes[sizes > 1]).size > 1:  # one group of everything is no group
            found[by] = (len(several), int(several.sum()))
    return found


def torn(session: Session, project_id: int, by: str) -> list[Invalid]:
    """What deserves to be read about copies of test images before a draw or a training that keeps groups ``by``."""
    count = copies_of_test(session, project_id)
    code = "test_copies_learned" if by == groups.NONE else "test_copies_left_out"
    return [Invalid(code, count=count)] if count else []


def numbers(session: Session, project_id: int, rows: Sequence[Row], grouping: Grouping) -> NDArray[np.int64] | None:
    """The group of each of ``rows``, shape (rows,); None where every image stands for itself.

    Copies of one picture belong together in every grouping but ``none``.

    Raises:
        Invalid: ``group_pattern``.
    """
    if grouping.by == groups.NONE:
        return None
    group_of = copies(session, project_id)
    first: dict[int, int] = {}
    pairs = []
    for place, row in enumerate(rows):
        if row.id in group_of and (known := first.setdefault(group_of[row.id], place)) != place:
            pairs.append((known, place))
    names: list[str] = []
    if grouping.by == groups.NAME:
        pattern = groups.name_pattern(grouping.pattern)
        names = [groups.of_name(row.name, pattern) for row in rows]
    elif grouping.by == groups.FOLDER:
        names = [groups.of_folder(row.path) for row in rows]
    elif grouping.by == groups.BURST:
        moments = taken(session, project_id)
        pairs += groups.bursts([moments.get(row.id) for row in rows], grouping.seconds)
    return groups.numbered(len(rows), names, pairs)
