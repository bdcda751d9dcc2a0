"""Projects whose images are rows only: splits and runs look at no pixel."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, LabelClass, Project
from app.domain.enums import LabelSource, Split
from app.services import split_draws, split_moves
from app.services.marks import Who
from app.services.split_draws import Amount
from tests import factories


def who(actor: str = "tester") -> Who:
    """Whose act a change is."""
    return {"source": LabelSource.SPLITS, "actor": actor, "request_id": uuid.uuid4().hex}


def draw_test(
    session: Session, project_id: int, *, share: float | None = None, per_class: int | None = None, **more: Any
) -> int:
    """Draw a test set; returns its size."""
    amount = Amount(share, per_class)
    return split_draws.draw(session, project_id, Split.TEST, amount, **more, **who()).size


def clear_test(session: Session, project_id: int) -> int:
    """Put the drawn test set back; returns how many images that were."""
    return split_draws.clear(session, project_id, Split.TEST, **who()).image_count


def set_split(session: Session, project_id: int, image_ids: Sequence[int], split: Split | None) -> int:
    """Move images; returns how many."""
    return split_moves.set_split(session, project_id, image_ids, split, **who()).image_count


def project_of(
    session: Session, sizes: Mapping[str, int], *, test: int = 0, validation: int = 0, free: str = ""
) -> Project:
    """A project with so many free labelled images of each class, plus a test and a validation folder of each class."""
    project = factories.make_project(session, "血球", list(sizes))
    for row in project.classes:
        add_rows(session, project, row, sizes[row.name], split=free or None)
        add_rows(session, project, row, test, split=Split.TEST)
        add_rows(session, project, row, validation, split=Split.VALIDATION)
    return project


def add_rows(
    session: Session,
    project: Project,
    label: LabelClass | None,
    count: int,
    *,
    split: str | None = None,
    state: str = "active",
) -> None:
    """Insert images that came by a folder."""
    if not count:
        return
    first = session.scalar(sa.select(sa.func.count()).select_from(Image)) or 0
    values = {
        "project_id": project.id,
        "path": "x.png",
        "width": 100,
        "height": 80,
        "file_format": "PNG",
        "file_bytes": 1000,
        "class_id": label.id if label else None,
        "label_version": 1 if label else 0,
        "split": split,
        "split_source": "folder" if split else "",
        "state": state,
    }
    rows = []
    for number in range(first, first + count):
        digest = f"{number:064x}"
        hashes = {"sha256": digest, "canonical_sha256": digest, "thumbnail_sha256": digest}
        rows.append(values | hashes | {"name": f"細胞_{number:06}.png"})
    session.execute(sa.insert(Image), rows)
