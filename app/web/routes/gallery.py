"""The gallery: all images of a project by filter, to look at, to select and to label many at once."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project, SavedView
from app.domain.enums import LabelSource, Split
from app.domain.errors import AppError, Invalid
from app.services import gallery, labels, marks, views
from app.services.gallery import ImageFilter, ImageRow
from app.services.image_filter import BEYOND, Order
from app.web import filter_words, grid_page, i18n, pictures
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.facets import Facet, facets
from app.web.messages import sentence
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}")

PER_PAGE = 100
Number = Annotated[int, Query(ge=0, le=2**53)]


@dataclass(frozen=True)
class GalleryPage:
    """One hundred images as plain HTML; grid.js makes all of them out of it."""

    project: Project
    chosen: ImageFilter
    query: Mapping[str, str]
    facets: Sequence[Facet]
    counts: gallery.Counts
    images: Sequence[ImageRow]
    number: int
    pages: int
    plain: bool
    classes: Mapping[int, LabelClass]
    class_keys: Mapping[int, str]
    data: Mapping[str, Any]
    reasons: Mapping[str, str]
    marks: Mapping[str, str]
    move: grid_page.MoveDialog
    request_id: str
    more: filter_words.Fields
    chosen_words: Sequence[filter_words.Word]
    saved_views: Sequence[SavedView]
    query_text: str
    unlabelled_query: Mapping[str, str]
    uncertain_href: str
    error: str = ""


class Press(BaseModel):
    """A press of a button below ticked images: ``do`` is the id of a class, "none", "undo" or a mark."""

    do: str
    request_id: str = Field(min_length=1, max_length=64)
    image: list[Annotated[int, Field(ge=1, le=2**53)]] = []
    text: str = Field("", max_length=4000)


def class_map(project: Project) -> dict[int, LabelClass]:
    """The classes of a project by id."""
    return {item.id: item for item in project.classes}


@router.get("/images", name="gallery")
def index(request: Request, project: ProjectDep, session: ReadSession, page: Number = 1) -> Response:
    """Show the images that match the query string."""
    return gallery_page(request, session, project, page)


def gallery_page(
    request: Request, session: Session, project: Project, number: int, error: AppError | None = None
) -> Response:
    """The gallery; with ``error`` it says what was refused."""
    chosen = ImageFilter.from_query(request.query_params)
    counts = gallery.counts(session, project.id, chosen)
    pages = max(1, -(-counts.total // PER_PAGE))
    number = max(1, min(number, pages))
    query = chosen.to_query()
    gettext = i18n.translations(i18n.choose(request)).gettext
    more = filter_words.fields(session, project, chosen, gettext)
    context = GalleryPage(
        project=project,
        chosen=chosen,
        query=query,
        facets=facets(request, project, chosen, counts, gettext),
        counts=counts,
        images=gallery.ids(session, project.id, chosen, (number - 1) * PER_PAGE, PER_PAGE).rows,
        number=number,
        pages=pages,
        plain=request.query_params.get("view") == "pages" or number > 1,
        classes=class_map(project),
        class_keys=pictures.key_names(project.classes),
        data=grid_page.module_data(request, project, query, "gallery"),
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
        marks={key: gettext(text) for key, text in pictures.MARKS.items()},
        request_id=uuid.uuid4().hex,
        move=grid_page.move_dialog(gettext),
        more=more,
        chosen_words=[word for word in filter_words.words(project, chosen, gettext) if word.name in BEYOND],
        saved_views=views.listed(session, project.id),
        query_text=urlencode(query),
        unlabelled_query=replace(chosen, class_id=None, unlabelled=not chosen.unlabelled).to_query(),
        uncertain_href=uncertain(request, project, chosen, more),
        error=sentence(error, gettext) if error else "",
    )
    return render(request, "gallery/index.html", context, status_code=error.status if error else 200)


def uncertain(request: Request, project: Project, chosen: ImageFilter, more: filter_words.Fields) -> str:
    """Where what a model is least sure of comes first: answers of the newest run, or label mode without one."""
    if not more.runs:
        return address(request.app, "label", slug=project.slug, query={"queue": "uncertain"})
    split = None if chosen.split == Split.TEST else chosen.split  # of the test set no model chooses anything
    wanted = replace(chosen, split=split, run=more.runs[0].number, sort=str(Order.CONFIDENCE))
    return address(request.app, "gallery", slug=project.slug, query=wanted.to_query())


@router.post("/images", name="gallery_apply")
def apply(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    press: Annotated[Press, Form()],
    page: Number = 1,
) -> Response:
    """A button below the ticked images, without JavaScript; then the same page again."""
    try:
        act(session, project, press, actor)
    except AppError as error:
        session.rollback()
        return gallery_page(request, session, project, page, error)
    query = {**ImageFilter.from_query(request.query_params).to_query(), "view": "pages", "page": page}
    return redirect(request, "gallery", slug=project.slug, query=query)


def act(session: Session, project: Project, press: Press, actor: str) -> None:
    """Do what the button says with the ticked images.

    Raises:
        Invalid: nothing is ticked, or there is no such button.
    """
    if press.do == "undo":
        labels.undo(session, project.id, actor=actor, request_id=press.request_id)
        return
    if not press.image:
        raise Invalid("nothing_selected")
    who: marks.Who = {"source": LabelSource.GALLERY, "actor": actor, "request_id": press.request_id}
    if press.do in marks.BUTTONS:
        marks.press(session, project.id, press.image, press.do, press.text, **who)
        return
    class_id = pictures.class_of(press.do)
    changes = [labels.LabelChange(image_id, class_id) for image_id in dict.fromkeys(press.image)]
    labels.assign(session, project.id, changes, **who)


@router.get("/images/ids", name="gallery_ids")
def ids(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    offset: Number = 0,
    limit: Annotated[int, Query(ge=1, le=grid_page.PER_REQUEST)] = grid_page.PER_REQUEST,
) -> JSONResponse:
    """A page of the images that match, as short rows: id, name, class, version, state, thumbnail, marks, note."""
    found = gallery.ids(session, project.id, ImageFilter.from_query(request.query_params), offset, limit)
    rows = [grid_page.short(row) for row in found.rows]
    return JSONResponse({"total": found.total, "offset": found.offset, "rows": rows})


@router.get("/images/counts", name="gallery_counts")
def counts(request: Request, project: ProjectDep, session: ReadSession) -> JSONResponse:
    """The numbers beside the filters, by the values that stand in the query string."""
    found = gallery.counts(session, project.id, ImageFilter.from_query(request.query_params))
    classes = {str(key or gallery.NONE): count for key, count in found.classes.items()}
    splits = {key or gallery.NONE: count for key, count in found.splits.items()}
    everything = {"class": sum(classes.values()), "split": sum(splits.values()), "state": sum(found.states.values())}
    return JSONResponse(
        {
            "total": found.total,
            "class": {"": everything["class"], **classes},
            "split": {"": everything["split"], **splits},
            "state": {"all": everything["state"], **found.states},
            "import": {"": sum(found.imports.values()), **{str(key): count for key, count in found.imports.items()}},
            "mark": {key or "": count for key, count in found.marks.items()},
            "reason": {"": sum(found.reasons.values()), **found.reasons},
        }
    )
