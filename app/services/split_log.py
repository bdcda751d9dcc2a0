"""How a change of splits is written: as events of the history, like a label or a mark, so that it can be taken back."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image
from app.domain.enums import Field, Split
from app.services import gallery
from app.services.label_log import Act, mark_now, record_chosen
from app.services.marks import Who

Rows = sa.Select[*tuple[Any, ...]]
_NOW = mark_now(Field.SPLIT)


def place(split: Split | None, source: str) -> str | None:
    """A split and how an image comes into it, as events have it; None for no split."""
    return f"{split.value}:{source}" if split else None


def those(wanted: str | None, *fits: sa.ColumnElement[bool]) -> Rows:
    """The events that bring images which fulfil conditions to a place; those that are there already have none."""
    value: sa.ColumnElement[str | None] = sa.literal(wanted, sa.String)
    return sa.select(Image.id, Image.mark_version + 1, _NOW.label("now"), value.label("then")).where(
        *fits, _NOW.is_distinct_from(value)
    )


def named(project_id: int, image_ids: Sequence[int], wanted: str | None) -> Iterator[Rows]:
    """``those`` for images by id."""
    for ids in gallery.chunks(image_ids):
        yield those(wanted, gallery.named(project_id, ids))


def write(session: Session, project_id: int, rows: Iterable[Rows], who: Who) -> ChangeSet:
    """Write one change of splits. The caller has asked ``label_log.start`` first."""
    act = Act(project_id, who["source"], who["actor"], who["request_id"], field=Field.SPLIT)
    return record_chosen(session, rows, act)
