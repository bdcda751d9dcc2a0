"""Tables of features: numbers in which like pictures lie close, and what is made of them for a project."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, utc_now


class FeatureBlock(Base):
    """The features of some hundred pictures as one array in the store: ``.npy``, (count, 1280) float16."""

    __tablename__ = "feature_block"

    id: Mapped[int] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(sa.String(40), index=True)  # network, size and precision
    count: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class FeaturePlace(Base):
    """In which row of which block the features of a picture are; all projects that hold the picture share them."""

    __tablename__ = "feature_place"

    canonical_sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    method: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    block_id: Mapped[int] = mapped_column(sa.ForeignKey("feature_block.id"), index=True)
    row: Mapped[int]


class ProjectArray(Base):
    """Arrays made of the features of a project, as one file in the store; made again when the project has changed.

    ``kind``: "space" (all its features in few numbers), "map" (places on a plane), "head" (what a small classifier says
    of the pictures without a label) or "run" (what the newest run says of them). The row is there from the first
    request on; ``sha256`` is None until the first one is made.
    """

    __tablename__ = "project_array"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    job_id: Mapped[int | None] = mapped_column(sa.ForeignKey("job.id"))  # makes it now, or did last
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    count: Mapped[int] = mapped_column(default=0)  # images in it
    info: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made_at: Mapped[datetime | None]
