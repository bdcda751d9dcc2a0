"""Projects with images inserted directly: labelling needs rows, not decoded files."""

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, LabelClass, Project

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#666666")


def make_project(
    session: Session, slug: str = "cells", classes: Sequence[str] = ("好中球", "好酸球", "単球")
) -> Project:
    project = Project(slug=slug, name=slug.title())
    session.add(project)
    session.flush()
    for position, name in enumerate(classes):
        key = str((position + 1) % 10) if position < 10 else ""
        session.add(
            LabelClass(
                project_id=project.id,
                name=name,
                name_key=name.casefold(),
                color=COLORS[position % len(COLORS)],
                key=key,
                position=position,
            )
        )
    session.flush()
    return project


def class_ids(session: Session, project: Project) -> list[int]:
    query = sa.select(LabelClass.id).where(LabelClass.project_id == project.id).order_by(LabelClass.position)
    return list(session.scalars(query))


def make_images(session: Session, project: Project, count: int, **values: Any) -> list[int]:
    """Insert ``count`` images that share one picture; return their ids in order."""
    if not count:
        return []
    blob = values.pop("blob", "0" * 64)
    rows = [
        {
            "project_id": project.id,
            "sha256": hashlib.sha256(f"{project.id}/{values}/{number}".encode()).hexdigest(),
            "canonical_sha256": blob,
            "thumbnail_sha256": blob,
            "name": f"血液_{number:05d}.png",
            "path": f"血液_{number:05d}.png",
            "width": 100,
            "height": 100,
            "file_format": "PNG",
            "file_bytes": 14_000,
            **values,
        }
        for number in range(count)
    ]
    session.execute(sa.insert(Image), rows)
    query = sa.select(Image.id).where(
        Image.project_id == project.id, Image.sha256.in_([r["sha256"] for r in rows[:500]])
    )
    first = session.scalar(sa.select(sa.func.min(query.subquery().c.id)))
    assert first is not None
    return list(range(first, first + count))
