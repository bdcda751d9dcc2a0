"""The jobs page: what runs, what waits, what ended, which workers are there, how much room is left."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Header, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.services import job_list, jobs, maintenance, stopping
from app.web import events, i18n, job_board
from app.web.deps import StateDep, WriteSession
from app.web.job_board import Board, Part
from app.web.templating import redirect, render

router = APIRouter()


def get_board(request: Request, state: StateDep) -> Board:
    """The board of this process."""
    return job_board.board_of(request.app, state)


BoardDep = Annotated[Board, Depends(get_board)]


@dataclass(frozen=True)
class JobsPage:
    """``pieces`` are the parts of the page; ``shown`` is what its event stream begins after."""

    pieces: Sequence[Part]
    shown: str


@router.get("/jobs", name="jobs")
def show(request: Request, board: BoardDep) -> Response:
    """Show all jobs and workers."""
    parts = board.draw(i18n.choose(request))
    return render(request, "jobs/index.html", JobsPage(parts, ".".join(part.digest for part in parts)))


@router.get("/jobs/events", name="jobs_events", response_class=EventSourceResponse)
async def stream(
    request: Request,
    state: StateDep,
    board: BoardDep,
    after: str = "",
    last_event_id: Annotated[str, Header()] = "",
) -> AsyncIterator[ServerSentEvent]:
    """Events "part": a part of the page as HTML, with the digests of all parts as its id."""
    shown = job_board.shown_by(last_event_id or after)
    hub = events.hub_of(request.app, state.database)
    async for event in board.stream(hub, i18n.choose(request), shown):
        yield event


@router.post("/jobs/{job_id}/stop", name="job_stop")
def stop(
    request: Request, state: StateDep, session: WriteSession, job_id: int, keep: Annotated[bool, Form()] = False
) -> Response:
    """Stop a job; with ``keep`` a training keeps its best weights so far."""
    stopping.stop(session, job_id, state.settings.data_dir, keep_best=keep)
    return redirect(request, "jobs")


@router.post("/jobs/{job_id}/first", name="job_first")
def first(request: Request, session: WriteSession, job_id: int) -> Response:
    """Put a job that waits before all others of its kind."""
    job_list.exists(session, job_id)
    jobs.move_up(session, job_id)
    return redirect(request, "jobs")


@router.post("/jobs/{job_id}/again", name="job_again")
def again(request: Request, session: WriteSession, job_id: int) -> Response:
    """Try a job again that failed or was stopped; a training goes on after its newest checkpoint."""
    job_list.exists(session, job_id)
    jobs.retry(session, job_id)
    return redirect(request, "jobs")


@dataclass(frozen=True)
class CleanupPage:
    """What would be removed, or what was."""

    plan: maintenance.Plan | None
    cleaned: maintenance.Cleaned | None
    days: int


@router.get("/jobs/cleanup", name="cleanup")
def cleanup(request: Request, state: StateDep) -> Response:
    """Show what takes room and is not needed; nothing is removed."""
    plan = maintenance.plan(state.database, state.store)
    return render(request, "jobs/cleanup.html", CleanupPage(plan, None, maintenance.KEEP_DAYS))


@router.post("/jobs/cleanup", name="cleanup_now")
def cleanup_now(request: Request, state: StateDep) -> Response:
    """Remove it, and say how large the store was and is. A second call finds nothing more."""
    cleaned = maintenance.clean(state.database, state.store)
    return render(request, "jobs/cleanup.html", CleanupPage(None, cleaned, maintenance.KEEP_DAYS))
