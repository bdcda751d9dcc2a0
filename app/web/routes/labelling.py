"""Label mode: one big picture, a key for each class. Every step also works as a plain form."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.enums import LabelSource
from app.domain.errors import AppError, Invalid
from app.services import class_acts, gallery, history, labels, marks
from app.services.gallery import ImageFilter, ImageRow
from app.web import i18n, pictures
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.queues import AHEAD, STRIP, UNLABELLED, Around, Queue, before, read_queue, rows_around
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/label")

URLS = {
    "assign": "labels_assign",
    "undo": "labels_undo",
    "redo": "labels_redo",
    "mark": "marks_put",
    "items": "label_items",
}
ImageId = Annotated[int, Query(ge=0, le=2**53)]


@dataclass(frozen=True)
class LabelPage:
    """One picture to label and what is around it."""

    project: Project
    queue: Queue
    current: ImageRow | None
    counts: gallery.Counts
    total: int
    labelled: int
    unlabelled: int
    in_queue: int
    class_keys: Mapping[int, str]
    classes: Mapping[int, LabelClass]
    strip: Sequence[history.Step]
    data: Mapping[str, Any]
    reasons: Mapping[str, str]
    marks: Mapping[str, str]
    request_id: str
    error: str = ""
    conflict: labels.OtherLabel | None = None
    typed: str = ""


class Step(BaseModel):
    """A press of a button: ``do`` is the id of a class, "none", "back", "undo", "redo" or a mark."""

    do: str
    text: str = Field("", max_length=4000)
    image_id: int = Field(ge=1, le=2**53)
    version: int = Field(ge=0, le=2**31 - 1)
    request_id: str = Field(min_length=1, max_length=64)


@router.get("", name="label")
def show(
    request: Request, project: ProjectDep, session: ReadSession, actor: ActorDep, at: ImageId | None = None
) -> Response:
    """Show the picture ``at``, or the first of the queue."""
    return page(request, session, project, actor, at)


@router.get("/items", name="label_items")
def items(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    after: ImageId = 0,
    skipped: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = AHEAD,
) -> JSONResponse:
    """The next images of the queue behind the image ``after``; with ``skipped`` those that were put off."""
    queue = read_queue(request)
    rows = gallery.after(session, project.id, queue.put_off if skipped else queue.fresh, after, limit)
    return JSONResponse({"items": [pictures.as_item(request, project, row) for row in rows]})


@router.post("", name="label_save")
def save(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    step: Annotated[Step, Form()],
) -> Response:
    """One step without JavaScript, then the next picture."""
    queue = read_queue(request)
    do, image_id, request_id = step.do, step.image_id, step.request_id
    try:
        if do in ("undo", "redo"):
            take_back = labels.undo if do == "undo" else labels.redo
            taken = take_back(session, project.id, actor=actor, request_id=request_id)
            change_set_id = taken.change_set.id
            first = history.written(session, change_set_id, 1) or marks.written(session, change_set_id, 1)
            return to(request, project, queue, first[0][0] if first else image_id)
        if do == "back":
            return to(request, project, queue, before(session, project, queue, image_id, actor))
        who: marks.Who = {"source": LabelSource.LABEL_MODE, "actor": actor, "request_id": request_id}
        if do in marks.BUTTONS:
            if do != "skip" or queue.name == UNLABELLED:
                marks.press(session, project.id, (image_id,), do, step.text, **who)
        else:
            change = labels.LabelChange(image_id, pictures.class_of(do), step.version)
            labels.assign(session, project.id, [change], **who)
    except AppError as error:
        session.rollback()
        return page(request, session, project, actor, image_id, error=error)
    following = gallery.after(session, project.id, queue.fresh, image_id, 1)
    following = following or gallery.after(session, project.id, queue.put_off, image_id, 1)
    return to(request, project, queue, following[0].id if following else None)


@router.post("/class", name="label_class")
def add_class(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    name: Annotated[str, Form()] = "",
    at: Annotated[int | None, Form(ge=1, le=2**53)] = None,
) -> Response:
    """Add a class without leaving the picture ``at``."""
    try:
        class_acts.added(session, project, name, None, actor=actor, request_id=uuid.uuid4().hex)
    except Invalid as error:
        session.rollback()
        return page(request, session, project, actor, at, error=error, typed=name)
    return to(request, project, read_queue(request), at)


def page(
    request: Request,
    session: Session,
    project: Project,
    actor: str,
    at: int | None,
    *,
    error: AppError | None = None,
    typed: str = "",
) -> Response:
    """The page with the picture ``at`` or the first of the queue; with ``error`` it says what was refused."""
    queue = read_queue(request)
    steps = history.last_steps(session, project.id, actor, 2 * STRIP)
    strip = list({step.image_id: step for step in reversed(steps)}.values())[-STRIP:]
    around = rows_around(session, project, queue, at, [step.image_id for step in strip])
    counts = gallery.counts(session, project.id, ImageFilter())
    gettext = i18n.translations(i18n.choose(request)).gettext
    current = around.current
    context = LabelPage(
        project=project,
        queue=queue,
        current=current,
        counts=counts,
        total=counts.total,
        labelled=counts.total - counts.classes.get(None, 0),
        unlabelled=counts.classes.get(None, 0),
        in_queue=gallery.total(session, project.id, queue.chosen),
        class_keys=pictures.key_names(project.classes),
        classes={item.id: item for item in project.classes},
        strip=strip[::-1],
        data=page_data(request, session, project, queue, around, strip),
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
        marks={key: gettext(text) for key, text in pictures.MARKS.items()},
        request_id=uuid.uuid4().hex,
        error=sentence(error, gettext) if error else "",
        conflict=error.conflicts[0] if isinstance(error, labels.LabelConflict) else None,
        typed=typed,
    )
    return render(request, "labelling/label.html", context, status_code=error.status if error else 200)


def page_data(
    request: Request, session: Session, project: Project, queue: Queue, around: Around, strip: list[history.Step]
) -> dict[str, Any]:
    """What the module of the page begins with."""
    current = [around.current] if around.current else []
    rows = [*around.behind, *current, *around.ahead]
    last = gallery.rows(session, project.id, [step.image_id for step in strip])
    return {
        "items": [pictures.as_item(request, project, row) for row in rows],
        "index": len(around.behind),
        "strip": [step.image_id for step in strip],
        "strip_items": [pictures.as_item(request, project, row) for row in last],
        "classes": pictures.classes_data(project),
        "queue": queue.name,
        "urls": {
            name: address(
                request.app, route, slug=project.slug, query=queue.query if route.startswith("label_") else None
            )
            for name, route in URLS.items()
        },
        "page": address(request.app, "label", slug=project.slug, query=queue.query),
        "image": address(request.app, "image", slug=project.slug, image_id=0),
    }


def to(request: Request, project: Project, queue: Queue, at: int | None) -> RedirectResponse:
    """The way to the next picture."""
    return redirect(request, "label", slug=project.slug, query={**queue.query, "at": at})
