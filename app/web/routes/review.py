"""The review page: mistakes with their pictures, probabilities and heat maps, and the answer to a wrong label."""

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from anyio import to_thread
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from app.domain import heat
from app.domain.explaining import Method
from app.services import heatmaps, jobs, projects, runs
from app.services.heatmaps import Wanted
from app.web import ends, i18n, pictures, review_page
from app.web.deps import AppState, ProjectDep, ReadSession, StateDep
from app.web.errors import plain, wants_json
from app.web.messages import say
from app.web.review_query import ReviewQuery
from app.web.templating import address, redirect, render

router = APIRouter()

PICTURE = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
KEPT = "private, max-age=31536000, immutable"
Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)]


class HeatQuery(BaseModel):
    """Which map of a picture, and how it is coloured. ``limit`` is the value of the last colour."""

    fold: int
    layer: str
    position: int
    method: Method = Method.GRAD_CAM
    limit: float | None = Field(default=None, gt=0, lt=1e9, allow_inf_nan=False)
    opaque: bool = False
    v: str = ""


class ExplainForm(BaseModel):
    """Maps to make; ``back`` is the query string of the page to return to."""

    item: list[int]
    fold: int
    layer: str
    position: int
    method: Method = Method.GRAD_CAM
    back: str = ""


@router.get("/p/{slug}/runs/{number}/review", name="review")
def show(
    request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int, part: str = ""
) -> Response:
    """Show the answers of a run; ``part=selected`` gives only the picture that is shown large."""
    run = runs.by_number(session, project.id, number)
    usual, roles = review_page.usual_role(session, run)
    query = ReviewQuery.parse(request.query_params, usual)
    gettext = i18n.translations(i18n.choose(request)).gettext
    page = replace(
        review_page.build(session, state.judged, state.arrays, project, run, query, roles),
        reasons={code: gettext(text) for code, text in pictures.REASONS.items()},
    )
    if part == "selected":
        return render(request, "review/_fragment.html", page)
    return render(request, "review/review.html", page)


@router.get("/p/{slug}/runs/{number}/heat/{item_id}.png", name="heat_map")
def heat_map(
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    number: int,
    item_id: int,
    asked: Annotated[HeatQuery, Query()],
) -> Response:
    """A heat map in colours; with ``v``, its hash, and ``limit`` a browser may keep it for ever."""
    run = runs.by_number(session, project.id, number)
    found = heatmaps.find(session, run, Wanted(item_id, asked.fold, asked.layer, asked.position, asked.method))
    limit = asked.limit or heatmaps.scale(session, run, asked.fold, asked.layer, asked.method)
    picture = heat.colored(state.store.get(found.sha256), found.peak, limit, opaque=asked.opaque)
    kept = asked.v == found.sha256 and asked.limit is not None
    headers = PICTURE | {"Cache-Control": KEPT if kept else "private, no-cache"}
    return Response(picture, media_type="image/png", headers=headers)


@router.get("/heat-legend.png", name="heat_legend")
def heat_legend() -> Response:
    """The colours of all heat maps, from 0 on the left to the limit on the right."""
    headers = PICTURE | {"Cache-Control": "private, max-age=86400"}
    return Response(heat.legend(), media_type="image/png", headers=headers)


@router.post("/p/{slug}/runs/{number}/explain", name="explain")
async def explain(
    request: Request, state: StateDep, slug: str, number: int, form: Annotated[ExplainForm, Form()], wait: Wait = 0.0
) -> Response:
    """Order heat maps of several pictures; as JSON the answer says after ``wait`` seconds at most how they fare."""
    job_id = await to_thread.run_sync(_order, state, slug, number, form)
    if not wants_json(request):
        return redirect(request, "review", slug=slug, number=number, query=dict(parse_qsl(form.back)))
    await ends.ends_of(request.app, state.database).wait(job_id, wait)
    return await to_thread.run_sync(_fares, request, state, slug, number, job_id, True)


@router.get("/p/{slug}/runs/{number}/explain/{job_id}", name="explain_state")
async def explain_state(
    request: Request, state: StateDep, slug: str, number: int, job_id: int, wait: Wait = 0.0
) -> Response:
    """How the heat maps that were ordered fare, after ``wait`` seconds at most."""
    await ends.ends_of(request.app, state.database).wait(job_id, wait)
    return await to_thread.run_sync(_fares, request, state, slug, number, job_id, False)


def _order(state: AppState, slug: str, number: int, form: ExplainForm) -> int:
    """The number of the job; committed when this returns."""
    with state.database.write() as session:
        session.info[jobs.QUEUE] = state.queue
        run = runs.by_number(session, projects.by_slug(session, slug).id, number)
        wanted = [Wanted(one, form.fold, form.layer, form.position, form.method) for one in form.item]
        return heatmaps.order(session, run, wanted).id


def _fares(request: Request, state: AppState, slug: str, number: int, job_id: int, ordered_now: bool) -> Response:
    with state.database.read() as session:
        run = runs.by_number(session, projects.by_slug(session, slug).id, number)
        ordered = heatmaps.ordered(session, run, job_id)
        workers = 0 if ordered.finished else len(jobs.workers_alive(session))
    t = i18n.translations(i18n.choose(request))
    values: dict[str, Any] = {
        "job": job_id,
        "url": address(request.app, "explain_state", slug=slug, number=number, job_id=job_id),
        "state": ordered.state,
        "finished": ordered.finished,
        "workers": workers,
        "done": ordered.done,
        "total": ordered.total,
        "message": say(ordered.error_code, plain(ordered.error_params), t.gettext) if ordered.error_code else "",
    }
    status = 202 if ordered_now and not ordered.finished else 200
    return JSONResponse(values, status, headers={"Cache-Control": "no-store"})
