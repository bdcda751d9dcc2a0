"""Import: the upload page, what it sends, the report, and the sample sets."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.db.models import Image, ImportBatch, Project
from app.domain.errors import AppError, Invalid
from app.domain.filenames import SPLIT_NAMES
from app.domain.samples import SAMPLES
from app.domain.zipnames import Encoding
from app.services import import_mend, import_report, import_undo, imports, sample_sets, server_folders
from app.services.images import Rights
from app.services.imports import Options
from app.web import i18n
from app.web.bundles import SentFile, SentRules
from app.web.deps import ActorDep, AppState, ProjectDep, ReadSession, StateDep, WriteSession, release
from app.web.importing import (
    accept_zip,
    addresses,
    begin,
    discard,
    end,
    free_import,
    listed,
    reader,
    result,
    thumbnails,
    tools,
)
from app.web.messages import sentence
from app.web.security import CAMERA_HERE
from app.web.templating import address, redirect, render
from app.web.uploading import FilesDep, ZipDep, one_at_a_time, receive_zip

router = APIRouter()
SHOWN_PROBLEMS = 200


@dataclass(frozen=True)
class ImportPage:
    """The upload page."""

    project: Project
    imports: Sequence[ImportBatch]
    max_file_mb: int
    max_zip_mb: int
    split_names: Sequence[str]
    class_names: Sequence[str]
    server_on: bool
    server_open: bool
    server: server_folders.Listing | None  # what lies in a folder of the server
    server_error: str
    error: str = ""


@dataclass(frozen=True)
class ReportPage:
    """What became of one import."""

    project: Project
    batch: ImportBatch
    progress: import_report.Progress
    problems: Sequence[import_report.Problem]
    problem_count: int
    folders: Sequence[import_report.Folder]
    pictures: Sequence[Image]
    reach: import_undo.Reach
    offers: Mapping[int, import_mend.Offer]  # by the number of the file
    request_id: str


class NewImport(BaseModel):
    """What the page says before it sends the first file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=1000)
    total: int = Field(ge=0, le=10_000_000)
    labels: bool = True
    splits: bool = True
    source: str = Field("browser", pattern="^(browser|zip)$")
    rules: SentRules = SentRules()
    origin: str = Field("", max_length=1000)
    licence: str = Field("", max_length=1000)
    publish: str = Field("", pattern="^(yes|no|)$")
    zip: SentFile | None = None  # the zip that will come in pieces


@router.get("/p/{slug}/import", name="imports")
def page(request: Request, project: ProjectDep, session: ReadSession, state: StateDep) -> Response:
    """Show the drop zone, the plain form and past imports. This page alone may ask for the camera."""
    answer = render(request, "imports/index.html", upload_page(request, project, session, state))
    answer.headers["permissions-policy"] = CAMERA_HERE
    return answer


@router.post("/p/{slug}/imports", name="import_create", status_code=201)
def create(
    request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, new: NewImport
) -> dict[str, Any]:
    """Begin an import and say where its files go."""
    rights = Rights.said(new.origin, new.licence, new.publish)
    options = Options(labels=new.labels, splits=new.splits, rules=new.rules.rules(), rights=rights)
    batch = imports.create(
        session, project, source=new.source, name=new.name, actor=actor, total=new.total, options=options
    )
    if new.zip is not None:
        imports.remember(session, batch.id, zip=new.zip.model_dump())
    return addresses(request, project, batch.number)


@router.get("/p/{slug}/imports", name="imports_again")
def page_again(request: Request, project: ProjectDep) -> RedirectResponse:
    """Reading the address to which imports are sent leads to the page."""
    return redirect(request, "imports", slug=project.slug)


@router.post("/p/{slug}/imports/{number}/files", name="import_files")
def files(
    request: Request, number: int, sent: FilesDep, project: ProjectDep, session: ReadSession, state: StateDep
) -> dict[str, Any]:
    """Take up to 100 files; one result for each, in order. They are read before the first look at the database."""
    import_id = imports.by_number(session, project, number).id
    release(session)
    outcomes = imports.add_files(tools(state), import_id, sent, max_file_bytes=state.settings.max_file_mb * 2**20)
    translate = reader(request)
    return {"results": [result(outcome, translate) for outcome in outcomes]}


@router.post("/p/{slug}/imports/{number}/zip", name="import_zip", status_code=202)
async def zip_file(
    request: Request,
    number: int,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    encoding: Annotated[Encoding | None, Query()] = None,
) -> dict[str, str]:
    """Take a zip as the plain body of the request and have a worker import it."""
    await run_in_threadpool(release, session)
    import_id = await run_in_threadpool(free_import, state, project, number)
    with one_at_a_time(state.settings, import_id):
        await run_in_threadpool(free_import, state, project, number)  # another request may just have brought one
        try:
            path = await receive_zip(request, state.settings, import_id)
            await run_in_threadpool(accept_zip, state, import_id, path, encoding)
        except AppError:
            await run_in_threadpool(discard, state, import_id)
            raise
    return {"report": address(request.app, "import_report", slug=project.slug, number=number)}


@router.post("/p/{slug}/imports/{number}/finish", name="import_finish")
def finish(
    request: Request, number: int, project: ProjectDep, session: ReadSession, state: StateDep
) -> RedirectResponse:
    """End an import."""
    import_id = imports.by_number(session, project, number).id
    release(session)
    end(state, import_id)
    return redirect(request, "import_report", slug=project.slug, number=number)


