"""The classes of a project."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.errors import AppError, Conflict, Invalid
from app.services import class_acts, classes, history, labels
from app.services.gallery import ImageFilter
from app.web import i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.selection import Selection
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/classes")

RequestId = Annotated[str, Field(max_length=64)]
ChangeId = Annotated[int, Path(ge=1, le=2**53)]


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
    totals: Mapping[int, int]
    keys: Sequence[str]
    all_keys: str
    next_color: str
    request_id: str
    done: history.Act | None
    moved: int
    entered: Entered = field(default_factory=Entered)


class ClassForm(BaseModel):
    """The fields of one row."""

    name: str = ""
    second_name: str = ""
    description: str | None = Field(None, max_length=8000)
    color: str = ""
    key: str = ""
    request_id: RequestId = ""


class MergeForm(BaseModel):
    """The class that takes the images over, and how many images the page said that is."""

    into: Annotated[int, Field(ge=1, le=2**53)]
    shown: Annotated[int, Field(ge=0, le=2**53)]
    request_id: RequestId = ""


class SplitBody(Selection):
    """A new class out of images by id or by filter."""

    request_id: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(max_length=1000)]
    image_ids: list[Annotated[int, Field(ge=1, le=2**53)]] | None = None


@router.get("", name="classes")
def index(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show the classes."""
    return page(request, session, project)


@router.post("", name="class_add")
def add(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    name: Annotated[str, Form()] = "",
    color: Annotated[str, Form()] = "",
) -> Response:
    """Add a class; the page comes back with the cursor in the field for the next one."""
    try:
        added = class_acts.added(session, project, name, color or None, **who(actor, ""))
    except Invalid as error:
        session.rollback()
        return page(request, session, project, refused(request, error, Entered(0, name, color)))
    return redirect(request, "classes", slug=project.slug, query={"added": added.id})


@router.post("/split", name="class_split")
def split(project: ProjectDep, session: WriteSession, actor: ActorDep, body: SplitBody) -> JSONResponse:
    """Make a new class of images given by id or by filter."""
    if body.image_ids is None:
        known = labels.by_request(session, project.id, body.request_id)
        chosen = ImageFilter() if known else body.chosen(session, project.id)
    else:
        chosen = ImageFilter(state=None, ids=tuple(body.image_ids))
    change_set = class_acts.split(session, project, chosen, body.name, **who(actor, body.request_id))
    return JSONResponse({"change_set": change_set.id, "count": change_set.image_count})


@router.post("/undo/{change_set_id}", name="class_undo")
def undo(
    request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, change_set_id: ChangeId
) -> Response:
    """Take a change of classes back that was just made on this page."""
    try:
        labels.undo(session, project.id, change_set_id, actor=actor, request_id=uuid.uuid4().hex)
    except AppError as error:
        session.rollback()
        return page(request, session, project, refused(request, error, Entered()), error.status)
    return redirect(request, "classes", slug=project.slug)


@router.post("/{class_id}", name="class_update")
def update(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    class_id: int,
    form: Annotated[ClassForm, Form()],
) -> Response:
    """Rename a class, change its second name, its colour or its key."""
    values: class_acts.Values = {"name": form.name, "key": form.key, "second_name": form.second_name}
    if form.description is not None:
        values["description"] = form.description
    if form.color:
        values["color"] = form.color
    try:
        done = class_acts.edit(session, project, class_id, values, **who(actor, form.request_id))
    except Invalid as error:
        session.rollback()
        entered = Entered(class_id, form.name, form.color, form.key)
        return page(request, session, project, refused(request, error, entered))
    return redirect(request, "classes", slug=project.slug, query={"done": done.id})


@router.post("/{class_id}/move", name="class_move")
def move(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    class_id: int,
    step: Annotated[int, Form()],
) -> Response:
    """Move a class up or down; the handle that moved it has the cursor again."""
    done = class_acts.move(session, project, class_id, step, **who(actor, ""))
    return redirect(request, "classes", slug=project.slug, query={"done": done.id, "moved": class_id})


@router.post("/{class_id}/merge", name="class_merge")
def merge(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    class_id: int,
    form: Annotated[MergeForm, Form()],
) -> Response:
    """Give all images of a class another one and retire it."""
    try:
        done = class_acts.merge(session, project, class_id, form.into, shown=form.shown, **who(actor, form.request_id))
    except (Invalid, Conflict) as error:
        session.rollback()
        kept = classes.by_id(session, project, class_id)
        entered = Entered(class_id, kept.name, kept.color, kept.key)
        return page(request, session, project, refused(request, error, entered), error.status)
    return redirect(request, "classes", slug=project.slug, query={"done": done.id})


@router.post("/{class_id}/retire", name="class_retire")
def retire(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    class_id: int,
    retired: Annotated[bool, Form()],
) -> Response:
    """Offer a class no more, or again."""
    done = class_acts.retire(session, project, class_id, retired, **who(actor, ""))
    return redirect(request, "classes", slug=project.slug, query={"done": done.id})


@router.post("/{class_id}/delete", name="class_delete")
def delete(request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, class_id: int) -> Response:
    """Delete a class that nothing refers to."""
    try:
        done = class_acts.delete(session, project, class_id, **who(actor, ""))
    except Conflict as error:
        kept = classes.by_id(session, project, class_id)
        entered = Entered(class_id, kept.name, kept.color, kept.key)
        return page(request, session, project, refused(request, error, entered), error.status)
    return redirect(request, "classes", slug=project.slug, query={"done": done.id})


def who(actor: str, request_id: str) -> class_acts.Who:
    """Who acts; a form without a request id of its own gets one."""
    return {"actor": actor, "request_id": request_id or uuid.uuid4().hex}


def refused(request: Request, error: AppError, typed: Entered) -> Entered:
    """What was typed, with the reason in the reader's language."""
    message = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    existing = error.params.get("class_id", 0)
    return Entered(
        typed.class_id, typed.name, typed.color, typed.key, message, existing if isinstance(existing, int) else 0
    )


def number(text: str) -> int:
    """The id in a query string, 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


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
        totals=class_acts.total(session, project),
        keys=[key for key in classes.KEYS + classes.LETTERS if key not in used],
        all_keys=classes.KEYS + classes.LETTERS,
        next_color=classes.next_color([item.color for item in present]),
        request_id=uuid.uuid4().hex,
        done=history.act(session, project.id, number(request.query_params.get("done", ""))),
        moved=number(request.query_params.get("moved", "")),
        entered=entered or Entered(),
    )
    return render(request, "classes/index.html", context, status_code=status if entered else 200)
