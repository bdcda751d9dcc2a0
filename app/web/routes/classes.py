"""The classes of a project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.errors import AppError, Conflict, Invalid
from app.services import classes
from app.web import i18n
from app.web.deps import ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/classes")


@dataclass(frozen=True)
class Entered:
    """What was typed for one class (0: the new one) and why it was refused."""

    class_id: int = 0
    name: str = ""
    color: str = ""
    key: str = ""
    error: str = ""
    existing_id: int = 0  # the class that has the name already


@dataclass(frozen=True)
class ClassesPage:
    """All classes with their counts, and the form for a new one."""

    project: Project
    classes: Sequence[LabelClass]
    counts: Mapping[int, int]
    keys: Sequence[str]
    next_color: str
    entered: Entered = field(default_factory=Entered)


@router.get("", name="classes")
def index(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show the classes."""
    return page(request, session, project)


@router.post("", name="class_add")
def add(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    name: Annotated[str, Form()] = "",
    color: Annotated[str, Form()] = "",
) -> Response:
    """Add a class; the page comes back with the cursor in the field for the next one."""
    try:
        added = classes.add(session, project, name, color=color or None)
    except Invalid as error:
        return page(request, session, project, refused(request, error, Entered(0, name, color)))
    return redirect(request, "classes", slug=project.slug, query={"added": added.id})


@router.post("/{class_id}", name="class_update")
def update(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    class_id: int,
    name: Annotated[str, Form()] = "",
    color: Annotated[str, Form()] = "",
    key: Annotated[str, Form()] = "",
) -> Response:
    """Rename a class, change its colour or its key."""
    try:
        classes.update(session, project, class_id, name=name, color=color or None, key=key)
    except Invalid as error:
        return page(request, session, project, refused(request, error, Entered(class_id, name, color, key)))
    return redirect(request, "classes", slug=project.slug)


@router.post("/{class_id}/move", name="class_move")
def move(
    request: Request, project: ProjectDep, session: WriteSession, class_id: int, step: Annotated[int, Form()]
) -> Response:
    """Move a class up or down."""
    classes.move(session, project, class_id, step)
    return redirect(request, "classes", slug=project.slug)


@router.post("/{class_id}/delete", name="class_delete")
def delete(request: Request, project: ProjectDep, session: WriteSession, class_id: int) -> Response:
    """Delete a class that nothing refers to."""
    try:
        classes.delete(session, project, class_id)
    except Conflict as error:
        kept = classes.by_id(session, project, class_id)
        entered = Entered(class_id, kept.name, kept.color, kept.key)
        return page(request, session, project, refused(request, error, entered), error.status)
    return redirect(request, "classes", slug=project.slug)


def refused(request: Request, error: AppError, typed: Entered) -> Entered:
    """What was typed, with the reason in the reader's language."""
    message = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    existing = error.params.get("class_id", 0)
    return Entered(
        typed.class_id, typed.name, typed.color, typed.key, message, existing if isinstance(existing, int) else 0
    )


def page(
    request: Request, session: Session, project: Project, entered: Entered | None = None, status: int = 422
) -> Response:
    """The page of the classes; with ``entered`` it is the answer to a refused form."""
    present = classes.listed(session, project)
    used = {item.key for item in present}
    context = ClassesPage(
        project=project,
        classes=present,
        counts=classes.counts(session, project),
        keys=[key for key in classes.KEYS if key not in used],
        next_color=classes.next_color([item.color for item in present]),
        entered=entered or Entered(),
    )
    return render(request, "classes/index.html", context, status_code=status if entered else 200)
