"""The page that says whether a run looks at the padding or at the border of its pictures."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.services import runs
from app.web import border_page, i18n, review_page
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.templating import render

router = APIRouter()


@router.get("/p/{slug}/runs/{number}/borders", name="run_borders")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show where the heat maps of the answers lie."""
    run = runs.by_number(session, project.id, number)
    _, roles = review_page.usual_role(session, run)
    t = i18n.translations(i18n.choose(request))
    page = border_page.build(session, state.store, project, run, roles, request.query_params, t)
    return render(request, "runs/borders.html", page)
