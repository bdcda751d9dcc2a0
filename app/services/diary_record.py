"""The diary of a run as plain values for the manifest: what was tried stays with what it was tried on."""

from typing import Any

from sqlalchemy.orm import Session

from app.db.diary_models import DiaryEntry
from app.db.run_models import Run
from app.services import diary
from app.services.diary import Chosen


def of(session: Session, run: Run) -> list[dict[str, Any]]:
    """All entries of a run with its classes loaded, the oldest first.

    Removed entries stay among them: their tests count in ``p_adjusted`` (Holm) of the others.
    """
    entries = diary.listed(session, run)
    adjusted, _ = diary.adjusted(entries)
    names = [item.name for item in run.classes]
    return [
        {
            "number": one.row.number,
            "text": one.row.text,
            "written_by": one.row.actor,
            "written_at": one.row.created_at.isoformat(),
            "removed": one.row.removed,
            "test": one.row.alteration,
            "pictures": _pictures(one.row, names),
            "state": None if one.job is None else one.job.state,
            "answer": _answer(one.row, adjusted.get(one.row.id)),
            "history": one.row.log,
        }
        for one in reversed(entries)
    ]


def _pictures(row: DiaryEntry, names: list[str]) -> dict[str, Any] | None:
    """Which pictures a test was about, with the names of classes; None for a note without a test."""
    if row.alteration is None:
        return None
    chosen = Chosen(**row.chosen)
    true, said = (
        None if place is None or place >= len(names) else names[place] for place in (chosen.true, chosen.pred)
    )
    return {"on": chosen.on, "show": chosen.show, "true": true, "said": said, "item": chosen.item}


def _answer(row: DiaryEntry, adjusted: float | None) -> dict[str, Any] | None:
    """The figures of a test without its list of pictures; None while there are none."""
    if row.result is None:
        return None
    figures = {name: value for name, value in row.result.items() if name != "listed"}
    return figures | {"p_adjusted": adjusted}
