"""Tables of the data versions: what the images, labels and splits of a project were at a numbered moment."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, utc_now


class DataVersion(Base):
    """A frozen state of the images of a project. Unchanged data keeps its version, however many runs it has."""

    __tablename__ = "data_version"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "number"),
        sa.Index("ix_data_version_project_id_fingerprint", "project_id", "fingerprint"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    number: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    fingerprint: Mapped[str] = mapped_column(sa.String(64))  # SHA-256 over all images, see services.versions
    image_count: Mapped[int]
    labelled_count: Mapped[int]
    excluded_count: Mapped[int]
    actor: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class DataItem(Base):
    """What one image was from version ``first`` to version ``last``; None: it is so in the newest one.

    An image that does not change has one row, so a version costs as much as changed since the one before it.
    """

    __tablename__ = "data_item"
    __table_args__ = (
        sa.UniqueConstraint("image_id", "first"),
        sa.Index("ix_data_item_project_id_last", "project_id", "last", "first"),
        sa.Index("ix_data_item_project_id_first", "project_id", "first"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"))
    first: Mapped[int]
    last: Mapped[int | None]
    class_id: Mapped[int | None] = mapped_column(sa.ForeignKey("label_class.id"), index=True)
    split: Mapped[str | None] = mapped_column(sa.String(10))
    excluded: Mapped[bool]


class DataClass(Base):
    """What a class that images of a version have was called then. Versions of before this was kept have none.

    ``class_id`` is no foreign key, so that the name outlives the class.
    """

    __tablename__ = "data_class"

    version_id: Mapped[int] = mapped_column(sa.ForeignKey("data_version.id"), primary_key=True)
    class_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(200))
