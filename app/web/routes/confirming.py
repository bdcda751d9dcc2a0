"""The grid of pictures that a model is sure of as one class: click away the wrong ones, confirm the rest."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.enums import LabelSource
from app.domain.errors import AppError, Invalid
from app.services import confirming, history, labels, leases
from app.services.confirming import LEAST, Sure, Trial
from app.services.suggestions import Source
from app.web import i18n, suggested
from app.web.deps import ActorDep, AppState, ProjectDep, StateDep
from app.web.messages import sentence
from app.web.queues import labeller, remember
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/label/sure")

Id = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True)
class SurePage:
    """The grid of one class at one threshold. ``done``: what was confirmed just now.

    ``hold``: where the leases of what is shown are renewed.
    """

    project: Project
    counts: Mapping[int, int]
    chosen: LabelClass | None
    least: float
    images: Sequence[Sure]
    source: Source | None
    trial: Trial | None
    asking: suggested.Asking
    done: history.Act | None
    hold: str
    request_id: str
    error: str


class Confirmed(BaseModel):
    """The pictures that were shown, as "id:version", and those of them that were clicked away."""

    class_id: Id
    least: float = Field(ge=0, le=1)
    image: list[Annotated[str, Field(pattern=r"^[0-9]{1,16}:[0-9]{1,9}$")]] = Field(max_length=confirming.PAGE)
    leave: list[Id] = Field([], max_length=confirming.PAGE)
    request_id: str = Field(min_length=1, max_length=64)


class TakenBack(BaseModel):
    """What the page showed when somebody took the newest confirmation back."""

    class_id: Id
    least: float = Field(ge=0, le=1)
    request_id: str = Field(min_length=1, max_length=64)


@router.get("", name="label_sure")
def show(
    request: Request,
    project: ProjectDep,
    state: StateDep,
    class_id: Annotated[int | None, Query(alias="class", ge=1, le=2**53)] = None,
    least: Annotated[float, Query(ge=0, le=1)] = LEAST,
    done: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Show the surest pictures of a class, or of the class with the most of them."""
    return page(request, state, project, class_id, least, done)


@router.post("", name="label_sure_save")
def save(
    request: Request,
    project: ProjectDep,
    state: StateDep,
    actor: ActorDep,
    body: Annotated[Confirmed, Form()],
) -> Response:
    """Label what was not clicked away, then show the next."""
    take = partial(taken, project_id=project.id, body=body, actor=actor, holder=labeller(request))
    try:
        made = state.database.write_together(take)
    except AppError as error:
        return page(request, state, project, body.class_id, body.least, None, error)
    query = {"class": body.class_id, "least": body.least, "done": made}
    return redirect(request, "label_sure", slug=project.slug, query=query)


@router.post("/undo/{change_set_id}", name="label_sure_undo")
def undo(
    request: Request,
    project: ProjectDep,
    state: StateDep,
    actor: ActorDep,
    change_set_id: Annotated[int, Path(ge=1, le=2**53)],
    body: Annotated[TakenBack, Form()],
) -> Response:
    """Take back what was confirmed, and show those pictures again."""
    take = partial(
        labels.undo, project_id=project.id, change_set_id=change_set_id, actor=actor, request_id=body.request_id
    )
    try:
        state.database.write_together(take)
    except AppError as error:
        return page(request, state, project, body.class_id, body.least, None, error)
    return redirect(request, "label_sure", slug=project.slug, query={"class": body.class_id, "least": body.least})


def taken(session: Session, *, project_id: int, body: Confirmed, actor: str, holder: str) -> int:
    """Label what was not clicked away and give all back; the change set that says so."""
    left = set(body.leave)
    shown = [(int(image_id), int(version)) for image_id, _, version in (one.partition(":") for one in body.image)]
    right = [(image_id, version) for image_id, version in shown if image_id not in left]
    known = [image_id for image_id, _ in shown if image_id in left]
    made = confirming.accept(session, project_id, body.class_id, right, known, actor=actor, request_id=body.request_id)
    leases.release(session, holder, [image_id for image_id, _ in shown])
    return made.id


def page(
    request: Request,
    state: AppState,
    project: Project,
    class_id: int | None,
    least: float,
    done: int | None,
    error: AppError | None = None,
) -> Response:
    """The page; with ``error`` it says what was refused."""
    holder = labeller(request)
    with state.database.read() as session:
        counts = confirming.counts(session, state.arrays, project.id, least)
    chosen = choose(project, counts, class_id)
    images = confirming.draw(state.database, state.arrays, project.id, chosen.id, least, holder) if chosen else []
    source = images[0].suggestion.source if images else None
    with state.database.read() as session:
        context = SurePage(
            project=project,
            counts=counts,
            chosen=chosen,
            least=least,
            images=images,
            source=source,
            trial=confirming.trial(session, project.id, source, chosen.id, least) if source and chosen else None,
            asking=suggested.asking(session, project.id),
            done=confirmed(session, project.id, done),
            hold=address(request.app, "label_items", slug=project.slug),
            request_id=uuid.uuid4().hex,
            error=sentence(error, i18n.translations(i18n.choose(request)).gettext) if error else "",
        )
    response = render(request, "labelling/sure.html", context, status_code=error.status if error else 200)
    remember(request, response, holder)
    return response


def choose(project: Project, counts: Mapping[int, int], class_id: int | None) -> LabelClass | None:
    """The class that is asked for, or the one with the most pictures; None while there are no classes.

    Raises:
        Invalid: there is no such class, or it is offered no more.
    """
    offered = {item.id: item for item in project.offered}
    if class_id is not None:
        if class_id not in offered:
            raise Invalid("class_missing")
        return offered[class_id]
    return max(offered.values(), key=lambda item: (counts.get(item.id, 0), -item.position), default=None)


def confirmed(session: Session, project_id: int, change_set_id: int | None) -> history.Act | None:
    """What was confirmed before this page was shown, to be taken back at once."""
    if change_set_id is None:
        return None
    found = history.act(session, project_id, change_set_id)
    return found if found and found.source == LabelSource.SUGGESTION and not found.undone else None
