"""Deleting a project: what goes, the name typed, and no way back."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from app.db.models import Project
from app.domain.errors import AppError, Conflict, Invalid
from app.services import deletion
from app.services.deletion import Extent
from app.web import i18n
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.messages import sentence
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}")


@dataclass(frozen=True)
class DeletionPage:
    """What would go, and why it was refused."""

    project: Project
    extent: Extent
    name: str = ""
    error: str = ""


@router.get("/delete", name="project_delete")
def page(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show what deleting the project removes; nothing is changed."""
    return render(request, "projects/delete.html", DeletionPage(project, deletion.extent(session, project)))


@router.post("/delete", name="project_delete_now")
def delete(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    name: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Delete the project when its name was typed; the page of the jobs shows how far that is."""
    try:
        deletion.check_name(project, name)
        with state.database.write() as writing:
            writing.info["queue"] = state.queue
            deletion.request(writing, project.id, state.settings.data_dir)
    except (Conflict, Invalid) as error:
        return _refused(request, DeletionPage(project, deletion.extent(session, project), name), error)
    return redirect(request, "jobs")


def _refused(request: Request, shown: DeletionPage, error: AppError) -> Response:
    text = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    page = DeletionPage(shown.project, shown.extent, shown.name, text)
    return render(request, "projects/delete.html", page, status_code=error.status)
