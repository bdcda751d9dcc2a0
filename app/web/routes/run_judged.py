"""A finished run judged again with several views of each picture."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response

from app.db.run_models import Run
from app.domain.errors import NotFound
from app.services import judged, judging, runs
from app.web import i18n, judged_page
from app.web.compare_query import CompareQuery
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.submitted import SubmittedDep
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/runs/{number}")


@router.get("/views", name="run_views")
def show(
    request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int,
    kind: str = "", part: str = "",
) -> Response:  # fmt: skip
    """Show both ways beside each other; ``part=selected`` is only the picture that is shown large."""
    run = runs.by_number(session, project.id, number)
    wanted, language = (kind, CompareQuery.parse(request.query_params)), i18n.choose(request)
    if part == "selected":
        large = judged_page.part(session, state.judged, project, run, wanted, language)
        if large is None:
            raise NotFound("judge_missing", run=number, views=kind[:60])
        return render(request, "compare/_fragment.html", large)
    page = judged_page.build(session, state.judged, project, run, wanted, language)
    return render(request, "runs/judged.html", page)


@router.get("/views.json", name="run_views_data")
def data(project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> JSONResponse:
    """Everything that was asked for, with its results, for a program."""
    run = runs.by_number(session, project.id, number)
    found = [judged.result_json(session, state.judged, run, row) for row in judging.listed(session, run)]
    return JSONResponse({"project": project.slug, "run": number, "judged": found})


@router.get("/views/state", name="run_views_state")
def progress(project: ProjectDep, session: ReadSession, number: int, kind: str = "") -> JSONResponse:
    """How far a job is, for features.js."""
    rows = judging.listed(session, runs.by_number(session, project.id, number))
    return JSONResponse(judged_page.state(rows, kind))


@router.post("/views", name="run_views_start")
def start(
    request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, number: int, actor: ActorDep
) -> Response:
    """Have a worker judge; a page and a program send ``views``."""
    run: Run = runs.by_number(session, project.id, number)
    kind: Any = sent.values.get("views", "")
    job = judging.start(session, run, str(kind), actor=actor)
    if sent.by_program:
        url = address(request.app, "run_views", slug=project.slug, number=number, query={"kind": kind})
        return JSONResponse({"job": job.id, "views": kind, "url": url}, status_code=201, headers={"Location": url})
    return redirect(request, "run_views", slug=project.slug, number=number, query={"kind": kind})


@router.post("/views/stop", name="run_views_stop")
def stop(
    request: Request, project: ProjectDep, session: WriteSession, number: int, views: Annotated[str, Form()] = ""
) -> Response:
    """End the job; a former result stays."""
    judging.stop(session, runs.by_number(session, project.id, number), views)
    return redirect(request, "run_views", slug=project.slug, number=number)
