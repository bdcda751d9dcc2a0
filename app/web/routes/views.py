"""Saved views of the gallery: the list, the stable address of each, and what is done with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import Project, SavedView
from app.domain.errors import AppError
from app.services import gallery, views
from app.services.image_filter import ImageFilter
from app.web import filter_words, i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.filter_words import Word
from app.web.messages import sentence
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/views")

Number = Annotated[int, Path(ge=1, le=2**31)]
Name = Annotated[str, Form(max_length=1000)]


@dataclass(frozen=True)
class Line:
    """A view with what it says in words and how many images match now; None where its run or class is gone."""

    view: SavedView
    words: Sequence[Word]
    images: int | None


@dataclass(frozen=True)
class ViewsPage:
    """All views. ``removed``: the name of the one that was just deleted, which can be brought back."""

    project: Project
    lines: Sequence[Line]
    removed: str
    removed_query: str
    error: str
    failed: int | None  # the view whose name was refused
    typed: str


@router.get("", name="views")
def index(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show the views."""
    return views_page(request, session, project)


@router.get("/{number}", name="saved_view")
def show(request: Request, project: ProjectDep, session: ReadSession, number: Number) -> Response:
    """Show the gallery as the view has it."""
    view = views.by_number(session, project.id, number)
    return redirect(request, "gallery", slug=project.slug, query=views.query_of(view))


@router.post("", name="view_save")
def save(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    name: Name = "",
    query: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Keep the filters under a name, then show the same images."""
    try:
        view = views.save(session, project.id, name, dict(parse_qsl(query)), actor)
    except AppError as error:
        session.rollback()
        return views_page(request, session, project, error=error, typed=name)
    return redirect(request, "gallery", slug=project.slug, query=views.query_of(view))


@router.post("/{number}", name="view_rename")
def rename(request: Request, project: ProjectDep, session: WriteSession, number: Number, name: Name = "") -> Response:
    """Give a view another name."""
    try:
        views.rename(session, project.id, number, name)
    except AppError as error:
        session.rollback()
        return views_page(request, session, project, error=error, failed=number, typed=name)
    return redirect(request, "views", slug=project.slug)


@router.post("/{number}/delete", name="view_delete")
def delete(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> Response:
    """Delete a view; the list then offers to bring it back."""
    removed = views.remove(session, project.id, number)
    return redirect(request, "views", slug=project.slug, query={"removed": removed.name, "query": removed.query})


def views_page(
    request: Request,
    session: Session,
    project: Project,
    *,
    error: AppError | None = None,
    failed: int | None = None,
    typed: str = "",
) -> Response:
    """The list; with ``error`` it says what was refused."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = ViewsPage(
        project=project,
        lines=[line(session, project, view, gettext) for view in views.listed(session, project.id)],
        removed=request.query_params.get("removed", "")[: views.LONGEST_NAME],
        removed_query=request.query_params.get("query", ""),
        error=sentence(error, gettext) if error else "",
        failed=failed,
        typed=typed,
    )
    return render(request, "views/index.html", context, status_code=error.status if error else 200)


def line(session: Session, project: Project, view: SavedView, say: filter_words.Say) -> Line:
    """A view as the list shows it."""
    chosen = ImageFilter.from_query(views.query_of(view))
    try:
        images = gallery.total(session, project.id, chosen)
    except AppError:  # the run that it asks for is gone
        images = None
    return Line(view, filter_words.words(project, chosen, say), images)
