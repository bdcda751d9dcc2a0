"""Second opinions: draw a sample, look at it blind, see how far people agree, settle what they see differently."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.enums import LabelSource
from app.domain.errors import AppError
from app.domain.typed import number_text
from app.services import history, labels, opinions
from app.services.gallery import ImageFilter, ImageRow
from app.services.opinions import Progress, Result
from app.services.projects import clean_line
from app.web import i18n, opinion_sources, pictures
from app.web.deps import READER, ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.templating import redirect, render

router = APIRouter()

YEAR = 365 * 24 * 3600
Number = Annotated[int, Path(ge=1, le=2**31)]
Id = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True)
class RoundsPage:
    """All rounds of a project, from what each was drawn, and the form for a new one."""

    project: Project
    rounds: Sequence[tuple[Progress, str]]
    sources: Sequence[opinion_sources.Source]
    actor: str
    images: int
    people: int
    error: str


@dataclass(frozen=True)
class RoundPage:
    """One round and what came of it."""

    project: Project
    progress: Progress
    drawn_from: str
    result: Result
    agreed: Sequence[ImageRow]
    done: history.Act | None
    classes: Mapping[int, LabelClass]
    actor: str
    mine: ImageRow | None
    request_id: str
    error: str


@dataclass(frozen=True)
class GivePage:
    """One picture to say something of; neither its label nor what others said is shown."""

    project: Project
    progress: Progress
    image: ImageRow | None
    class_keys: Mapping[int, str]
    actor: str
    texts: Mapping[str, Any]
    error: str


Typed = Annotated[int, BeforeValidator(lambda value: number_text(value) if isinstance(value, str) else value)]


class Wanted(BaseModel):
    """The numbers of a new round, and the filters of the images that it is drawn from."""

    images: Typed = 50
    people: Typed = 2
    query: str = Field("", max_length=4000)


class Given(BaseModel):
    """A class for an image."""

    image_id: Id
    do: Id


class Settled(BaseModel):
    """The label of an image on which people differ."""

    image_id: Id
    version: int = Field(ge=0, le=2**31 - 1)
    class_id: Id
    request_id: str = Field(min_length=1, max_length=64)


class AllSettled(BaseModel):
    """The images on which everybody agrees, as ``id:version`` with a blank between two."""

    seen: str = Field(max_length=40 * opinions.MOST_IMAGES, pattern=r"^\d{1,15}:\d{1,9}( \d{1,15}:\d{1,9})*$")
    request_id: str = Field(min_length=1, max_length=64)


@router.post("/reader", name="reader_save")
def name_reader(name: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/") -> Response:
    """Remember under which name this browser labels; an empty name is that of the server again."""
    safe = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(safe, 303)
    answer.set_cookie(READER, quote(clean_line(name).strip()[:100]), max_age=YEAR, samesite="lax", httponly=True)
    return answer


@router.get("/p/{slug}/opinions", name="opinions")
def show_all(request: Request, project: ProjectDep, session: ReadSession, actor: ActorDep) -> Response:
    """Show the rounds; filters in the address are offered for the next one."""
    asked = opinion_sources.as_text(request.query_params.multi_items())
    return rounds_page(request, session, project, actor, Wanted(query=asked))


@router.post("/p/{slug}/opinions", name="opinions_create")
def create(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    wanted: Annotated[Wanted, Form()],
) -> Response:
    """Draw a sample."""
    try:
        chosen = ImageFilter.from_query(dict(parse_qsl(wanted.query)))
        made = opinions.create(session, project.id, wanted.images, wanted.people, actor, chosen)
    except AppError as error:
        session.rollback()
        return rounds_page(request, session, project, actor, wanted, error)
    return redirect(request, "opinion_round", slug=project.slug, number=made.number)


@router.get("/p/{slug}/opinions/{number}", name="opinion_round")
def show(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    actor: ActorDep,
    number: Number,
    done: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Show what came of a round; ``done`` is the change set that settled something just now."""
    return round_page(request, session, project, actor, number, done=done)


@router.get("/p/{slug}/opinions/{number}/give", name="opinion_next")
def ask(request: Request, project: ProjectDep, session: ReadSession, actor: ActorDep, number: Number) -> Response:
    """Show the next picture to this person."""
    return give_page(request, session, project, actor, number)


