"""A few images of a project to show what a setting does to them."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image
from app.domain.enums import ImageState
from app.domain.errors import NotFound

LIMIT = 12
SIDES = 1000  # images of one project are mostly of one size


@dataclass(frozen=True, slots=True)
class Example:
    """One image."""

    image_id: int
    name: str
    canonical_sha256: str
    thumbnail_sha256: str


_COLUMNS = (Image.id, Image.name, Image.canonical_sha256, Image.thumbnail_sha256)


def listed(session: Session, project_id: int) -> list[Example]:
    """The first and the last image of each class, at most ``LIMIT``; unlabelled ones count as a class."""
    ends = sa.select(sa.func.min(Image.id), sa.func.max(Image.id)).where(
        Image.project_id == project_id, Image.state == ImageState.ACTIVE
    )
    pairs = session.execute(ends.group_by(Image.class_id).order_by(sa.func.min(Image.id))).all()
    ids = [first for first, _last in pairs][:LIMIT]
    ids += [last for first, last in pairs if last != first][: LIMIT - len(ids)]
    return [Example(*row) for row in session.execute(sa.select(*_COLUMNS).where(Image.id.in_(ids)).order_by(Image.id))]


def one(session: Session, project_id: int, image_id: int) -> Example:
    """The image that a person chose.

    Raises:
        NotFound: the project has no such image.
    """
    query = sa.select(*_COLUMNS).where(Image.project_id == project_id, Image.id == image_id)
    row = session.execute(query).first()
    if row is None:
        raise NotFound("image_missing", image=image_id)
    return Example(*row)


def mean_side(session: Session, project_id: int) -> float:
    """Mean of the longer sides of the first ``SIDES`` images in pixels; 0 without images."""
    longer = sa.case((Image.width > Image.height, Image.width), else_=Image.height).label("longer")
    some = sa.select(longer).where(Image.project_id == project_id).limit(SIDES).subquery()
    return float(session.scalar(sa.select(sa.func.avg(some.c.longer))) or 0)
