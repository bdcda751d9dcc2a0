"""A few images of a project to show what a setting does to them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImageCount, LabelClass
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


_CLASSES = 100
COLUMNS = (Image.id, Image.name, Image.canonical_sha256, Image.thumbnail_sha256)


def listed(session: Session, project_id: int) -> list[Example]:
    """The first and the last image of each class, at most ``LIMIT``; unlabelled ones count as a class."""
    kept = sa.select(ImageCount.class_id).where(ImageCount.project_id == project_id)
    kept = kept.where(ImageCount.state == ImageState.ACTIVE).group_by(ImageCount.class_id)
    present = list(session.scalars(kept.having(sa.func.sum(ImageCount.count) > 0).limit(_CLASSES)))
    ends = [_end(project_id, class_id or None, end) for end in (sa.func.min, sa.func.max) for class_id in present]
    found = list(session.scalars(sa.union_all(*ends))) if ends else []
    pairs = sorted(zip(found[: len(present)], found[len(present) :], strict=True))
    ids = [first for first, _last in pairs][:LIMIT]
    ids += [last for first, last in pairs if last != first][: LIMIT - len(ids)]
    return [Example(*row) for row in session.execute(sa.select(*COLUMNS).where(Image.id.in_(ids)).order_by(Image.id))]


def _end(project_id: int, class_id: int | None, end: Callable[[Any], Any]) -> sa.Select[Any]:
    """The first or the last image of one class: one look into the index, however many there are."""
    query = sa.select(end(Image.id)).where(Image.project_id == project_id, Image.state == ImageState.ACTIVE)
    return query.where(Image.class_id.is_(None) if class_id is None else Image.class_id == class_id)


def one(session: Session, project_id: int, image_id: int) -> Example:
    """The image that a person chose.

    Raises:
        NotFound: the project has no such image.
    """
    query = sa.select(*COLUMNS).where(Image.project_id == project_id, Image.id == image_id)
    row = session.execute(query).first()
    if row is None:
        raise NotFound("image_missing", image=image_id)
    return Example(*row)


def classes_of(session: Session, image_ids: Iterable[int]) -> dict[int, str]:
    """The names of the classes of some images, by their ids; those without a class are left out."""
    query = sa.select(Image.id, LabelClass.name).join(LabelClass, Image.class_id == LabelClass.id)
    rows = session.execute(query.where(Image.id.in_(list(image_ids))))
    return dict(rows.all())


def another(session: Session, project_id: int, image_id: int) -> Example | None:
    """The next of ``listed`` after an image, for what takes two; None where there is no other."""
    shown = [example for example in listed(session, project_id) if example.image_id != image_id]
    return next((example for example in shown if example.image_id > image_id), next(iter(shown), None))


def mean_side(session: Session, project_id: int) -> float:
    """Mean of the longer sides of the first ``SIDES`` images in pixels; 0 without images."""
    longer = sa.case((Image.width > Image.height, Image.width), else_=Image.height).label("longer")
    some = sa.select(longer).where(Image.project_id == project_id).limit(SIDES).subquery()
    return float(session.scalar(sa.select(sa.func.avg(some.c.longer))) or 0)
