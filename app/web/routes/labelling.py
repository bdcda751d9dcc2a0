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
from app.domain.enums import ImageState, LabelSource
from app.domain.errors import AppError, Invalid
from app.services import classes, gallery, history, labels
from app.services.gallery import ImageFilter, ImageRow
from app.web import i18n, pictures
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/label")

AHEAD, BEHIND, STRIP = 40, 20, 20
UNLABELLED, ALL = "unlabelled", "all"
FILTERS = ("class", "split", "state", "import", "q")
URLS = {
    "assign": "labels_assign",
    "undo": "labels_undo",
    "redo": "labels_redo",
    "state": "images_state",
    "items": "label_items",
}
ImageId = Annotated[int, Query(ge=0, le=2**53)]


@dataclass(frozen=True)
class Queue:
    """The images to go through, and the query string that says so."""

    name: str
    chosen: ImageFilter
    query: Mapping[str, str]

    @property
    def narrowed(self) -> bool:
        """True when only part of the project is in the queue."""
        return any(name in self.query for name in FILTERS)


@dataclass(frozen=True)
class Around:
    """The picture to show with its neighbours."""

    behind: Sequence[ImageRow]
    current: ImageRow | None
    ahead: Sequence[ImageRow]


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
    position: int
    in_queue: int
    class_keys: Mapping[int, str]
    classes: Mapping[int, LabelClass]
    strip: Sequence[history.Step]
    data: Mapping[str, Any]
    request_id: str
    error: str = ""
    conflict: labels.OtherLabel | None = None
    typed: str = ""


class Step(BaseModel):
    """A press of a button: ``do`` is the id of a class, "none", "skip", "back", "undo", "redo" or "exclude"."""

    do: str
    image_id: int = Field(ge=1, le=2**53)
    version: int = Field(ge=0, le=2**31 - 1)
    request_id: str = Field(min_length=1, max_length=64)


def read_queue(request: Request) -> Queue:
    """The queue that a query string describes: all images that match its filters, or those without a label."""
    values = request.query_params
    name = values.get("queue") or UNLABELLED
    if name not in (UNLABELLED, ALL):
        raise Invalid("filter_invalid", field="queue", value=name[:40])
    kept = {key: values[key] for key in FILTERS if values.get(key)}
    if name == UNLABELLED:
        kept.pop("class", None)
    chosen = ImageFilter.from_query({**kept, "class": gallery.NONE} if name == UNLABELLED else kept)
    return Queue(name, chosen, {"queue": name, **kept})


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
    limit: Annotated[int, Query(ge=1, le=200)] = AHEAD,
) -> JSONResponse:
    """The next images of the queue behind the image ``after``."""
    rows = gallery.after(session, project.id, read_queue(request).chosen, after, limit)
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
            written = history.written(session, taken.change_set.id, 1)
            return to(request, project, queue, written[0][0] if written else image_id)
        if do == "back":
            return to(request, project, queue, before(session, project, queue, image_id, actor))
        if do == "exclude":
            turn_state(session, project, image_id)
        elif do != "skip":
            change = labels.LabelChange(image_id, pictures.class_of(do), step.version)
            by_hand = LabelSource.LABEL_MODE
            labels.assign(session, project.id, [change], source=by_hand, actor=actor, request_id=request_id)
    except AppError as error:
        session.rollback()
        return page(request, session, project, actor, image_id, error=error)
    following = gallery.after(session, project.id, queue.chosen, image_id, 1)
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
        classes.add(session, project, name)
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
    current = around.current
    context = LabelPage(
        project=project,
        queue=queue,
        current=current,
        counts=counts,
        total=counts.total,
        labelled=counts.total - counts.classes.get(None, 0),
        unlabelled=counts.classes.get(None, 0),
        position=gallery.position(session, project.id, queue.chosen, current.id) if current else 0,
        in_queue=gallery.total(session, project.id, queue.chosen),
        class_keys=pictures.key_names(project.classes),
        classes={item.id: item for item in project.classes},
        strip=strip[::-1],
        data=page_data(request, session, project, queue, around, strip),
        request_id=uuid.uuid4().hex,
        error=sentence(error, i18n.translations(i18n.choose(request)).gettext) if error else "",
        conflict=error.conflicts[0] if isinstance(error, labels.LabelConflict) else None,
        typed=typed,
    )
    return render(request, "labelling/label.html", context, status_code=error.status if error else 200)


def rows_around(session: Session, project: Project, queue: Queue, at: int | None, recent: list[int]) -> Around:
    """The picture to show, what comes next, and what "back" leads to: for new labels the ones given last.

    Raises:
        NotFound: there is no image ``at`` in this project.
    """
    ahead = gallery.after(session, project.id, queue.chosen, at or 0, AHEAD)
    if at:
        gallery.image(session, project.id, at)
        current = gallery.rows(session, project.id, [at])[0]
    elif ahead:
        current = ahead.pop(0)
    else:
        return Around([], None, [])
    if queue.name == ALL:
        behind = gallery.before(session, project.id, queue.chosen, current.id, BEHIND)[::-1]
    else:
        shown = {current.id, *(row.id for row in ahead)}
        by_id = {row.id: row for row in gallery.rows(session, project.id, recent)}
        behind = [by_id[image_id] for image_id in recent if image_id in by_id and image_id not in shown]
    return Around(behind, current, ahead)


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
        "classes": [
            {
                "id": item.id,
                "name": item.name,
                "color": item.color,
                "key": pictures.key_names(project.classes).get(item.id),
            }
            for item in project.classes
        ],
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


def before(session: Session, project: Project, queue: Queue, image_id: int, actor: str) -> int:
    """The image that "back" leads to without JavaScript."""
    if queue.name == ALL:
        rows = gallery.before(session, project.id, queue.chosen, image_id)
        return rows[0].id if rows else image_id
    last = [step.image_id for step in history.last_steps(session, project.id, actor, STRIP)]
    older = last[last.index(image_id) + 1 :] if image_id in last else last
    return older[0] if older else image_id


def turn_state(session: Session, project: Project, image_id: int) -> None:
    """Exclude an image, or take an excluded one in again."""
    image = gallery.image(session, project.id, image_id)
    state = ImageState.ACTIVE if image.state == ImageState.EXCLUDED else ImageState.EXCLUDED
    gallery.set_state(session, project.id, ImageFilter(state=None, ids=(image_id,)), state)


def to(request: Request, project: Project, queue: Queue, at: int | None) -> RedirectResponse:
    """The way to the next picture."""
    return redirect(request, "label", slug=project.slug, query={**queue.query, "at": at})
