"""Label mode: one big picture, a key for each class. Every step also works as a plain form."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.enums import LabelSource
from app.domain.errors import AppError, Invalid
from app.domain.text import N_
from app.services import class_acts, gallery, history, labels, leases, marks, queues
from app.services.gallery import ImageFilter, ImageRow
from app.web import i18n, pictures, suggested
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.messages import sentence
from app.web.queues import STRIP, Around, Queue, before, labeller, read_queue, remember, rows_around
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
Id = Annotated[int, Field(ge=1, le=2**53)]
ORDERS = {
    queues.Order.UNLABELLED.value: N_("as imported"),
    queues.Order.RANDOM.value: N_("drawn at random"),
    queues.Order.UNCERTAIN.value: N_("least certain first"),
    queues.Order.DISAGREE.value: N_("models disagree most first"),
}


@dataclass(frozen=True)
class Numbers:
    """How many images there are, in the project and in the queue."""

    counts: gallery.Counts
    total: int
    labelled: int
    unlabelled: int
    in_queue: int
    elsewhere: int
    doubts: int


@dataclass(frozen=True)
class LabelPage:
    """One picture to label and what is around it."""

    project: Project
    queue: Queue
    current: ImageRow | None
    numbers: Numbers
    asking: suggested.Asking
    class_keys: Mapping[int, str]
    classes: Mapping[int, LabelClass]
    strip: Sequence[history.Step]
    data: Mapping[str, Any]
    orders: Mapping[str, str]
    reasons: Mapping[str, str]
    marks: Mapping[str, str]
    request_id: str
    actor: str
    error: str = ""
    conflict: labels.OtherLabel | None = None
    typed: str = ""


class Step(BaseModel):
    """A press of a button: ``do`` is the id of a class, "none", "back", "undo", "redo" or a mark."""

    do: str
    text: str = Field("", max_length=4000)
    image_id: int = Field(ge=1, le=2**53)
    version: int = Field(ge=0, le=2**31 - 1)
    class_id: str = Field("", max_length=9)  # the label that was seen; "" for none
    request_id: str = Field(min_length=1, max_length=64)


@router.get("", name="label")
def show(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    actor: ActorDep,
    state: StateDep,
    tasks: BackgroundTasks,
    at: ImageId | None = None,
) -> Response:
    """Show the picture ``at``, or the first of the queue."""
    tasks.add_task(suggested.keep_fresh, state, project.id)
    return page(request, session, project, actor, at)


@router.post("", name="label_save")
def save(
    request: Request,
    project: ProjectDep,
    state: StateDep,
    actor: ActorDep,
    step: Annotated[Step, Form()],
) -> Response:
    """One step without JavaScript, then the next picture."""
    queue, holder = read_queue(request, project), labeller(request)
    take = partial(taken, project=project, queue=queue, step=step, actor=actor, holder=holder)
    try:
        back_to = state.database.write_together(take)
    except AppError as error:
        with state.database.read() as session:
            return page(request, session, project, actor, step.image_id, error=error)
    if back_to is not None:
        return to(request, project, queue, back_to)
    following = suggested.drawn(
        state, project, queue, queues.Wish(holder, 1, step.image_id, frozenset([step.image_id]))
    )
    return to(request, project, queue, following[0].id if following else None)


def taken(session: Session, *, project: Project, queue: Queue, step: Step, actor: str, holder: str) -> int | None:
    """Take a step; the image that it leads back to, None where the next one of the queue follows."""
    do, image_id, request_id = step.do, step.image_id, step.request_id
    if do in ("undo", "redo"):
        take_back = labels.undo if do == "undo" else labels.redo
        change_set_id = take_back(session, project.id, actor=actor, request_id=request_id).change_set.id
        first = history.written(session, change_set_id, 1) or marks.written(session, change_set_id, 1)
        return first[0][0] if first else image_id
    if do == "back":
        return before(session, project, queue, image_id, actor)
    who: marks.Who = {"source": LabelSource.LABEL_MODE, "actor": actor, "request_id": request_id}
    if do in marks.BUTTONS:
        if do != "skip" or queue.open:
            text = (step.class_id or "0") if do == "right" else step.text
            marks.press(session, project.id, (image_id,), do, text, **who)
    else:
        change = labels.LabelChange(image_id, pictures.class_of(do), step.version)
        labels.assign(session, project.id, [change], **who)
    leases.release(session, holder, [image_id])
    return None


@router.post("/suggest", name="label_suggest")
def suggest(request: Request, project: ProjectDep, session: WriteSession) -> Response:
    """Have a worker make suggestions for the pictures without a label."""
    suggested.ask(session, project.id)
    return to(request, project, read_queue(request, project), None)


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
    return to(request, project, read_queue(request, project), at)


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
    queue, holder = read_queue(request, project), labeller(request)
    steps = history.last_steps(session, project.id, actor, 2 * STRIP)
    strip = list({step.image_id: step for step in reversed(steps)}.values())[-STRIP:]
    said = suggested.everything(session, request.app.state.miwake, project, queue)
    around = rows_around(session, project, queue, at, [step.image_id for step in strip], holder, said)
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = LabelPage(
        project=project,
        queue=queue,
        current=around.current,
        numbers=numbers(session, project, queue, holder if around.current is None else ""),
        asking=suggested.asking(session, project.id),
        class_keys=pictures.key_names(project.classes),
        classes={item.id: item for item in project.classes},
        strip=strip[::-1],
        data=page_data(request, session, project, queue, around, strip),
        orders={key: gettext(text) for key, text in ORDERS.items()},
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
        marks={key: gettext(text) for key, text in pictures.MARKS.items()},
        request_id=uuid.uuid4().hex,
        actor=actor,
        error=sentence(error, gettext) if error else "",
        conflict=error.conflicts[0] if isinstance(error, labels.LabelConflict) else None,
        typed=typed,
    )
    response = render(request, "labelling/label.html", context, status_code=error.status if error else 200)
    remember(request, response, holder)
    return response


def numbers(session: Session, project: Project, queue: Queue, holder: str) -> Numbers:
    """What is counted for the page; what others have on the screen only for the reader who has nothing."""
    counts = gallery.counts(session, project.id, ImageFilter())
    unlabelled = counts.classes.get(None, 0)
    return Numbers(
        counts=counts,
        total=counts.total,
        labelled=counts.total - unlabelled,
        unlabelled=unlabelled,
        in_queue=queues.total(session, project.id, queue),
        elsewhere=queues.with_others(session, project.id, queue, holder) if holder else 0,
        doubts=queues.total(session, project.id, queues.Queue(queues.Order.WRONG, ImageFilter())),
    )


def page_data(
    request: Request, session: Session, project: Project, queue: Queue, around: Around, strip: list[history.Step]
) -> dict[str, Any]:
    """What the module of the page begins with."""
    current = [around.current] if around.current else []
    rows = [*around.behind, *current, *around.ahead]
    last = gallery.rows(session, project.id, [step.image_id for step in strip])
    return {
        "items": suggested.items(request, session, project, queue, rows),
        "index": len(around.behind),
        "strip": [step.image_id for step in strip],
        "strip_items": [pictures.as_item(request, project, row) for row in last],
        "classes": pictures.classes_data(project),
        "queue": queue.name,
        "open": queue.open,
        "shared": queue.order in queues.SHARED,
        "since": history.newest(session, project.id),
        "history": address(request.app, "history", slug=project.slug),
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
