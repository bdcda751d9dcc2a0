"""What models suggest, for the pages on which pictures are labelled, and what keeps it fresh."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job
from app.domain.enums import FINAL_STATES
from app.services import doubted, features, queues, suggesting, suggestions
from app.services.gallery import ImageRow
from app.services.suggestions import Said, Source, Suggestion
from app.web import pictures
from app.web.deps import AppState

_fitting = threading.Lock()  # one fit at a time in this process; it takes a fraction of a second
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
    """What can be asked for more suggestions, and the job that is at it.

    Attributes:
        run: number of the newest finished run when it has not been asked about the pictures without a label.
        unseen: pictures that the offline network has not looked at, which suggestions before any run need.
        job: number of a job that makes suggestions now.
    """

    run: int | None
    unseen: int
    job: int | None


def asking(session: Session, project_id: int) -> Asking:
    """For a page."""
    run = suggesting.newer_run(session, project_id)
    state = features.state(session, project_id)
    at_work = features.job_of(session, project_id, features.RUN)
    if at_work is None or at_work.state in FINAL_STATES:
        at_work = session.get(Job, state.job_id) if state.job_id is not None else None
    return Asking(run.number if run else None, state.missing, at_work.id if at_work else None)


def ask(session: Session, project_id: int) -> Job | None:
    """Have a worker ask the newest run about all pictures without a label, or before a run the offline network."""
    run = suggesting.newer_run(session, project_id)
    if run is not None:
        return suggesting.ask_run(session, project_id, run)
    return features.request(session, project_id) if features.state(session, project_id).missing else None


def keep_fresh(state: AppState, project_id: int) -> None:
    """Fit the small head again when enough labels came; done after the answer, so that nobody waits for it."""
    if not _fitting.acquire(blocking=False):
        return
    try:
        with state.database.read() as session:
            due = suggesting.due(session, project_id)
        if due:
            suggesting.refresh(state.database, state.store, state.arrays, project_id)
    except Exception:
        log.exception("The suggestions of project %s were not made anew.", project_id)
    finally:
        _fitting.release()


def everything(session: Session, state: AppState, project: Project, queue: queues.Queue) -> Said | None:
    """All suggestions where the order of a queue needs them."""
    return suggestions.said(session, state.arrays, project.id) if queue.order in queues.ASKED else None


def drawn(state: AppState, project: Project, queue: queues.Queue, wish: queues.Wish) -> list[ImageRow]:
    """The next images of a queue; where a model orders it, by what it says now."""
    if not wish.limit:
        return []
    with state.database.read() as session:
        said = everything(session, state, project, queue)
    return queues.draw(state.database, project.id, queue, wish, said)


def items(
    request: Request, session: Session, project: Project, queue: queues.Queue, rows: Sequence[ImageRow]
) -> list[dict[str, Any]]:
    """Images for the modules of label mode, with what is suggested for them."""
    found = of_rows(request.app.state.miwake, session, project, queue, rows)
    return [{**pictures.as_item(request, project, row), "suggestion": as_json(found.get(row.id))} for row in rows]


def of_rows(
    state: AppState, session: Session, project: Project, queue: queues.Queue, rows: Sequence[ImageRow]
) -> dict[int, Suggestion]:
    """By image: what is suggested instead of a label that looks wrong, or for an image without one."""
    if queue.order is not queues.Order.WRONG:
        return suggestions.of_images(session, state.arrays, project.id, [row.id for row in rows])
    run = doubted.judge(session, project.id)
    if run is None:
        return {}
    source = Source("run", run.number, 0, 0)
    said = doubted.of_run(session, run)
    wanted = {row.id for row in rows if said.versions.get(row.id) == row.version and not row.checked}
    return {
        doubt.image_id: Suggestion(doubt.image_id, doubt.class_id, doubt.confidence, source)
        for doubt in said.doubts
        if doubt.image_id in wanted
    }


def as_json(suggestion: Suggestion | None) -> dict[str, Any] | None:
    """A suggestion for a module."""
    if suggestion is None:
        return None
    return {
        "class_id": suggestion.class_id,
        "confidence": suggestion.confidence,
        "kind": suggestion.source.kind,
        "number": suggestion.source.number,
    }
