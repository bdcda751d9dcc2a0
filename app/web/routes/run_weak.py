"""The page of a run that lists the groups of images in which it is right less often than elsewhere."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.services import runs
from app.web import i18n, weak_page
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.templating import render

router = APIRouter()


@router.get("/p/{slug}/runs/{number}/weak", name="run_weak")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show the groups; ``group`` opens the pictures of one."""
    run = runs.by_number(session, project.id, number)
    language = i18n.choose(request)
    page = weak_page.build(session, state.judged, state.arrays, project, run, request.query_params, language)
    return render(request, "runs/weak.html", page)
