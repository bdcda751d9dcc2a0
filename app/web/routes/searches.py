"""A search for settings: begun from the form of a training, its table and drawings, and the best one trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job
from app.domain import search
from app.domain.errors import AppError, Invalid
from app.domain.recipe import FIELDS, Recipe
from app.services import choosing, jobs, searches
from app.web import asked, i18n, search_form, search_page
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.fields import TEXTS
from app.web.forms import TrainForm
from app.web.messages import sentence
from app.web.search_form import SearchForm
from app.web.submitted import SubmittedDep, request_key
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/searches")

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True)
class NewSearch:
    """The page on which a search is begun."""

    project: Project
    form: SearchForm
    values: Mapping[str, str]  # of the recipe and where it runs, as texts
    methods: Mapping[str, tuple[str, str]]
    offered: Sequence[tuple[str, str, str]]  # name, label and reach of what can vary
    errors: Mapping[str, str]
    labels: Mapping[str, str]  # of wrong values that this page does not show
    name: str


@router.get("/new", name="search_new")
def new(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """What can be searched around the recipe of the address; without one, around the first that would be tried."""
    query = request.query_params
    base = choosing.ready(session, project)[0]
    typed = TrainForm.read(query, base, complete=True) if query.get("form") == "1" else TrainForm.of(base)
    form = search_form.read({key: value for key, value in query.items() if search_form.mine(key)})
    form = replace(form, fields=form.fields or search_form.FIRST, errors=typed.errors)
    return _page(request, project, form, typed, base, status=422 if typed.errors else 200)


@router.post("", name="search_start")
def start(
    request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep
) -> Response:
    """Begin a search.

    Raises:
        Invalid: of a program: with ``fields``, or the reason why nothing can be trained.
    """
    values = {key: value for key, value in sent.values.items() if not search_form.mine(key)}
    form, base = search_form.read(sent.values), choosing.ready(session, project)[0]
    typed = asked.read_one(session, project, values) if sent.by_program else None
    typed = typed or TrainForm.read(values, base, complete=True, strict=True)
    try:
        job = _begun(session, project, typed, form, actor, request_key({**sent.values, "wish": "search"}))
    except Invalid as error:
        if sent.by_program:
            raise
        session.rollback()
        form = replace(form, errors=error.fields or {"": error})
        return _page(request, project, form, typed, base, status=422)
    if sent.by_program:
        url = address(request.app, "search", slug=project.slug, number=job.id)
        return JSONResponse({"search": job.id, "url": url}, status_code=201, headers={"Location": url})
    return redirect(request, "search", slug=project.slug, number=job.id)


@router.get("/{number}", name="search")
def show(request: Request, project: ProjectDep, session: ReadSession, number: Number) -> Response:
    """All trials of a search, the best one first."""
    job = searches.job_of(session, project.id, number)
    t = i18n.translations(i18n.choose(request))
    return render(request, "search/search.html", search_page.build(session, project, job, t))


@router.post("/{number}/stop", name="search_stop")
def stop(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> RedirectResponse:
    """End a search with all its trainings; those that have ended stay."""
    jobs.cancel(session, searches.job_of(session, project.id, number).id)
    return redirect(request, "search", slug=project.slug, number=number)


@router.post("/{number}/retry", name="search_retry")
def retry(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> RedirectResponse:
    """Go on with a search that failed or was stopped."""
    jobs.retry(session, searches.job_of(session, project.id, number).id)
    return redirect(request, "search", slug=project.slug, number=number)


@router.post("/{number}/train", name="search_train")
def train(
    request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, number: Number
) -> RedirectResponse:
    """Train the best settings to their end, with the test set."""
    job = searches.job_of(session, project.id, number)
    run = searches.train_best(session, project, job, actor=actor)
    return redirect(request, "run", slug=project.slug, number=run.number)


def _begun(session: Session, project: Project, typed: TrainForm, form: SearchForm, actor: str, key: str) -> Job:
    """The job of a new search, or of the one that ``key`` has begun.

    Raises:
        Invalid: with ``fields`` for wrong values, or the reason why nothing can be trained.
    """
    if typed.recipe is None:
        raise Invalid.of_fields(typed.errors)
    known = searches.asked_for(session, project.id, key) if key else None
    if known is not None:
        return known
    recipe = choosing.plain(session, project, typed.recipe)
    how = replace(typed.how, request=key)
    return searches.start(session, project, recipe, form.plan(recipe), name=typed.name, actor=actor, how=how)


def _page(
    request: Request, project: Project, form: SearchForm, typed: TrainForm, base: Recipe, status: int = 200
) -> Response:
    gettext = i18n.translations(i18n.choose(request)).gettext
    errors: dict[str, AppError] = dict(form.errors)
    values = {key: value for key, value in typed.values.items() if FIELDS[key].kind != "bool" or value != "0"}
    page = NewSearch(
        project=project,
        form=form,
        values={**values, "needs": typed.how.needs, "spread": str(typed.how.spread)},
        methods=search_form.METHODS,
        offered=[
            (one.field, search_form.label(one.field, gettext), search_form.reach(one, gettext))
            for one in search.dimensions(typed.nearest(base)).values()
        ],
        errors={key: sentence(error, gettext) for key, error in errors.items()},
        labels={key: gettext(TEXTS[key].label) for key in errors if key in TEXTS},
        name=typed.name,
    )
    return render(request, "search/new.html", page, status_code=status)
