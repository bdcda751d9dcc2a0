"""The button on a run that did not fit into memory."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from app.services import runs, shrinking
from app.web.deps import ActorDep, ProjectDep, WriteSession
from app.web.templating import redirect

router = APIRouter(prefix="/p/{slug}/runs/{number}")


@router.post("/smaller", name="run_smaller")
def smaller(
    request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, number: int
) -> RedirectResponse:
    """Start the training again with less in a step."""
    made = shrinking.again(session, runs.by_number(session, project.id, number), actor=actor)
    return redirect(request, "run", slug=project.slug, number=made.number)
