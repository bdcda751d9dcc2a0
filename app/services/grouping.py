"""Which images belong together and must not be torn apart by a split: from rows, for ``app.domain.splits``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.health_models import HealthFinding, HealthMember
from app.domain import groups
from app.domain.findings import FindingKind


@dataclass(frozen=True)
class Grouping:
    """What makes images a group: one of ``groups.GROUPINGS``, and the pattern of the file names."""

    by: str = groups.NONE
    pattern: str = "*_#"


ALONE = Grouping()


class Row(Protocol):
    """What is asked of a row."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...


def copies(session: Session, project_id: int) -> dict[int, int]:
    """Group of copies by image id, as the newest check found them, without those that were said to be fine."""
    query = (
        sa.select(HealthMember.image_id, HealthMember.finding_id)
        .join(HealthFinding, HealthFinding.id == HealthMember.finding_id)
        .where(
            HealthFinding.project_id == project_id,
            HealthFinding.kind == FindingKind.COPIES,
            HealthFinding.kept_at.is_(None),
            HealthFinding.found.is_(True),
        )
    )
    return {image_id: finding_id for image_id, finding_id in session.execute(query)}  # noqa: C416 - rows are no pairs


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
    return groups.numbered(len(rows), names, pairs)
