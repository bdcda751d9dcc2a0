"""The page about the sureness of a run: thresholds, calibration, ROC and precision-recall curves."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from app.services import projects, runs, sureness
from app.web import review_page, sureness_page
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.templating import redirect, render

router = APIRouter()


@router.get("/p/{slug}/runs/{number}/sureness", name="run_sureness")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show how far the probabilities of a run can be believed."""
    run = runs.by_number(session, project.id, number)
    _, roles = review_page.usual_role(session, run)
    page = sureness_page.build(session, state.judged, project, run, roles, request.query_params)
    return render(request, "runs/sureness.html", page)


@router.post("/p/{slug}/runs/{number}/temperature", name="run_temperature")
def temperature(
    request: Request,
    state: StateDep,
    slug: str,
    number: int,
    do: Annotated[Literal["keep", "drop"], Form()],
) -> Response:
    """Keep the fitted temperature with the models, or let them speak for themselves again."""
    found = None
    if do == "keep":
        with state.database.read() as session:  # nobody waits for the computation
            found = sureness.fitted(
                session, state.judged, runs.by_number(session, projects.id_of(session, slug), number)
            )
    with state.database.write() as session:
        run = runs.by_number(session, projects.id_of(session, slug), number)
        if found is None:
            sureness.drop_temperature(run)
        else:
            sureness.keep_temperature(session, run, found)
    return redirect(request, "run_sureness", slug=slug, number=number)
