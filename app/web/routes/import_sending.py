"""What the import page sends: what folders mean, bundles of files, pieces of a zip, and how an import goes on."""

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.db.models import Image, ImportBatch, Project
from app.domain.enums import EntryVerdict, LabelSource
from app.domain.errors import Conflict, Invalid, OutOfSpace
from app.domain.folder_rules import MAX_FOLDERS
from app.domain.zipnames import Encoding
from app.services import (
    import_again,
    import_folders,
    import_lists,
    import_mend,
    import_resume,
    import_undo,
    imports,
    uploads,
)
from app.services.import_records import Outcome
from app.services.marks import Who
from app.storage import FLOOR_BYTES
from app.web import i18n
from app.web.bundles import BundleDep, SentFile, SentRules
from app.web.deps import ActorDep, AppState, ProjectDep, ReadSession, StateDep, WriteSession, release
from app.web.errors import wants_json
from app.web.importing import accept_zip, addresses, free_import, reader, result, thumbnails, tools
from app.web.templating import address, redirect
from app.web.uploading import ZipTooLarge, one_at_a_time

router = APIRouter()
MAX_OFFERS = 20_000
SHOWN_PICTURES = 6  # of one bundle
MEGABYTE = 2**20


class Folders(BaseModel):
    """Folders that the page has found, with the number of files in each."""

    model_config = ConfigDict(extra="forbid")

    folders: dict[str, int] = Field(max_length=MAX_FOLDERS)
    labels: bool = True
    splits: bool = True


class Offers(BaseModel):
    """Files that the page could send."""

    model_config = ConfigDict(extra="forbid")

    files: list[SentFile] = Field(max_length=MAX_OFFERS)


@router.post("/p/{slug}/import/folders", name="import_folders")
def folders(project: ProjectDep, session: ReadSession, sent: Folders) -> dict[str, Any]:
    """What the folders seem to mean."""
    found = import_folders.meanings(session, project, sent.folders, labels=sent.labels, splits=sent.splits)
    return {"folders": [asdict(row) for row in found]}


@router.get("/p/{slug}/import/open", name="import_open")
def unfinished(request: Request, project: ProjectDep, session: ReadSession, state: StateDep) -> dict[str, Any]:
    """Imports that can go on."""
    found = import_resume.unfinished(session, project, state.settings.data_dir)
    return {"imports": [asdict(one) | addresses(request, project, one.number) for one in found]}


@router.post("/p/{slug}/imports/{number}/missing", name="import_missing")
def missing(number: int, project: ProjectDep, session: ReadSession, sent: Offers) -> dict[str, Any]:
    """Which of the offered files have not come yet, by their places in the list."""
    batch = imports.by_number(session, project, number)
    return {"missing": import_resume.missing(session, batch, [file.offer() for file in sent.files])}


@router.post("/p/{slug}/imports/{number}/bundle/files", name="import_bundle")
def bundle(
    request: Request, number: int, sent: BundleDep, project: ProjectDep, session: ReadSession, state: StateDep
) -> dict[str, Any]:
    """Take up to 100 files; counts, what needs a look, and some of the new pictures."""
    import_id = imports.by_number(session, project, number).id
    release(session)
    outcomes = imports.add_files(tools(state), import_id, sent, max_file_bytes=state.settings.max_file_mb * MEGABYTE)
    translate = reader(request)
    looks = (EntryVerdict.REFUSED, EntryVerdict.DUPLICATE)
    return {
        "counts": Counter(outcome.verdict for outcome in outcomes),
        "problems": [result(outcome, translate) for outcome in outcomes if outcome.verdict in looks],
        "pictures": pictures(request, project, state, outcomes),
    }


@router.post("/p/{slug}/imports/{number}/list/files", name="import_list")
async def keep_list(
    request: Request,
    number: int,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    name: Annotated[str, Query(max_length=1000)] = "",
    path: Annotated[str, Query(max_length=4000)] = "",
) -> dict[str, str]:
    """Take the list of an import as the plain body of the request; it comes before the first picture.

    ``path``: it was not chosen as a list, but lies among the files of the import, which may be no list of ours, or one
    that cannot be used: then there is a ``reason``, and the import goes on without it.
    """
    import_id = (await run_in_threadpool(imports.by_number, session, project, number)).id
    await run_in_threadpool(release, session)
    data = await request.body()
    if not path:
        keep = partial(import_lists.keep_apart, state.database, state.store)
        return {"kind": (await run_in_threadpool(keep, import_id, data, name)).kind}
    inside = partial(import_lists.keep_inside, state.database, state.store)
    found = await run_in_threadpool(inside, import_id, data, path)
    reason = reader(request)(found.fault.code, found.fault.params) if found.fault else ""
    return {"kind": found.list_file.kind if found.list_file else "", "reason": reason}


@router.post("/p/{slug}/imports/{number}/piece/zip", name="import_piece")
async def piece(
    request: Request,
    number: int,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    at: Annotated[int, Query(ge=0)],
    size: Annotated[int, Query(ge=1)],
) -> dict[str, int]:
    """Append a piece to the zip of an import, ``size`` bytes in all; answers how many bytes are here.

    A piece that does not begin where the file ends is not taken; the answer says where to go on.
    """
    await run_in_threadpool(release, session)
    import_id = await run_in_threadpool(free_import, state, project, number)
    if size > state.settings.max_zip_mb * MEGABYTE:
        raise ZipTooLarge("zip_too_large", limit_mb=state.settings.max_zip_mb)
    with one_at_a_time(state.settings, import_id):
        if await run_in_threadpool(uploads.received, state.settings.data_dir, import_id) == at < size:
            await append(request, state, import_id, size)
    return {"received": await run_in_threadpool(uploads.received, state.settings.data_dir, import_id)}


