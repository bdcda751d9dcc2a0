"""The diary of a run: what somebody thinks of it, and what a test on changed pictures said."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, utc_now


class DiaryEntry(Base):
    """A note on a run, perhaps with a test that a worker runs. Removed entries stay and can be brought back.

    Attributes:
        text: the hypothesis, "" for a test from the page of the borders.
        alteration: ``app.domain.alterations.Alteration`` as JSON; None for a note without a test.
        chosen: which pictures: {"on", "show", "true", "pred", "item"}, classes counted from 0.
        result: ``app.domain.altered.to_json``; None while there is none.
        log: what was done with the entry, oldest first: [{"did", "actor", "at", "text"}, …]; "text" has the words that
            were replaced.
    """

    __tablename__ = "diary_entry"
    __table_args__ = (sa.UniqueConstraint("run_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"))
    number: Mapped[int]
    text: Mapped[str] = mapped_column(sa.Text, default="")
    alteration: Mapped[dict[str, Any] | None]
    chosen: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[int | None] = mapped_column(sa.ForeignKey("job.id"), index=True)
    result: Mapped[dict[str, Any] | None]
    removed: Mapped[bool] = mapped_column(default=False)
    log: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list)
    actor: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
