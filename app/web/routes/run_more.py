"""The page that says how many more pictures would help a run."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.domain.enums import FINAL_STATES
from app.services import amounts, runs
from app.web import amount_page, i18n
from app.web.deps import ProjectDep, ReadSession, WriteSession
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/runs/{number}/more")


@router.get("", name="run_more")
def show(request: Request, project: ProjectDep, session: ReadSession, number: int) -> Response:
    """Show what was measured last."""
    run = runs.by_number(session, project.id, number)
    return render(request, "runs/more.html", amount_page.build(session, project, run, i18n.choose(request)))


@router.get("/state", name="run_more_state")
def state(project: ProjectDep, session: ReadSession, number: int) -> JSONResponse:
    """How far the measurement is, for features.js."""
    job = amounts.newest(session, runs.by_number(session, project.id, number))
    progress = job.progress if job is not None else {}
    over = job is None or job.state in FINAL_STATES
    return JSONResponse({"over": over, "done": progress.get("done", 0), "total": progress.get("total", 0)})


@router.post("", name="run_more_request")
def measure(request: Request, project: ProjectDep, session: WriteSession, number: int) -> Response:
    """Have a worker measure."""
    amounts.request(session, runs.by_number(session, project.id, number))
    return redirect(request, "run_more", slug=project.slug, number=number)