async def append(request: Request, state: AppState, import_id: int, size: int) -> None:
    """Write the body of a request behind what is here; a connection that is lost leaves what has come."""
    whole = uploads.zip_path(state.settings.data_dir, import_id)
    part = whole.with_name(whole.name + uploads.PART)
    if shutil.disk_usage(part.parent).free < FLOOR_BYTES + size:
        raise OutOfSpace(folder=str(part.parent))
    with part.open("ab") as file, suppress(ClientDisconnect):
        left = size - file.tell()
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk[:left])
            left -= min(left, len(chunk))
    if left == 0:
        part.replace(whole)


@router.get("/p/{slug}/imports/{number}/folders", name="import_zip_folders")
def zip_folders(
    number: int, project: ProjectDep, session: ReadSession, state: StateDep, encoding: Encoding | None = None
) -> dict[str, Any]:
    """What the folders of a zip that has come seem to mean. A zip that cannot be used is removed, with its import."""
    batch = imports.by_number(session, project, number)
    path = whole_zip(state, batch)
    options = imports.options_of(batch)
    held = import_folders.of_zip(path, state.settings.max_file_mb * MEGABYTE, encoding)
    rows = import_folders.meanings(
        session, project, held.folders, labels=options.labels, splits=options.splits, root=held.root
    )
    total = sum(held.folders.values())
    return {"folders": [asdict(row) for row in rows], "encoding": held.encoding, "total": total, "lists": held.lists}


@router.post("/p/{slug}/imports/{number}/start", name="import_start")
def start(
    request: Request,
    number: int,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    sent: SentRules,
    encoding: Encoding | None = None,
) -> dict[str, str]:
    """Have the workers import the zip that has come."""
    batch = imports.by_number(session, project, number)
    path = whole_zip(state, batch)
    release(session)
    with state.database.write() as writing:
        imports.remember(writing, batch.id, rules=sent.rules().to_json())
    accept_zip(state, batch.id, path, encoding)
    return {"report": address(request.app, "import_report", slug=project.slug, number=number)}


@router.post("/p/{slug}/imports/{number}/undo", name="import_undo")
def undo(
    request: Request,
    number: int,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    request_id: Annotated[str, Form(min_length=8, max_length=64)],
    everything: Annotated[bool, Form()] = False,
) -> Response:
    """Take an import back as a whole."""
    batch = imports.by_number(session, project, number)
    gettext = i18n.translations(i18n.choose(request)).gettext
    reason = gettext("import %(number)s was taken back") % {"number": number}
    import_undo.take_back(session, batch.id, everything=everything, reason=reason, actor=actor, request_id=request_id)
    return redirect(request, "import_report", slug=project.slug, number=number)


@router.post("/p/{slug}/imports/{number}/follow", name="import_follow")
def follow(
    request: Request,
    number: int,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    request_id: Annotated[str, Form(min_length=8, max_length=64)],
    entry: Annotated[int | None, Form(ge=1, le=2**53)] = None,
) -> Response:
    """Give images the class or the split of the folder whose file contradicted them; without ``entry`` all of them."""
    batch = imports.by_number(session, project, number)
    who: Who = {"source": LabelSource.GALLERY, "actor": actor, "request_id": request_id}
    count = import_mend.follow(session, batch, None if entry is None else [entry], who)
    return redirect(request, "import_report", slug=project.slug, number=number, query={"followed": count})


@router.post("/p/{slug}/imports/{number}/cancel", name="import_cancel")
def cancel(request: Request, number: int, project: ProjectDep, session: WriteSession, state: StateDep) -> Response:
    """End an import where it stands; what has come stays in the project and can be taken back as a whole."""
    batch = imports.by_number(session, project, number)
    uploads.cancel(session, batch, state.settings.data_dir)
    if session.get(ImportBatch, batch.id) is None:
        return redirect(request, "imports", slug=project.slug)
    return redirect(request, "import_report", slug=project.slug, number=number)


@router.post("/p/{slug}/imports/{number}/again", name="import_again")
def again(request: Request, number: int, project: ProjectDep, session: ReadSession, state: StateDep) -> Response:
    """Have the workers go on with an import whose job failed; a program gets the address of the report."""
    import_id = imports.by_number(session, project, number).id
    release(session)
    import_again.try_again(state.database, state.store, state.queue, import_id)
    if wants_json(request):
        report = address(request.app, "import_report", slug=project.slug, number=number)
        return JSONResponse({"report": report}, status_code=202)
    return redirect(request, "import_report", slug=project.slug, number=number)


def whole_zip(state: AppState, batch: ImportBatch) -> Any:
    """Where the zip of an import lies that has come and waits for the word to begin.

    Raises:
        Conflict: the import has ended, or a worker has the zip.
        Invalid: the zip is not whole yet.
    """
    if batch.finished:
        raise Conflict("import_finished", number=batch.number)
    uploads.refuse_second(batch)
    path = uploads.zip_path(state.settings.data_dir, batch.id)
    if not path.exists():
        raise Invalid("upload_cut_off")
    return path


def pictures(request: Request, project: Project, state: AppState, outcomes: Sequence[Outcome]) -> list[str]:
    """Addresses of the thumbnails of some new pictures."""
    new = [outcome.image_id for outcome in outcomes if outcome.verdict == EntryVerdict.NEW and outcome.image_id]
    with state.database.read() as session:
        query = sa.select(Image).where(Image.id.in_(new[:SHOWN_PICTURES])).order_by(Image.id)
        found = list(session.scalars(query))  # fewer where the import was taken back meanwhile
    return thumbnails(request, project, found)
