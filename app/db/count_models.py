"""Counts that triggers of the database keep beside the images and their facts (migrations 0009, 0013 and 0016)."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base

BLOCK = 4096  # ids of images in one block; the triggers have the same number


class ImageBlock(Base):
    """How many images of a block of ids share class, split and state: the way to any place of a long list.

    0 and "" stand for no class and no split. Rows whose count has come down to 0 may stay.
    """

    __tablename__ = "image_block"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    class_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    split: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # id of the image / BLOCK
    count: Mapped[int]


class ImageKind(Base):
    """How many images have this size, format and colour mode. ``mode`` is "" where nothing was converted."""

    __tablename__ = "image_kind"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    height: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    file_format: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    mode: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    count: Mapped[int]


class FactCount(Base):
    """How many images of a project have facts, by the way they were measured and whether our copy could be read."""

    __tablename__ = "fact_count"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    method: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    readable: Mapped[bool] = mapped_column(primary_key=True)
    count: Mapped[int]


class ImageStamp(Base):
    """Tells whether anything of a block of images changed since it was read (migration 0013).

    ``moves`` grows with every image that is added, changed or removed; ``members`` is how many were added or removed.
    """

    __tablename__ = "image_stamp"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # id of the image / BLOCK
    moves: Mapped[int] = mapped_column(sa.BigInteger)
    members: Mapped[int] = mapped_column(sa.BigInteger)


class FindingTally(Base):
    """How many images in use of a finding share class and split (migration 0016); 0 and "" stand for none.

    From it the triggers keep the figures of ``HealthFinding``. Rows whose count has come down to 0 may stay.
    """

    __tablename__ = "finding_tally"

    finding_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    class_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    split: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    count: Mapped[int]
