"""The page that says whether a run looks at the padding or at the border of its pictures."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from app.domain import heat
from app.services import mean_maps, runs
from app.services.mean_maps import Mean
from app.web import border_page, i18n, review_page
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.own_copies import ASK, KEPT, SANDBOX
from app.web.review_query import ROLES
from app.web.templating import render

router = APIRouter()


class MeanQuery(BaseModel):
    """Which maps: positions of the true class, of the answer and of the class they speak for. ``v``: their number."""

    on: Literal["test", "validation"]
    true: int = Field(ge=0)
    said: int = Field(ge=0)
    position: int = Field(ge=0)
    limit: float = Field(gt=0, lt=1e9, allow_inf_nan=False)
    v: int = Field(default=0, ge=0)


@router.get("/p/{slug}/runs/{number}/borders", name="run_borders")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show where the heat maps of the answers lie."""
    run = runs.by_number(session, project.id, number)
    _, roles = review_page.usual_role(session, run)
    t = i18n.translations(i18n.choose(request))
    page = border_page.build(session, state.store, project, run, roles, request.query_params, t)
    return render(request, "runs/borders.html", page)


@router.get("/p/{slug}/runs/{number}/mean-heat.png", name="mean_heat")
def mean_heat(
    project: ProjectDep, session: ReadSession, state: StateDep, number: int, asked: Annotated[MeanQuery, Query()]
) -> Response:
    """The mean of heat maps in colours; with ``v`` a browser may keep it."""
    run = runs.by_number(session, project.id, number)
    wanted = Mean(asked.true, asked.said, asked.position, asked.v)
    grey, peak = mean_maps.grey(session, state.store, run, ROLES[asked.on], wanted)
    headers = SANDBOX | {"Cache-Control": KEPT if asked.v else ASK}
    return Response(heat.colored(grey, peak, asked.limit, opaque=True), media_type="image/png", headers=headers)
