"""What all routes of imports share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastapi import Request

from app.db.models import Image, ImportBatch, Project
from app.domain.zipnames import Encoding
from app.services import import_lists, imports, uploads
from app.services.import_records import Outcome
from app.services.imports import Options, Tools
from app.web import i18n
from app.web.deps import AppState
from app.web.messages import say
from app.web.templating import address


def tools(state: AppState) -> Tools:
    """The parts an import needs."""
    return Tools(state.database, state.store, state.decoder)


def reader(request: Request) -> Callable[[str, dict[str, Any]], str]:
    """Makes sentences in the reader's language from stored codes."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    return lambda code, params: say(code, params, gettext)


def result(outcome: Outcome, translate: Callable[[str, dict[str, Any]], str]) -> dict[str, Any]:
    """One outcome for the page's script."""
    message = translate(outcome.code, outcome.params) if outcome.code else ""
    return {"path": outcome.path, "verdict": outcome.verdict, "code": outcome.code, "message": message}


def begin(state: AppState, project: Project, source: str, name: str, actor: str, options: Options) -> ImportBatch:
    """Begin an import in a transaction of its own."""
    with state.database.write() as session:
        return imports.create(session, project, source=source, name=name, actor=actor, options=options)


def listed(state: AppState, import_id: int, sent: tuple[bytes, str] | None) -> None:
    """Keep the list that came with a plain form, if one did. Raises BadList."""
    if sent is not None:
        import_lists.keep_apart(state.database, state.store, import_id, *sent)


def end(state: AppState, import_id: int) -> None:
    """End an import; what its list says of files that did not come is in the report."""
    import_lists.close(state.database, state.store, import_id)
    with state.database.write() as session:
        imports.finish(session, import_id)


def discard(state: AppState, import_id: int) -> None:
    """Forget an import that nothing came of."""
    with state.database.write() as session:
        imports.discard(session, import_id)


def free_import(state: AppState, project: Project, number: int) -> int:
    """The id of an import that can take a zip. Raises Conflict when it has ended or has one."""
    with state.database.read() as session:
        batch = imports.open_batch(session, imports.by_number(session, project, number).id)
        uploads.refuse_second(batch)
        return batch.id


def accept_zip(state: AppState, import_id: int, path: Path, encoding: Encoding | None) -> None:
    """Check the directory of the zip that has arrived and queue the job; a refused zip is removed."""
    uploads.accept(
        state.database,
        state.store,
        state.queue,
        import_id,
        path,
        max_file_bytes=state.settings.max_file_mb * 2**20,
        encoding=encoding,
    )


def addresses(request: Request, project: Project, number: int) -> dict[str, Any]:
    """Where everything of one import goes."""
    names = (
        "files",
        "zip",
        "finish",
        "report",
        "bundle",
        "piece",
        "start",
        "missing",
        "cancel",
        "undo",
        "list",
        "again",
    )
    found = {name: address(request.app, f"import_{name}", slug=project.slug, number=number) for name in names}
    return {
        "number": number,
        **found,
        "folders": address(request.app, "import_zip_folders", slug=project.slug, number=number),
    }


def thumbnails(request: Request, project: Project, found: Sequence[Image]) -> list[str]:
    """Addresses of the thumbnails of some images."""
    return [
        address(request.app, "media", slug=project.slug, image_id=image.id, kind="thumb")
        + f"?v={image.thumbnail_sha256}"
        for image in found
    ]