@router.post("/p/{slug}/opinions/{number}/give", name="opinion_give")
def give(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    number: Number,
    given: Annotated[Given, Form()],
) -> Response:
    """Take an opinion, then show the next picture."""
    try:
        opinions.give(session, opinions.by_number(session, project.id, number), given.image_id, given.do, actor)
    except AppError as error:
        session.rollback()
        return give_page(request, session, project, actor, number, error)
    return redirect(request, "opinion_next", slug=project.slug, number=number)


@router.post("/p/{slug}/opinions/{number}/settle", name="opinion_settle")
def settle(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    number: Number,
    settled: Annotated[Settled, Form()],
) -> Response:
    """Give an image the label that somebody decided on."""
    change = labels.LabelChange(settled.image_id, settled.class_id, settled.version)
    try:
        made = labels.assign(
            session, project.id, [change], source=LabelSource.REVIEW, actor=actor, request_id=settled.request_id
        )
    except AppError as error:
        session.rollback()
        return round_page(request, session, project, actor, number, error)
    return redirect(request, "opinion_round", slug=project.slug, number=number, query={"done": made.id})


@router.post("/p/{slug}/opinions/{number}/settle-agreed", name="opinion_settle_agreed")
def settle_agreed(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    number: Number,
    settled: Annotated[AllSettled, Form()],
) -> Response:
    """Give all images on which everybody agrees the label that everybody named."""
    seen = {int(one): int(version) for one, version in (pair.split(":") for pair in settled.seen.split())}
    try:
        found = opinions.by_number(session, project.id, number)
        made = opinions.settle_agreed(session, found, seen, actor=actor, request_id=settled.request_id)
    except AppError as error:
        session.rollback()
        return round_page(request, session, project, actor, number, error)
    return redirect(request, "opinion_round", slug=project.slug, number=number, query={"done": made.id})


def rounds_page(
    request: Request, session: Session, project: Project, actor: str, wanted: Wanted, error: AppError | None = None
) -> Response:
    """The list; with ``error`` it says what was refused."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    rounds = opinions.listed(session, project.id)
    context = RoundsPage(
        project=project,
        rounds=[(one, opinion_sources.in_words(project, one.round.query, gettext)) for one in rounds],
        sources=opinion_sources.sources(session, project, wanted.query, gettext),
        actor=actor,
        images=wanted.images,
        people=wanted.people,
        error=said(request, error),
    )
    return render(request, "opinions/index.html", context, status_code=error.status if error else 200)


def round_page(
    request: Request,
    session: Session,
    project: Project,
    actor: str,
    number: int,
    error: AppError | None = None,
    done: int | None = None,
) -> Response:
    """One round; with ``error`` it says what was refused."""
    found = opinions.by_number(session, project.id, number)
    result = opinions.result(session, found, [item.id for item in project.classes])
    act = history.act(session, project.id, done) if done is not None else None
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = RoundPage(
        project=project,
        progress=opinions.progress(session, found),
        drawn_from=opinion_sources.in_words(project, found.query, gettext),
        result=result,
        agreed=[one.row for one in result.disputes if one.agreed(found.people) is not None],
        done=act if act and act.source == LabelSource.REVIEW and not act.undone else None,
        classes={item.id: item for item in project.classes},
        actor=actor,
        mine=opinions.following(session, found, actor),
        request_id=uuid.uuid4().hex,
        error=said(request, error),
    )
    return render(request, "opinions/round.html", context, status_code=error.status if error else 200)


def give_page(
    request: Request, session: Session, project: Project, actor: str, number: int, error: AppError | None = None
) -> Response:
    """The next picture; with ``error`` it says what was refused."""
    found = opinions.by_number(session, project.id, number)
    keys = pictures.key_names(project.classes)
    context = GivePage(
        project=project,
        progress=opinions.progress(session, found),
        image=opinions.following(session, found, actor),
        class_keys=keys,
        actor=actor,
        texts={"classes": [{"id": item.id, "key": keys.get(item.id), "name": item.name} for item in project.offered]},
        error=said(request, error),
    )
    return render(request, "opinions/give.html", context, status_code=error.status if error else 200)


def said(request: Request, error: AppError | None) -> str:
    """An error as a sentence; "" without one."""
    return sentence(error, i18n.translations(i18n.choose(request)).gettext) if error else ""
