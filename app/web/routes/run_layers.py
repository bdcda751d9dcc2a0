"""The layers of a run's network: the table, and what the channels of one say of a picture."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from app.db.models import Project
from app.db.run_models import Run
from app.domain import architectures
from app.domain.enums import FINAL_STATES, JobState
from app.domain.errors import NotFound
from app.domain.recipe import Recipe
from app.domain.sketch import Layer
from app.services import heatmaps, jobs, looking, predictions, projects, runs
from app.web import ends, i18n
from app.web.deps import AppState, ProjectDep, ReadSession, StateDep
from app.web.errors import plain
from app.web.messages import say
from app.web.own_copies import KEPT, SANDBOX
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/runs/{number}/layers")
LONGEST = 10.0  # seconds that a request waits for the worker


class LookForm(BaseModel):
    """A layer by its name, a picture of the run and a model from 1."""

    layer: str
    item: int = Field(ge=1, le=2**53)
    model: int = Field(default=1, ge=1, le=1000)


@dataclass(frozen=True)
class LayersPage:
    """The page; ``answer`` is {} while there is none, ``waiting`` while one may come."""

    project: Project
    run: Run
    table: Sequence[Layer]
    visible: Sequence[str]  # layers that can be looked at
    ready: bool
    item: int | None
    layer: str
    model: int
    job: int | None
    answer: Mapping[str, Any]
    waiting: bool
    error: str
    here: str = "layers"


@router.get("", name="run_layers")
def show(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    number: int,
    job: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    item: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Show the table of layers, and the answer to a question about one of them."""
    run = runs.by_number(session, project.id, number)
    t = i18n.translations(i18n.choose(request))
    recipe, visible = Recipe.from_json(run.recipe), heatmaps.layers(session, run)
    answer: dict[str, Any] = {}
    spec: dict[str, Any] = {}
    waiting, error = False, ""
    if job is not None:
        try:
            asked, answer = looking.found(session, run, job)
            spec, waiting = asked.spec, JobState(asked.state) not in FINAL_STATES
            error = say(asked.error_code, plain(asked.error_params), t.gettext) if asked.error_code else ""
        except NotFound as missing:
            error = say(missing.code, dict(missing.params), t.gettext)
    page = LayersPage(
        project=project,
        run=run,
        table=architectures.layer_table(recipe, max(len(run.classes), 2)),
        visible=visible,
        ready=predictions.has_models(session, run) and bool(visible),
        item=spec.get("item") or item or looking.usual_item(session, run),
        layer=spec.get(looking.LAYER, visible[0] if visible else ""),
        model=spec.get("fold", 0) + 1,
        job=job,
        answer=answer,
        waiting=waiting,
        error=error,
    )
    return render(request, "runs/layers.html", page)


@router.post("", name="run_layers_look")
async def look(
    request: Request, state: StateDep, slug: str, number: int, form: Annotated[LookForm, Form()]
) -> Response:
    """Ask a worker, and show the answer when it is there."""
    job_id = await to_thread.run_sync(_order, state, slug, number, form)
    await ends.ends_of(request.app, state.database).wait(job_id, LONGEST)
    return redirect(request, "run_layers", slug=slug, number=number, query={"job": job_id})


@router.get("/{job_id}/{kind}.png", name="run_layers_picture")
def picture(
    project: ProjectDep, session: ReadSession, number: int, job_id: int, kind: Literal["maps", "filters"]
) -> Response:
    """The channels or the filters of an answer in a grid. An answer never changes, so a browser may keep it."""
    run = runs.by_number(session, project.id, number)
    _, answer = looking.found(session, run, job_id)
    if not answer.get(kind):
        raise NotFound("heat_map_missing", item=job_id)
    content = base64.b64decode(answer[kind])
    return Response(content, media_type="image/png", headers=SANDBOX | {"Cache-Control": KEPT})


def _order(state: AppState, slug: str, number: int, form: LookForm) -> int:
    with state.database.write() as session:
        session.info[jobs.QUEUE] = state.queue
        run = runs.by_number(session, projects.id_of(session, slug), number)
        return looking.order(session, run, item=form.item, layer=form.layer, model=form.model - 1).id
