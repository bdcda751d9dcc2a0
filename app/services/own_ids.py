"""Ids that never come back. SQLite gives the id of a removed last row to the next row that is added, and a page or an
unsent label of before would then mean another picture or another class. The row of a deleted project stays for this.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.models import Image, LabelClass, LabelEvent, Project
from app.db.run_models import Run

_KEPT = {Image.id: Project.next_image_id, LabelClass.id: Project.next_class_id, Run.id: Project.next_run_id}


def never_again(session: Session, project_id: int, column: InstrumentedAttribute[int], ids: Iterable[int]) -> None:
    """Remember that rows of a project with these ids are gone."""
    kept = _KEPT[column]
    following = max(ids, default=0) + 1
    raised = sa.update(Project).where(Project.id == project_id, kept < following).values({kept: following})
    session.execute(raised, execution_options={"synchronize_session": False})


def first(session: Session, column: InstrumentedAttribute[int]) -> int | None:
    """The id that the next new row must have; None where the database finds one that nothing had before.

    ``session`` writes, so that nobody else takes the id meanwhile.
    """
    if session.get_bind().dialect.name != "sqlite":
        return None
    last = sa.select(sa.func.coalesce(sa.func.max(column), 0)).scalar_subquery()
    return session.scalar(sa.select(sa.func.max(_KEPT[column])).where(_KEPT[column] > last + 1))


def label_events_gone(session: Session) -> None:
    """To be called where label events were removed, before anybody else writes: SQLite gives their ids again.

    A run counts labels as changed whose events are newer than its watermark; none of those that come may seem older.
    """
    if session.get_bind().dialect.name != "sqlite":
        return
    newest = sa.select(sa.func.coalesce(sa.func.max(LabelEvent.id), 0)).scalar_subquery()
    lowered = sa.update(Run).where(Run.label_watermark > newest).values(label_watermark=newest)
    session.execute(lowered, execution_options={"synchronize_session": False})
