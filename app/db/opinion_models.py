"""Tables of second opinions: what several people say of the same pictures without seeing each other's answers."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, utc_now


class OpinionRound(Base):
    """A drawn sample of a project's images, each to be looked at by ``people`` people."""

    __tablename__ = "opinion_round"
    __table_args__ = (sa.UniqueConstraint("project_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    number: Mapped[int]
    people: Mapped[int]
    query: Mapped[str] = mapped_column(sa.Text, default="", server_default=sa.text("''"))  # the filter drawn from
    actor: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class OpinionImage(Base):
    """An image of a sample."""

    __tablename__ = "opinion_image"

    round_id: Mapped[int] = mapped_column(sa.ForeignKey("opinion_round.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"), primary_key=True, index=True)


class Opinion(Base):
    """What one person said of one image; saying it again replaces it."""

    __tablename__ = "opinion"

    round_id: Mapped[int] = mapped_column(sa.ForeignKey("opinion_round.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"), primary_key=True, index=True)
    actor: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    class_id: Mapped[int] = mapped_column(sa.ForeignKey("label_class.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
