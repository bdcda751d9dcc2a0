"""The page on which a run is asked about one picture, a file or an image of the project; also for programs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.db.models import Project
from app.db.run_models import Run
from app.domain import filenames, heat
from app.domain.errors import AppError, Invalid, NotFound
from app.domain.explaining import Method, method_of
from app.domain.views import KINDS, NONE
from app.services import jobs, predictions, projects, runs
from app.services.predictions import How, Picture
from app.web import ends, i18n, try_page
from app.web.deps import AppState, ProjectDep, ReadSession, StateDep
from app.web.errors import wants_json
from app.web.messages import sentence
from app.web.own_copies import ASK, KEPT, SANDBOX, picture
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/runs/{number}")

MEGABYTE = 2**20
LONGEST = 30.0  # seconds that a request waits for an answer
FIELD_BYTES = 4096


class TryQuery(BaseModel):
    """What the page shows: an answer and one of its classes; images to choose from; how to ask, what about at once."""

    job: int | None = Field(default=None, ge=1, le=2**53)
    position: int | None = Field(default=None, ge=0, le=10_000)
    own: bool = False
    which: str = ""
    q: str = ""
    page: int = Field(default=1, ge=1, le=2**31)
    image: int | None = Field(default=None, ge=1, le=2**53)
    views: str = ""


class HeatQuery(BaseModel):
    """The heat map of one class, and how it is coloured."""

    position: int = Field(ge=0, le=10_000)
    limit: float = Field(gt=0, lt=1e9, allow_inf_nan=False)
    opaque: bool = False


class AnswerQuery(BaseModel):
    """How an answer is shown, and how many seconds to wait for it; ``part=answer`` asks for a piece of the page."""

    part: Literal["", "answer"] = ""
    wait: float = Field(default=0.0, ge=0, le=LONGEST, allow_inf_nan=False)
    position: int | None = Field(default=None, ge=0, le=10_000)
    own: bool = False


class AskQuery(AnswerQuery):
    """The same where the question is asked."""

    wait: float = Field(default=10.0, ge=0, le=LONGEST, allow_inf_nan=False)


@dataclass(frozen=True)
class Where:
    """The run of the address."""

    slug: str
    number: int

    def find(self, session: Session) -> tuple[Project, Run]:
        """The project and the run. Raises NotFound."""
        project = projects.by_slug(session, self.slug)
        return project, runs.by_number(session, project.id, self.number)


WhereDep = Annotated[Where, Depends(Where)]


async def question_form(request: Request) -> AsyncIterator[FormData]:
    """The form with one file at most."""
    async with request.form(max_files=1, max_fields=10, max_part_size=FIELD_BYTES) as form:
        yield form


FormDep = Annotated[FormData, Depends(question_form)]


@router.get("/try", name="try")
def show(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    number: int,
    query: Annotated[TryQuery, Query()],
) -> Response:
    """Show the page, with an answer when the query names one."""
    run = runs.by_number(session, project.id, number)
    limit = state.settings.max_file_mb
    page = try_page.build(request, session, project, run, query=query.model_dump(), max_file_mb=limit)
    return render(request, "predict/try.html", page)


@router.post("/try", name="try_ask")
async def ask(
    request: Request, state: StateDep, where: WhereDep, form: FormDep, view: Annotated[AskQuery, Query()]
) -> Response:
    """Ask the run; the form has ``picture`` (a file), ``image`` (an id) or ``again`` (an earlier question).

    The answer comes in the same request when there is one within ``wait`` seconds; else its address (202).
    """
    try:
        job_id = await to_thread.run_sync(_order, state, where, form)
    except AppError as error:
        if view.part or wants_json(request):
            raise
        return await to_thread.run_sync(_refused, request, state, where, form, error)
    await ends.ends_of(request.app, state.database).wait(job_id, view.wait)
    if view.part or wants_json(request):
        return await to_thread.run_sync(_answer, request, state, where, job_id, view)
    return redirect(request, "try", slug=where.slug, number=where.number, query={"job": job_id})


@router.post("/try/prepare", name="try_prepare")
def prepare(state: StateDep, where: WhereDep) -> JSONResponse:
    """Have the models of the run loaded, because somebody is about to ask."""
    with state.database.write() as session:
        session.info[jobs.QUEUE] = state.queue
        _, run = where.find(session)
        job_id = predictions.prepare(session, run).id
    return JSONResponse({"job": job_id}, status_code=202)


@router.get("/try/{job_id}", name="try_state")
async def state_of(
    request: Request,
    state: StateDep,
    where: WhereDep,
    job_id: int,
    view: Annotated[AnswerQuery, Query()],
) -> Response:
    """How a question fares, after at most ``wait`` seconds; ``part=answer`` gives a piece of the page."""
    if view.wait:
        await ends.ends_of(request.app, state.database).wait(job_id, view.wait)
    return await to_thread.run_sync(_answer, request, state, where, job_id, view)


@router.get("/try/{job_id}/picture", name="try_picture")
def tried_picture(project: ProjectDep, session: ReadSession, state: StateDep, number: int, job_id: int) -> Response:
    """Our copy of a picture that was sent to be tried."""
    run = runs.by_number(session, project.id, number)
    tried = predictions.answer(session, run, job_id).picture
    return picture(state.store.get(tried.digest), immutable=True)


@router.get("/try/{job_id}/heat.png", name="try_heat")
def heat_map(
    project: ProjectDep,
    session: ReadSession,
    number: int,
    job_id: int,
    asked: Annotated[HeatQuery, Query()],
) -> Response:
    """The heat map of one class of an answer, in colours. An answer never changes, so a browser may keep it."""
    run = runs.by_number(session, project.id, number)
    grey, peak = predictions.heat_map(session, run, job_id, asked.position)
    colored = heat.colored(grey, peak, asked.limit, opaque=asked.opaque)
    return Response(colored, media_type="image/png", headers=SANDBOX | {"Cache-Control": KEPT})


def _order(state: AppState, where: Where, form: FormData) -> int:
    """The number of the job that was queued. Nothing slow happens while the database is written."""
    with state.database.read() as session:
        project, run = where.find(session)
        how = _how(run, form)
        predictions.check(session, run, how.layer)
        wanted = _chosen(session, project, run, form)
    wanted = wanted or _sent(state, form)
    with state.database.write() as session:
        session.info[jobs.QUEUE] = state.queue
        predictions.forget_old(session, state.store)
        return predictions.order(session, run, wanted, how).id


def _how(run: Run, form: FormData) -> How:
    """The layer, the way and the class (by its name) of the heat maps, and the views of the picture.

    Raises:
        Invalid: ``method_missing``, ``views_unknown`` or ``run_class_missing``.
    """
    layer, method, name, views = (str(form.get(field) or "") for field in ("layer", "method", "class", "views"))
    if method and method not in list(Method):
        raise Invalid("method_missing", method=method[:40], known=", ".join(Method))
    if views and views not in KINDS:
        raise Invalid("views_unknown", value=views[:60], known=", ".join(KINDS))
    names = [item.name for item in run.classes]
    if name and name not in names:
        raise Invalid("run_class_missing", name=name[:200])
    return How(layer or None, method_of(method), names.index(name) if name else None, views or NONE)


def _chosen(session: Session, project: Project, run: Run, form: FormData) -> Picture | None:
    """The image of the project, or the picture of an earlier question, that the form names; None for neither."""
    for name in ("image", "again"):
        value = form.get(name)
        if not isinstance(value, str) or not value:
            continue
        if not (value.isascii() and value.isdigit() and len(value) < 16):
            raise Invalid("prediction_picture_missing")
        if name == "image":
            return predictions.of_image(session, project.id, int(value))
        return predictions.answer(session, run, int(value)).picture
    return None


def _sent(state: AppState, form: FormData) -> Picture:
    """The file that was sent, decoded by a limited process and kept for a day.

    Raises:
        Invalid: there is none. BadImage: it is no picture that we accept.
    """
    upload = form.get("picture")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise Invalid("prediction_picture_missing")
    decoded = state.decoder.decode(upload.file.read())
    digest = predictions.keep(state.store, decoded.canonical)
    return Picture(digest, filenames.display_name(upload.filename), decoded.width, decoded.height)


def _answer(request: Request, state: AppState, where: Where, job_id: int, view: AnswerQuery) -> Response:
    with state.database.read() as session:
        project, run = where.find(session)
        if view.part:
            query = {"job": job_id, "position": view.position, "own": view.own}
            limit = state.settings.max_file_mb
            page = try_page.build(request, session, project, run, query=query, max_file_mb=limit)
            if page.shown is None:
                raise NotFound("prediction_missing", job=job_id)
            return render(request, "predict/_answer.html", page)
        values = try_page.as_json(request, session, project, run, job_id)
    return JSONResponse(values, 200 if values["finished"] else 202, headers={"Cache-Control": ASK})


def _refused(request: Request, state: AppState, where: Where, form: FormData, error: AppError) -> Response:
    """The page with the reason why there is no answer; the views that were chosen stay chosen."""
    text = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    with state.database.read() as session:
        project, run = where.find(session)
        limit = state.settings.max_file_mb
        query = {"views": str(form.get("views") or "")}
        page = try_page.build(request, session, project, run, query=query, max_file_mb=limit, error=text)
    return render(request, "predict/try.html", page, status_code=error.status)
