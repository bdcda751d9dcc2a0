"""Reading the history of labels: of one image, of a project, of one person's last steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image, LabelEvent


@dataclass(frozen=True, slots=True)
class Step:
    """One label event with the act it belongs to."""

    change_set_id: int
    image_id: int
    image_name: str
    thumbnail_sha256: str
    version: int
    before_id: int | None
    after_id: int | None
    source: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """One change set as a line of the project's history. ``example`` is one of its events."""

    change_set_id: int
    source: str
    actor: str
    at: datetime
    image_count: int
    undone: bool
    several_classes: bool
    example: Step


def of_image(session: Session, project_id: int, image_id: int) -> list[Step]:
    """Everything that happened to the label of one image, newest first."""
    query = _steps(project_id).where(LabelEvent.image_id == image_id).order_by(LabelEvent.version.desc())
    return [Step(*row) for row in session.execute(query)]


def written(session: Session, change_set_id: int, limit: int | None = None) -> list[tuple[int, int | None, int]]:
    """What a change set wrote: image id, class id and label version of each event, in the order of the images."""
    query = sa.select(LabelEvent.image_id, LabelEvent.after_id, LabelEvent.version)
    query = query.where(LabelEvent.change_set_id == change_set_id).order_by(LabelEvent.image_id).limit(limit)
    return [(image_id, class_id, version) for image_id, class_id, version in session.execute(query)]


def last_steps(session: Session, project_id: int, actor: str, limit: int = 20) -> list[Step]:
    """A person's last label events on single images, newest first; the strip of label mode."""
    newest = (
        sa.select(ChangeSet.id)
        .where(ChangeSet.project_id == project_id, ChangeSet.actor == actor[:100], ChangeSet.image_count == 1)
        .order_by(ChangeSet.id.desc())
        .limit(limit)
    )
    query = _steps(project_id).where(LabelEvent.change_set_id.in_(newest)).order_by(LabelEvent.id.desc())
    return [Step(*row) for row in session.execute(query)]


def of_project(session: Session, project_id: int, *, before_id: int | None = None, limit: int = 50) -> list[Act]:
    """The change sets of a project, newest first; ``before_id`` is the last one of the page before.

    Change sets that changed nothing are left out.
    """
    query = sa.select(ChangeSet).where(ChangeSet.project_id == project_id, ChangeSet.image_count > 0)
    if before_id is not None:
        query = query.where(ChangeSet.id < before_id)
    found = session.scalars(query.order_by(ChangeSet.id.desc()).limit(limit)).all()
    examples = _examples(session, project_id, [change.id for change in found])
    return [
        Act(
            change_set_id=change.id,
            source=change.source,
            actor=change.actor,
            at=change.created_at,
            image_count=change.image_count,
            undone=change.undone_by_id is not None,
            several_classes=examples[change.id][1],
            example=examples[change.id][0],
        )
        for change in found
    ]


def _examples(session: Session, project_id: int, change_set_ids: Sequence[int]) -> dict[int, tuple[Step, bool]]:
    """For each change set its first event, and whether its images got different classes."""
    spread = (
        sa.select(
            LabelEvent.change_set_id,
            sa.func.min(LabelEvent.id).label("first_id"),
            sa.func.count(sa.distinct(sa.func.coalesce(LabelEvent.after_id, 0))).label("classes"),
        )
        .where(LabelEvent.change_set_id.in_(change_set_ids))
        .group_by(LabelEvent.change_set_id)
        .subquery()
    )
    query = _steps(project_id).add_columns(spread.c.classes).join(spread, spread.c.first_id == LabelEvent.id)
    return {row[0]: (Step(*row[:-1]), row[-1] > 1) for row in session.execute(query)}


def _steps(project_id: int) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            ChangeSet.id,
            Image.id,
            Image.name,
            Image.thumbnail_sha256,
            LabelEvent.version,
            LabelEvent.before_id,
            LabelEvent.after_id,
            ChangeSet.source,
            ChangeSet.actor,
            ChangeSet.created_at,
        )
        .select_from(LabelEvent)
        .join(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
        .join(Image, Image.id == LabelEvent.image_id)
        .where(ChangeSet.project_id == project_id)
    )
