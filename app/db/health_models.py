"""Tables of the health page: facts of each picture, and what a check of the project found."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, utc_now


class ImageFact(Base):
    """What the pixels of one image say, measured once by a worker; see ``app.domain.picture_facts``.

    ``sketch`` is the picture as 32 x 32 grey bytes, empty when our copy could not be read. The numbers are those of the
    picture at no more than 256 pixels a side; brightness and contrast are shares of 255.
    """

    __tablename__ = "image_fact"

    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"), primary_key=True)
    method: Mapped[int]  # the way of measuring; rows of an older one are measured again
    pixels_sha256: Mapped[str] = mapped_column(sa.String(64))  # of size and pixels: equal for equal pictures
    sketch: Mapped[bytes]
    brightness: Mapped[float]
    contrast: Mapped[float]
    sharpness: Mapped[float]
    entropy: Mapped[float]  # bits for each pixel, 0 to 8
    colourfulness: Mapped[float]
    border_brightness: Mapped[float]
    border_contrast: Mapped[float]


class HealthCheck(Base):
    """The newest check of a project. ``results`` holds what is no group of images, such as counts and seconds."""

    __tablename__ = "health_check"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    job_id: Mapped[int | None] = mapped_column(sa.ForeignKey("job.id"))  # the job that checks now, or did last
    checked_at: Mapped[datetime | None]
    image_count: Mapped[int] = mapped_column(default=0)  # images that the check has seen
    results: Mapped[dict[str, Any]] = mapped_column(default=dict)


class HealthFinding(Base):
    """One thing to look at: a group of images, or one image, or a property of all of them.

    ``signature`` names the same finding in a later check, so that what was kept stays kept.
    """

    __tablename__ = "health_finding"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "kind", "signature"),
        sa.Index("ix_health_finding_project_id_score", "project_id", "kind", "score", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    kind: Mapped[str] = mapped_column(sa.String(20))
    signature: Mapped[str] = mapped_column(sa.String(64))
    score: Mapped[float]  # the greater, the earlier it is shown among those of its kind
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    found: Mapped[bool] = mapped_column(default=True)  # False: kept, but the newest check does not see it
    kept_by: Mapped[str | None] = mapped_column(sa.String(100))
    kept_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Kept by triggers of the database (migration 0016): its images in use, how many classes they have, and of those
    # with a label how many are of the test set, of the validation folder, and free for training.
    members: Mapped[int] = mapped_column(default=0, server_default="0")
    classes: Mapped[int] = mapped_column(default=0, server_default="0")
    test: Mapped[int] = mapped_column(default=0, server_default="0")
    folder: Mapped[int] = mapped_column(default=0, server_default="0")
    free: Mapped[int] = mapped_column(default=0, server_default="0")


class HealthMember(Base):
    """An image of a finding."""

    __tablename__ = "health_member"
    __table_args__ = (sa.Index("ix_health_member_image_id", "image_id"),)

    finding_id: Mapped[int] = mapped_column(sa.ForeignKey("health_finding.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"), primary_key=True)
