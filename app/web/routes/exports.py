"""Export of a data set: the page, and the files, which are sent while they are written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from app.db.models import Project
from app.domain.errors import Invalid
from app.services import exports
from app.services.exports import Amount, Format
from app.services.gallery import ALL, ImageFilter
from app.web.deps import ProjectDep, ReadSession, StateDep, release
from app.web.own_copies import attachment
from app.web.templating import render

router = APIRouter(prefix="/p/{slug}")

Id = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True)
class ExportPage:
    """What can be taken out, and how much it is."""

    project: Project
    amount: Amount
    query: Mapping[str, str]
    filtered: bool  # by more than whether images are excluded
    state: str  # "active", "excluded" or "all"


@router.get("/export", name="export")
def page(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Offer the three formats for what the query string says; excluded images are left out unless it asks for them."""
    wanted = ImageFilter.from_query(request.query_params)
    context = ExportPage(
        project=project,
        amount=exports.amount(session, project.id, wanted),
        query=wanted.to_query(),
        filtered=replace(wanted, state=None) != ImageFilter(state=None),
        state=wanted.state or ALL,
    )
    return render(request, "exports/index.html", context)


@router.get("/export/{form}", name="export_file")
def file(
    request: Request, form: Format, project: ProjectDep, session: ReadSession, state: StateDep, allowed: bool = False
) -> StreamingResponse:
    """Send the data set; with ``allowed`` only what may be published."""
    wanted = ImageFilter.from_query(request.query_params)
    return sent(project, form, exports.prepare(session, project, wanted, allowed=allowed), session, state)


@router.post("/export", name="export_selection")
def selection(
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    form: Annotated[Format, Form()],
    image: Annotated[list[Id], Form()] = [],  # noqa: B006 - FastAPI copies it
    images: Annotated[str, Form(pattern=r"^(\d{1,15}(,\d{1,15})*)?$")] = "",
) -> StreamingResponse:
    """Send images by id: the ticked ones of a page, or many as numbers with commas."""
    ids = tuple(image) + tuple(int(number) for number in images.split(",") if number)
    if not ids:
        raise Invalid("nothing_selected")
    return sent(project, form, exports.prepare(session, project, ImageFilter(state=None, ids=ids)), session, state)


def sent(
    project: Project, form: Format, export: exports.Export, session: ReadSession, state: StateDep
) -> StreamingResponse:
    """The answer, which is written while it is sent."""
    release(session)
    headers = {"Content-Disposition": attachment(f"{project.slug}.{form.ending}"), "Cache-Control": "no-store"}
    return StreamingResponse(exports.written(export, form, state.store), media_type=form.media_type, headers=headers)
