"""The map: all pictures on a plane, like ones near each other; an area is selected with a lasso and labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from app.db.models import LabelClass, Project
from app.db.run_models import Job, Run
from app.domain.enums import FINAL_STATES, JobState
from app.services import feature_map, features, gallery, map_points, predictions, run_map, runs
from app.services.gallery import ImageRow
from app.web import grid_page, i18n, own_map, pictures
from app.web.deps import ProjectDep, ReadSession, StateDep, WriteSession
from app.web.feature_state import StateCard, state_card
from app.web.messages import say
from app.web.own_map import OwnMap
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/map")

RunNumber = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Place = Literal["", "run", "project"]


@dataclass(frozen=True)
class GroupCard:
    """A group with some of its pictures."""

    number: int
    count: int
    images: Sequence[ImageRow]
    labels: Sequence[tuple[int | None, int]]


@dataclass(frozen=True)
class MapPage:
    """The plane and its groups."""

    project: Project
    features: StateCard
    count: int
    final: bool  # laid out; False: only the first view
    newer: bool
    laying: bool
    done: int
    steps: int
    error: str
    run: Run | None  # whose answers can be shown
    of_run: OwnMap | None  # of that run
    runs: Sequence[Run]
    groups: Sequence[GroupCard]
    classes: Mapping[int, LabelClass]
    class_keys: Mapping[int, str]
    data: Mapping[str, Any]
    reasons: Mapping[str, str]


@router.get("", name="map")
def index(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    run: RunNumber = None,
    place: Place = "",
) -> Response:
    """Show the map, with the answers of a run; without a number of the newest. ``place``: whose map it is."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    chosen = predictions.finished_run(session, project.id, run)
    named = chosen is not None and chosen.number == run
    shown, laid = own_map.chosen(session, state.arrays, chosen, place, named=named)
    plane = laid if shown else feature_map.load(session, state.arrays, project.id)
    points = map_points.load(session, state.arrays, project.id, None, plane) if plane is not None else None
    found = map_points.groups(points) if points is not None and plane is not None and plane.final else []
    rows = {row.id: row for row in gallery.rows(session, project.id, [one for g in found for one in g.examples])}
    job = features.job_of(session, project.id, features.MAP)
    running = job is not None and job.state not in FINAL_STATES
    context = MapPage(
        project=project,
        features=state_card(session, project.id, gettext),
        count=len(points.ids) if points is not None else 0,
        final=plane is not None and plane.final,
        newer=plane is not None and plane.newer,
        laying=running,
        done=int(job.progress.get("done", 0)) if job is not None else 0,
        steps=int(job.progress.get("total", 0)) if job is not None else 0,
        error=_error(job, gettext),
        run=chosen,
        of_run=own_map.look(session, chosen, laid, gettext, shown=shown) if chosen is not None else None,
        runs=predictions.finished_runs(session, project.id),
        groups=_cards(found, rows),
        classes={item.id: item for item in project.classes},
        class_keys=pictures.key_names(project.classes),
        data=_data(request, project, chosen, shown=shown),
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
    )
    return render(request, "map/index.html", context)


def _cards(found: Sequence[map_points.Group], rows: Mapping[int, ImageRow]) -> list[GroupCard]:
    return [GroupCard(g.number, g.count, [rows[one] for one in g.examples if one in rows], g.labels) for g in found]


def _error(job: Job | None, gettext: Any) -> str:
    if job is None or job.state != JobState.FAILED or job.error_code is None:
        return ""
    return say(job.error_code, dict(job.error_params), gettext)


def _data(request: Request, project: Project, run: Run | None, *, shown: bool) -> dict[str, Any]:
    """What map.js begins with: as the grid, the addresses of the points and of the review, and whose map it is."""
    found = grid_page.module_data(request, project, {}, "similar")
    query: dict[str, object] = {} if run is None else {"run": run.number, "place": "run" if shown else "project"}
    app, slug = request.app, project.slug
    review = "" if run is None else address(app, "review", slug=slug, number=run.number)
    more = {"points": address(app, "map_points", slug=slug, query=query), "review": review}
    return {**found, **more, "of": run.number if run is not None and shown else None}


@router.get("/points", name="map_points")
def points(
    project: ProjectDep, session: ReadSession, state: StateDep, run: RunNumber = None, place: Place = ""
) -> Response:
    """All points, as ``map_points.Points.packed`` says; with the answers of a run."""
    asked = predictions.finished_run(session, project.id, run)
    plane = run_map.load(session, state.arrays, asked) if asked is not None and place == "run" else None
    found = None
    if place != "run" or plane is not None:
        found = map_points.load(session, state.arrays, project.id, asked, plane, state.judged)
    content = b"\0\0\0\0" if found is None else found.packed([item.id for item in project.classes])
    return Response(content, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


@router.get("/state", name="map_state")
def layout_state(project: ProjectDep, session: ReadSession, run: RunNumber = None) -> JSONResponse:
    """How far the layout is, for features.js; with ``run`` that of its own map."""
    if run is None:
        job = features.job_of(session, project.id, features.MAP)
    else:
        job = run_map.newest(session, runs.by_number(session, project.id, run))
    over = job is None or job.state in FINAL_STATES
    progress = job.progress if job is not None else {}
    return JSONResponse({"over": over, "done": progress.get("done", 0), "total": progress.get("total", 0)})


@router.post("", name="map_request")
def lay_out(request: Request, project: ProjectDep, session: WriteSession, run: RunNumber = None) -> Response:
    """Have a worker lay the pictures out; with ``run`` by what its own network makes of them."""
    if run is None:
        feature_map.request(session, project.id)
        return redirect(request, "map", slug=project.slug)
    run_map.request(session, runs.by_number(session, project.id, run))
    return redirect(request, "map", slug=project.slug, query={"run": run, "place": "run"})
