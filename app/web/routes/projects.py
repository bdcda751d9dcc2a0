"""The list of projects and the overview of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.db.models import Project
from app.domain.enums import JobState
from app.domain.errors import Invalid
from app.domain.text import N_
from app.services import classes, projects
from app.services.projects import ImageCounts, ProjectSummary, RunSummary
from app.web import i18n
from app.web.deps import ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.templating import redirect, render

router = APIRouter()


@dataclass(frozen=True)
class ProjectsPage:
    """All projects and the form for a new one."""

    projects: Sequence[ProjectSummary]
    name: str = ""
    description: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of the chain: where it stands and where it leads."""

    key: str
    title: str
    route: str
    done: bool
    current: bool


@dataclass(frozen=True)
class ProjectPage:
    """What is there and what to do next."""

    project: Project
    counts: ImageCounts
    class_counts: Mapping[int, int]  # labelled images by class id
    steps: Sequence[Step]
    next_step: str
    runs: Sequence[RunSummary]
    runs_by_state: Mapping[str, int]


@router.get("/", name="projects")
def index(request: Request, session: ReadSession) -> Response:
    """Show all projects."""
    return render(request, "projects/index.html", ProjectsPage(projects.summaries(session)))


@router.get("/projects", name="projects_again")
def index_again(request: Request) -> RedirectResponse:
    """A refused form has this address; reading it leads back to the list."""
    return redirect(request, "projects")


@router.post("/projects", name="project_create")
def create(
    request: Request,
    session: WriteSession,
    name: Annotated[str, Form()] = "",
    description: Annotated[str, Form()] = "",
) -> Response:
    """Make a project and go to it."""
    try:
        project = projects.create(session, name=name, description=description)
    except Invalid as error:
        errors = {"name": sentence(error, i18n.translations(i18n.choose(request)).gettext)}
        page = ProjectsPage(projects.summaries(session), name, description, errors)
        return render(request, "projects/index.html", page, status_code=422)
    return redirect(request, "project", slug=project.slug)


@router.get("/p/{slug}", name="project")
def overview(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show one project: the chain, its figures, the one next step and the last runs."""
    counts = projects.image_counts(session, project).get(project.id, ImageCounts())
    by_state = projects.runs_total(session, project)
    steps = chain(counts, len(project.classes), by_state)
    page = ProjectPage(
        project=project,
        counts=counts,
        class_counts=classes.counts(session, project),
        steps=steps,
        next_step=next(step.key for step in steps if step.current),
        runs=projects.recent_runs(session, project),
        runs_by_state=by_state,
    )
    return render(request, "projects/overview.html", page)


def chain(counts: ImageCounts, class_count: int, runs: Mapping[str, int]) -> list[Step]:
    """The five steps; the first one that is not done is the current one, and review once all are."""
    finished = runs.get(JobState.DONE, 0)
    done = {
        "import": counts.total > 0,
        "label": counts.total > 0 and class_count >= 2 and counts.unlabelled == 0,
        "split": counts.test > 0,
        "train": sum(runs.values()) > 0,
        "review": False,
    }
    titles = (
        ("import", N_("Import"), "imports"),
        ("label", N_("Label"), "label"),
        ("split", N_("Split"), "splits"),
        ("train", N_("Train"), "train"),
        ("review", N_("Review"), "runs"),
    )
    # Whoever has a finished run has chosen to go without the steps before it.
    current = "review" if finished else next(key for key, _, _ in titles if not done[key])
    return [Step(key, title, route, done[key], key == current) for key, title, route in titles]
