"""The diary of a run: notes, tests on changed pictures, and what was done with them."""

from gettext import NullTranslations
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from app.db.run_models import RunItem
from app.domain.alterations import Alteration
from app.domain.errors import Invalid, NotFound
from app.domain.recipe import Recipe
from app.services import diary, runs
from app.services.diary import Chosen
from app.web import changed_picture, diary_page, i18n, review_page
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.messages import sentence
from app.web.own_copies import KEPT, SANDBOX
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/runs/{number}/diary")


class DiaryForm(BaseModel):
    """An entry as it was typed; ``back`` is "borders" for the tests of that page."""

    text: str = ""
    change: str = ""
    left: str = ""
    top: str = ""
    right: str = ""
    bottom: str = ""
    light: str = ""
    on: str = ""
    show: str = ""
    true: str = ""
    pred: str = ""
    item: str = ""
    back: Literal["", "borders"] = ""


class ChangeForm(BaseModel):
    """What is done with an entry; ``text`` are the new words."""

    do: Literal["rewrite", "remove", "restore", "stop", "again"]
    text: str = ""
    back: Literal["", "borders"] = ""


class ChangeQuery(BaseModel):
    """A change as the address of a picture tells it."""

    change: str = ""
    left: str = ""
    top: str = ""
    right: str = ""
    bottom: str = ""
    light: str = ""


@router.get("", name="run_diary")
def show(request: Request, project: ProjectDep, session: ReadSession, number: int) -> Response:
    """Show the entries and the form."""
    run = runs.by_number(session, project.id, number)
    _, roles = review_page.usual_role(session, run)
    page = diary_page.build(session, project, run, roles, request.query_params, _words(request))
    return render(request, "runs/diary.html", page)


@router.post("", name="run_diary_write")
def write(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    number: int,
    actor: ActorDep,
    form: Annotated[DiaryForm, Form()],
) -> Response:
    """Write an entry; with a test a worker is asked."""
    run = runs.by_number(session, project.id, number)
    _, roles = review_page.usual_role(session, run)
    typed = form.model_dump()
    try:
        wanted = diary_page.values(typed)
        alteration = None if wanted is None else Alteration.parse(wanted)
        pictures = Chosen() if alteration is None else diary_page.chosen(typed, roles)
        diary.write(session, run, form.text, alteration, pictures, actor=actor)
    except Invalid as error:
        t = _words(request)
        page = diary_page.build(session, project, run, roles, typed, t, sentence(error, t.gettext))
        return render(request, "runs/diary.html", page, status_code=error.status)
    if form.back:
        return redirect(request, "run_borders", slug=project.slug, number=number, query={"on": form.on or None})
    return redirect(request, "run_diary", slug=project.slug, number=number)


@router.post("/{entry}", name="run_diary_change")
def change(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    number: int,
    entry: int,
    actor: ActorDep,
    form: Annotated[ChangeForm, Form()],
) -> Response:
    """Other words, off the page, back again, stopped, or run once more."""
    run = runs.by_number(session, project.id, number)
    found = diary.by_number(session, run, entry)
    if form.do == "rewrite":
        diary.rewrite(found, form.text, actor=actor)
    elif form.do == "remove":
        diary.remove(session, found, actor=actor)
    elif form.do == "restore":
        diary.restore(found, actor=actor)
    elif form.do == "stop":
        diary.stop(session, found)
    else:
        diary.again(session, run, found)
    if form.back:
        return redirect(request, "run_borders", slug=project.slug, number=number)
    return redirect(request, "run_diary", slug=project.slug, number=number)


@router.get("/changed.jpg", name="run_diary_picture")
def picture(
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    number: int,
    item: int,
    asked: Annotated[ChangeQuery, Query()],
) -> Response:
    """A picture of the run as a test shows it to the network; without a change as it is."""
    run = runs.by_number(session, project.id, number)
    digest = session.scalar(sa.select(RunItem.canonical_sha256).where(RunItem.run_id == run.id, RunItem.id == item))
    if digest is None:
        raise NotFound("explain_item_missing")
    wanted = diary_page.values(asked.model_dump())
    alteration = None if wanted is None else Alteration.parse(wanted)
    content = changed_picture.jpeg(state.store.get(digest), Recipe.from_json(run.recipe), alteration)
    return Response(content, media_type="image/jpeg", headers=SANDBOX | {"Cache-Control": KEPT})


def _words(request: Request) -> NullTranslations:
    return i18n.translations(i18n.choose(request))
