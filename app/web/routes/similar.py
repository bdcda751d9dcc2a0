"""More like this: lists of images that features make, labelled like the gallery; and the features themselves."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain.text import N_
from app.services import feature_list, features, gallery
from app.services.feature_list import Wanted
from app.services.gallery import ImageRow
from app.storage.arrays import Arrays
from app.web import grid_page, i18n, pictures
from app.web.deps import ProjectDep, ReadSession, StateDep, WriteSession
from app.web.feature_state import StateCard, state_card, state_data
from app.web.submitted import SubmittedDep
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}")

PLAIN = 100  # tiles without JavaScript
LISTS = ("to", "area", "ids", "group", "of", "class")  # names in the query string of a list
SHOWN = 12  # images asked for that are shown above the list
Number = Annotated[int, Query(ge=0, le=2**53)]


@dataclass(frozen=True)
class SimilarPage:
    """A list of images and what it was made from."""

    project: Project
    wanted: Wanted
    query: Mapping[str, str]
    links: Sequence[tuple[str, str, bool]]  # address, words, current
    counts: Sequence[tuple[str, int, bool]]  # address, number of neighbours, current
    asked: Sequence[ImageRow]
    images: Sequence[ImageRow]
    total: int
    known: bool  # False: there are no features for this list
    features: StateCard
    classes: Mapping[int, LabelClass]
    class_keys: Mapping[int, str]
    data: Mapping[str, Any]
    reasons: Mapping[str, str]
    marks: Mapping[str, str]
    move: grid_page.MoveDialog
    request_id: str


@router.get("/similar", name="similar")
def index(request: Request, project: ProjectDep, session: ReadSession, state: StateDep) -> Response:
    """Show images that look like some, lie in an area of the map, or are of one group."""
    wanted = Wanted.from_query(request.query_params)
    found = feature_list.find(session, state.arrays, project.id, wanted)
    gettext = i18n.translations(i18n.choose(request)).gettext
    listed = found or []
    context = SimilarPage(
        project=project,
        wanted=wanted,
        query=wanted.to_query(),
        links=_links(request, project, wanted, gettext),
        counts=_counts(request, project, wanted),
        asked=gallery.rows(session, project.id, wanted.like[:SHOWN]),
        images=in_order(session, project.id, listed[:PLAIN]),
        total=len(listed),
        known=found is not None,
        features=state_card(session, project.id, gettext),
        classes={item.id: item for item in project.classes},
        class_keys=pictures.key_names(project.classes),
        data=grid_page.module_data(request, project, wanted.to_query(), "similar"),
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
        marks={key: gettext(text) for key, text in pictures.MARKS.items()},
        move=grid_page.move_dialog(gettext),
        request_id=uuid.uuid4().hex,
    )
    return render(request, "similar/index.html", context)


def _links(
    request: Request, project: Project, wanted: Wanted, say: Callable[[str], str]
) -> list[tuple[str, str, bool]]:
    """The same list with and without labelled images."""
    query = {name: value for name, value in wanted.to_query().items() if name != "class"}
    choices: tuple[tuple[str, dict[str, str], bool], ...] = (
        (say(N_("All")), {}, not wanted.unlabelled),
        (say(N_("Without a label")), {"class": "none"}, wanted.unlabelled),
    )
    return [
        (address(request.app, "similar", slug=project.slug, query={**query, **more}), words, current)
        for words, more, current in choices
    ]


def _counts(request: Request, project: Project, wanted: Wanted) -> list[tuple[str, int, bool]]:
    if not wanted.like:
        return []
    query = wanted.to_query()

    def link(count: int) -> str:
        return address(request.app, "similar", slug=project.slug, query={**query, "count": count})

    return [(link(count), count, count == wanted.count) for count in feature_list.COUNTS]


def in_order(session: Session, project_id: int, image_ids: Sequence[int]) -> list[ImageRow]:
    """The images in the order of their ids as given."""
    rows = {row.id: row for row in gallery.rows(session, project_id, image_ids)}
    return [rows[image_id] for image_id in image_ids if image_id in rows]


def _listed(request: Request, session: Session, arrays: Arrays, project_id: int) -> list[int]:
    return feature_list.find(session, arrays, project_id, Wanted.from_query(request.query_params)) or []


@router.get("/similar/ids", name="similar_ids")
def ids(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    offset: Number = 0,
    limit: Annotated[int, Query(ge=1, le=grid_page.PER_REQUEST)] = grid_page.PER_REQUEST,
) -> JSONResponse:
    """A page of the list, as the gallery's own."""
    found = _listed(request, session, state.arrays, project.id)
    rows = in_order(session, project.id, found[offset : offset + limit])
    return JSONResponse({"total": len(found), "offset": offset, "rows": [grid_page.short(row) for row in rows]})


@router.get("/similar/counts", name="similar_counts")
def counts(request: Request, project: ProjectDep, session: ReadSession, state: StateDep) -> JSONResponse:
    """How many images the list has now."""
    return JSONResponse({"total": len(_listed(request, session, state.arrays, project.id))})


@router.get("/features", name="features_state")
def features_state(project: ProjectDep, session: ReadSession) -> JSONResponse:
    """How far the features are, for the module that waits for them."""
    return JSONResponse(state_data(session, project.id))


@router.post("/features", name="features_request")
def request_features(request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession) -> Response:
    """Have a worker compute what is missing, then the page again that asked for it."""
    features.request(session, project.id)
    if sent.values.get("back") == "map":
        return redirect(request, "map", slug=project.slug)
    query = {
        name: str(value) for name, value in sent.values.items() if name in ("to", "area", "ids", "group", "of", "class")
    }
    return redirect(request, "similar" if query else "map", slug=project.slug, query=query)
