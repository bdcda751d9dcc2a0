"""Any picture of a project for what is shown with one: found by class, name or number, or drawn by chance."""

import random
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImageCount
from app.domain.enums import ImageState
from app.domain.typed import number_text
from app.services import examples, gallery
from app.services.examples import LIMIT, Example
from app.services.image_filter import BIG, ImageFilter


@dataclass(frozen=True)
class Found:
    """The first pictures that fit, at most ``LIMIT``, and how many fit in all."""

    images: list[Example]
    total: int


def wanted(class_id: str, text: str) -> ImageFilter:
    """The pictures of a class (an id, "none", or "" for all) with a text in their names.

    Raises:
        Invalid: ``filter_invalid``.
    """
    return ImageFilter.from_query({"class": class_id, "q": text})


def find(session: Session, project_id: int, chosen: ImageFilter) -> Found:
    """The pictures that fit, in the order of their import; the one whose number was typed stands first."""
    page = gallery.ids(session, project_id, chosen, 0, LIMIT)
    rows = [Example(row.id, row.name, row.canonical_sha256, row.thumbnail_sha256) for row in page.rows]
    numbered = _numbered(session, project_id, chosen)
    if numbered is None or numbered in rows:
        return Found(rows, page.total)
    named = sa.select(Image.id).where(*gallery.conditions(project_id, chosen), Image.id == numbered.image_id)
    return Found([numbered, *rows[: LIMIT - 1]], page.total + (session.scalar(named) is None))


def draw(session: Session, project_id: int, chosen: ImageFilter, but: int | None = None) -> int | None:
    """A picture that fits, by chance, and another one than ``but`` where there are two; None where none fits.

    Where no class is chosen and nothing is searched for, a class is drawn first, so that rare ones come as often.
    """
    if chosen == ImageFilter():
        chosen = _any_class(session, project_id)
    total = gallery.total(session, project_id, chosen)
    if not total:
        return None
    start = random.randrange(total)
    for place in (start, (start + 1) % total):
        rows = gallery.ids(session, project_id, chosen, place, 1).rows
        if rows and rows[0].id != but:
            return rows[0].id
    return but


def _any_class(session: Session, project_id: int) -> ImageFilter:
    """The pictures of one class that has some; those without a label count as a class."""
    kept = sa.select(ImageCount.class_id).where(ImageCount.project_id == project_id)
    kept = kept.where(ImageCount.state == ImageState.ACTIVE).group_by(ImageCount.class_id)
    present = list(session.scalars(kept.having(sa.func.sum(ImageCount.count) > 0).order_by(ImageCount.class_id)))
    if not present:
        return ImageFilter()
    class_id = random.choice(present)
    return replace(ImageFilter(), class_id=class_id or None, unlabelled=not class_id)


def _numbered(session: Session, project_id: int, chosen: ImageFilter) -> Example | None:
    """The picture of the class whose number was typed, if the project has it."""
    text = number_text(chosen.query)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < BIG):
        return None
    fits = gallery.conditions(project_id, replace(chosen, query=""))
    row = session.execute(sa.select(*examples.COLUMNS).where(*fits, Image.id == int(text))).first()
    return Example(*row) if row else None
