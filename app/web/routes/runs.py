"""The list of runs, the page of one run, its event stream, its files, and the buttons that stop or repeat it."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Header, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.db.models import Project
from app.db.run_models import Run
from app.domain.errors import Invalid
from app.services import groups, jobs, progress, projects, report, run_list, runs
from app.services.progress import EpochRow
from app.web import charts, events, i18n, run_page, run_words, setting_words
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.errors import wants_json
from app.web.own_copies import attachment
from app.web.templating import redirect, render

router = APIRouter()

_OF_CLASSES = ("augmented_class_missing", "class_augmentation_missing")


@dataclass(frozen=True)
class ListedRun:
    """One row of the list with its words and its sparkline."""

    line: run_list.RunLine
    kind: str
    duration: str
    sparkline: str


@dataclass(frozen=True)
class RunsPage:
    """All runs of a project."""

    project: Project
    runs: Sequence[ListedRun]
    groups: Sequence[groups.GroupLine]


@router.get("/p/{slug}/runs", name="runs")
def index(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show all runs."""
    t = i18n.translations(i18n.choose(request))
    listed = [
        ListedRun(
            line=line,
            kind=setting_words.kind(line.preset, line.architecture, t),
            duration=run_words.duration(line.seconds, t),
            sparkline=charts.sparkline(line.curve),
        )
        for line in run_list.lines(session, project.id)
    ]
    return render(request, "runs/index.html", RunsPage(project, listed, groups.listed(session, project.id)))


@router.get("/p/{slug}/runs/{number}.json", name="run_json")
def as_json(
    project: ProjectDep, session: ReadSession, state: StateDep, number: int, download: bool = False
) -> JSONResponse:
    """The result as JSON; with ``download`` as a file."""
    values = report.result_json(session, runs.by_number(session, project.id, number), state.judged)
    headers = {"Cache-Control": "private, no-cache"}
    if download:
        headers["Content-Disposition"] = attachment(f"{project.slug}-run-{number}.json")
    return JSONResponse(values, headers=headers)


@router.get("/p/{slug}/runs/{number}/epochs.csv", name="run_epochs")
def epochs_csv(project: ProjectDep, session: ReadSession, number: int) -> Response:
    """All epochs of all folds as a table; folds and epochs count from 1."""
    rows = progress.epochs(session, runs.by_number(session, project.id, number))
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(item.name for item in fields(EpochRow) if item.name != "id")
    for row in rows:
        _, fold, *values = astuple(row)
        table.writerow([fold + 1, *values])
    name = f"{project.slug}-run-{number}-epochs.csv"
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "private, no-cache"}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/p/{slug}/runs/{number}", name="run")
def show(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    number: int,
    fold: int | None = None,
) -> Response:
    """Show one run; ``fold`` (from 1) chooses the tab of the epoch table."""
    run = runs.by_number(session, project.id, number)
    chosen = fold - 1 if fold is not None and 1 <= fold <= len(run.folds) and len(run.folds) > 1 else None
    page = run_page.build(session, state.judged, project, run, i18n.choose(request), chosen)
    return render(request, "runs/run.html", page)


def watched_run(state: StateDep, slug: str, number: int) -> int:
    """The id of the run of the address; no connection stays open while the stream runs.

    Raises:
        NotFound: there is no such project or run.
    """
    with state.database.read() as session:
        run: Run = runs.by_number(session, projects.by_slug(session, slug).id, number)
        return run.id


@router.get("/p/{slug}/runs/{number}/events", name="run_events", response_class=EventSourceResponse)
async def stream(
    request: Request,
    state: StateDep,
    run_id: Annotated[int, Depends(watched_run)],
    after: int = 0,
    last_event_id: Annotated[int | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Events of a run: "epoch" (with the row's id), "progress" and, last, "end".

    ``after`` is the newest row that the page already has; a browser that comes back sends a newer Last-Event-ID.
    """
    language = i18n.choose(request)

    def say(now: progress.Snapshot) -> dict[str, Any]:
        return run_words.progress_event(now, language)

    hub = events.hub_of(request.app, state.database)
    async for event in hub.stream(run_id, max(after, last_event_id or 0), say):
        yield event


@router.post("/p/{slug}/runs/{number}/stop", name="run_stop")
def stop(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    number: int,
    keep_best: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """Stop a run: with ``keep_best`` the best weights so far are kept and judged, otherwise nothing is."""
    run = runs.by_number(session, project.id, number)
    jobs.cancel(session, run.job_id, keep_best=keep_best)
    return redirect(request, "run", slug=project.slug, number=number)


@router.post("/p/{slug}/runs/{number}/retry", name="run_retry")
def retry(request: Request, project: ProjectDep, session: WriteSession, number: int) -> RedirectResponse:
    """Go on with a run that failed or was stopped, after its newest saved states; finished models stay."""
    jobs.retry(session, runs.by_number(session, project.id, number).job_id)
    return redirect(request, "run", slug=project.slug, number=number)


@router.post("/p/{slug}/runs/{number}/again", name="run_again")
def again(
    request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, number: int
) -> RedirectResponse:
    """Train once more with the same recipe on the labels as they are now."""
    try:
        made = runs.again(session, runs.by_number(session, project.id, number), actor=actor)
    except Invalid as error:
        if error.code not in _OF_CLASSES or wants_json(request):
            raise
        session.rollback()
        return redirect(request, "train", slug=project.slug, query={"from": number})  # the form says what is missing
    return redirect(request, "run", slug=project.slug, number=made.number)
