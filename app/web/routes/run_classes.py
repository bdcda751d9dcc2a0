"""The page of a run that shows how well each class is told apart."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.services import runs
from app.web import class_page, review_page
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.templating import render

router = APIRouter()


@router.get("/p/{slug}/runs/{number}/classes", name="run_classes")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show the figures of each class, how often it is said, and the confusion matrix."""
    run = runs.by_number(session, project.id, number)
    _, roles = review_page.usual_role(session, run)
    page = class_page.build(session, state.judged, project, run, roles, request.query_params)
    return render(request, "runs/classes.html", page)
