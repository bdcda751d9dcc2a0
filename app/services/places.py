"""The way to any place of a long list of images without walking along it.

The database keeps for each block of ids how many images of each class, split and state are in it (``ImageBlock``). Some
hundred sums say in which blocks the wanted images are; only those are looked through.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.count_models import BLOCK, ImageBlock
from app.db.models import Image
from app.services.image_filter import NONE, ImageFilter

NEAR = 1000  # from the beginning; so far a walk along an index costs as little


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ids ``first`` to ``last``; the images wanted begin behind ``skipped`` of those that match among them."""

    first: int
    last: int
    skipped: int

    @property
    def inside(self) -> sa.ColumnElement[bool]:
        """As a condition."""
        return Image.id.between(self.first, self.last)


def known(chosen: ImageFilter) -> bool:
    """True when the kept counts know everything that the filter asks for."""
    others = (chosen.import_number, chosen.mark, chosen.reason, chosen.ids)
    return not chosen.query and all(value is None for value in others)


def stretch(session: Session, project_id: int, chosen: ImageFilter, offset: int, limit: int) -> Stretch | None:
    """Where images ``offset`` to ``offset + limit`` are; None where a plain walk is as good or must do."""
    several = (chosen.class_id is not None or chosen.unlabelled) and chosen.split is not None
    if not known(chosen) or (offset <= NEAR and not several):
        return None
    first, passed, skipped = None, 0, 0
    for block, count in session.execute(_sums(project_id, chosen)):
        if first is None and passed + count > offset:
            first, skipped = block, offset - passed
        passed += count
        if first is not None and passed >= offset + limit:
            break
    else:
        if first is None:
            return Stretch(0, -1, 0)  # behind the last one
    return Stretch(first * BLOCK, (block + 1) * BLOCK - 1, skipped)


def before(session: Session, project_id: int, chosen: ImageFilter, image_id: int) -> int:
    """How many images that match are in the blocks in front of the one that ``image_id`` is in."""
    sums = _sums(project_id, chosen).where(ImageBlock.block < image_id // BLOCK).subquery()
    return int(session.scalar(sa.select(sa.func.sum(sums.c.count))) or 0)


def block_of(image_id: int) -> sa.ColumnElement[bool]:
    """The images in front of ``image_id`` in its block."""
    return sa.and_(Image.id >= image_id // BLOCK * BLOCK, Image.id < image_id)


def _sums(project_id: int, chosen: ImageFilter) -> sa.Select[int, int]:
    count = sa.func.sum(ImageBlock.count)
    query = sa.select(ImageBlock.block, count.label("count")).where(ImageBlock.project_id == project_id)
    if chosen.state is not None:
        query = query.where(ImageBlock.state == chosen.state)
    if chosen.unlabelled or chosen.class_id is not None:
        query = query.where(ImageBlock.class_id == (0 if chosen.unlabelled else chosen.class_id))
    if chosen.split is not None:
        query = query.where(ImageBlock.split == ("" if chosen.split == NONE else chosen.split))
    return query.group_by(ImageBlock.block).having(count > 0).order_by(ImageBlock.block)