@router.post("/p/{slug}/import/files", name="import_form_files")
def form_files(
    request: Request, sent: FilesDep, project: ProjectDep, session: ReadSession, state: StateDep, actor: ActorDep
) -> Response:
    """The same as a plain form: begin, take the files, end."""
    release(session)
    if not sent:
        return refused(request, project, state, Invalid("import_no_files"))
    batch = begin(state, project, "browser", sent[0].path, actor, sent.options)
    try:
        listed(state, batch.id, sent.listed)
        imports.add_files(tools(state), batch.id, sent, max_file_bytes=state.settings.max_file_mb * 2**20)
    except AppError as error:
        discard(state, batch.id)
        return refused(request, project, state, error)
    end(state, batch.id)
    return redirect(request, "import_report", slug=project.slug, number=batch.number)


@router.post("/p/{slug}/import/zip", name="import_form_zip")
def form_zip(
    request: Request, sent: ZipDep, project: ProjectDep, session: ReadSession, state: StateDep, actor: ActorDep
) -> Response:
    """A zip from a plain form."""
    release(session)
    if sent is None:
        return refused(request, project, state, Invalid("import_no_files"))
    batch = begin(state, project, "zip", sent.name, actor, sent.options)
    try:
        listed(state, batch.id, sent.listed)
        path = sent.keep(state.settings, batch.id)
        accept_zip(state, batch.id, path, sent.encoding)
    except AppError as error:
        discard(state, batch.id)
        return refused(request, project, state, error)
    return redirect(request, "import_report", slug=project.slug, number=batch.number)


@router.get("/p/{slug}/imports/{number}", name="import_report")
def report(request: Request, number: int, project: ProjectDep, session: ReadSession) -> Response:
    """Show what became of every file."""
    batch = imports.by_number(session, project, number)
    translate = reader(request)
    page = ReportPage(
        project=project,
        batch=batch,
        progress=import_report.progress(session, batch, translate),
        problems=list(import_report.problems(session, batch, translate, SHOWN_PROBLEMS)),
        problem_count=batch.duplicate_count + batch.refused_count + batch.skipped_count,
        folders=import_report.folders(session, batch),
        pictures=import_report.newest(session, batch),
        offers={one.entry_id: one for one in import_mend.offers(session, batch)} if batch.finished else {},
        reach=import_undo.reach(session, batch.id) if batch.finished else import_undo.Reach(),
        request_id=f"undo-{secrets.token_hex(16)}",
    )
    return render(request, "imports/report.html", page)


@router.get("/p/{slug}/imports/{number}/status", name="import_status")
def status(request: Request, number: int, project: ProjectDep, session: ReadSession) -> dict[str, Any]:
    """How far an import is; the report page asks once a second."""
    batch = imports.by_number(session, project, number)
    now = import_report.progress(session, batch, reader(request))
    return {
        "done": now.done,
        "total": now.total,
        "state": now.state,
        "over": now.over,
        "waiting": now.waiting,
        "new": batch.new_count,
        "duplicate": batch.duplicate_count,
        "refused": batch.refused_count,
        "skipped": batch.skipped_count,
        "pictures": thumbnails(request, project, import_report.newest(session, batch)),
    }


@router.get("/p/{slug}/imports/{number}/problems.csv", name="import_problems")
def problems(request: Request, number: int, project: ProjectDep, session: ReadSession) -> Response:
    """All problems as a table."""
    batch = imports.by_number(session, project, number)
    gettext = i18n.translations(i18n.choose(request)).gettext
    heading = (gettext("file"), gettext("verdict"), gettext("reason"))
    text = import_report.as_csv(import_report.problems(session, batch, reader(request)), heading, gettext)
    disposition = f'attachment; filename="import-{number}-problems.csv"'
    return Response(text, media_type="text/csv", headers={"Content-Disposition": disposition})


@router.post("/samples/{name}", name="sample_create")
def sample(request: Request, name: str, state: StateDep, actor: ActorDep) -> RedirectResponse:
    """Make a project from a sample set."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    texts = {}
    if known := SAMPLES.get(name):
        texts = {"title": gettext(known.title), "description": gettext(known.description)}
    return redirect(request, "project", slug=sample_sets.create(tools(state), name, actor, **texts))


def upload_page(request: Request, project: Project, session: Any, state: AppState, error: str = "") -> ImportPage:
    """The values of the upload page; ``server`` in the query string is a folder of the server."""
    settings = state.settings
    past = import_report.listed(session, project)
    names = [item.name for item in project.offered]
    path, found, wrong = request.query_params.get("server"), None, ""
    try:
        found = server_folders.listing(settings.import_dir, path or "") if settings.import_dir else None
    except AppError as problem:
        wrong = sentence(problem, i18n.translations(i18n.choose(request)).gettext)
    return ImportPage(
        project=project,
        imports=past,
        max_file_mb=settings.max_file_mb,
        max_zip_mb=settings.max_zip_mb,
        split_names=sorted(SPLIT_NAMES),
        class_names=names,
        server_on=bool(settings.import_dir),
        server_open=path is not None,
        server=found,
        server_error=wrong,
        error=error,
    )


def refused(request: Request, project: Project, state: AppState, error: AppError) -> Response:
    """The upload page again with what went wrong."""
    message = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    with state.database.read() as session:
        page = upload_page(request, project, session, state, message)
    return render(request, "imports/index.html", page, status_code=error.status)
