"""A search for a learning rate: started from the form of a training, its curve, and the rate put into the form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from app.db.models import Project
from app.db.run_models import Job
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import jobs, rates
from app.web import asked, i18n, rate_chart, run_words, search_words, train_page
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.forms import TrainForm
from app.web.messages import say
from app.web.preview_strip import Wishes
from app.web.submitted import SubmittedDep, request_key
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/rates")

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True)
class RatePage:
    """One search; ``unattended``: it has not ended, and no worker is alive."""

    project: Project
    search: rates.Search
    chart: rate_chart.RateChart | None
    status: str
    left: str
    failure: str
    duration: str
    unattended: bool
    others: Sequence[Job]


@router.post("", name="rates_start")
def start(
    request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, _actor: ActorDep
) -> Response:
    """Start a search with the values of the form, or of a program; it has a page of its own.

    Raises:
        Invalid: of a program: with ``fields``, or the reason why nothing can be trained.
    """
    form = asked.read_one(session, project, sent.values) if sent.by_program else None
    form = form or TrainForm.read(sent.values, Recipe(), complete=True, strict=True)
    key = request_key({**sent.values, "wish": "rates"}) if sent.values.get("request") else ""
    try:
        if form.recipe is None:
            raise Invalid.of_fields(form.errors)
        known = rates.asked_for(session, project.id, key) if key else None
        job = known or rates.start(session, project, form.recipe, replace(form.how, request=key))
    except Invalid as error:
        if sent.by_program:
            raise
        session.rollback()
        refused = train_page.refused(form, error)
        context = train_page.build(request, session, project, refused, base=Recipe(), wishes=Wishes())
        return render(request, "train/index.html", context, status_code=422)
    if sent.by_program:
        url = address(request.app, "rates", slug=project.slug, number=job.id)
        return JSONResponse({"search": job.id, "url": url}, status_code=201, headers={"Location": url})
    return redirect(request, "rates", slug=project.slug, number=job.id)


@router.get("/{number}.json", name="rates_data")
def data(project: ProjectDep, session: ReadSession, number: Number) -> JSONResponse:
    """The same for a program."""
    search = rates.by_number(session, project.id, number)
    found = search.found
    proposed = {
        "proposed": found.proposed, "steepest": found.at_steepest, "tenth_of_lowest": found.tenth,
    } if found else {}  # fmt: skip
    return JSONResponse(
        {"state": search.state, "rates": search.rates, "losses": search.losses, "diverged": search.diverged, **proposed}
    )


@router.get("/{number}", name="rates")
def show(request: Request, project: ProjectDep, session: ReadSession, number: Number) -> Response:
    """The curve so far, and what it proposes when it is finished."""
    search = rates.by_number(session, project.id, number)
    t = i18n.translations(i18n.choose(request))
    return render(
        request,
        "search/rates.html",
        RatePage(
            project=project,
            search=search,
            chart=rate_chart.draw(search.rates, search.losses, search.found),
            status=search_words.status(search.state, search.told, search.place, t),
            left=search_words.left(search.told, t),
            failure=say(search.error_code, search.error_params, t.gettext) if search.error_code else "",
            duration=run_words.duration(search.seconds, t),
            unattended=not search.finished and not jobs.workers_alive(session),
            others=[job for job in rates.listed(session, project.id) if job.id != number],
        ),
    )


@router.post("/{number}/stop", name="rates_stop")
def stop(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> RedirectResponse:
    """End the search; the curve so far stays."""
    rates.stop(session, project.id, number)
    return redirect(request, "rates", slug=project.slug, number=number)


@router.post("/{number}/again", name="rates_again")
def again(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> RedirectResponse:
    """The same search on the images as they are now."""
    job = rates.again(session, project, number)
    return redirect(request, "rates", slug=project.slug, number=job.id)
