"""``python -m app import``: a folder or a zip into a project, without a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.commands.common import Exit, Parts, find_project, keep_loaded, opened, put, put_json, say
from app.config import Settings
from app.db.models import ImportBatch, ImportEntry, Project
from app.decoder import Decoder
from app.domain.enums import EntryVerdict
from app.domain.errors import Invalid
from app.domain.folder_rules import Rules, typed
from app.services import import_sources, imports, list_files, projects
from app.services.images import Rights
from app.services.list_files import ListFile
from app.web import messages
from app.web.deps import login_name

MEGABYTE = 2**20
SHOWN = 20  # reasons printed for a person; JSON has all


@dataclass(frozen=True)
class About:
    """What was typed about the pictures: folders, a list of them, and their source, licence and permission."""

    rules: Rules = Rules()
    listed: Path | None = None
    rights: Rights = Rights()


def run(settings: Settings, name: str, source: Path, *, as_json: bool, about: About | None = None) -> int:
    """Import; a project that is not there is made. Fails when not a single picture could be used."""
    about = about or About()
    with opened(settings) as parts:
        parts.store.check_space()
        _check(source, settings.max_file_mb * MEGABYTE)  # before a project is made for nothing
        options = imports.Options(rules=about.rules, list_file=_listed(parts, about.listed), rights=about.rights)
        project_id = _project(parts, name)
        import_id = _import(parts, project_id, source, options)
        with parts.database.read() as session:
            result = report(session, import_id)
    if as_json:
        put_json(result)
    else:
        _print(result)
    return Exit.OK if result["new"] + result["duplicates"] else Exit.FAILED


def _check(source: Path, max_file_bytes: int) -> None:
    """Raises AppError: there is nothing that could be imported."""
    if source.is_dir():
        import_sources.check_folder(source)
    else:
        import_sources.check_zip(source, max_file_bytes)


def rights_of(origin: str, licence: str, publish: str) -> Rights:
    """Source, licence and permission, as they are kept."""
    return Rights.said(origin, licence, publish)


def _listed(parts: Parts, path: Path | None) -> ListFile | None:
    if path is None:
        return None
    if not path.is_file():
        raise Invalid("file_missing", file=str(path))
    return list_files.kept(parts.store, path.read_bytes(), kind=list_files.kind_of(path.read_bytes(), path.name))


def rules_of(words: Sequence[str], every: str) -> Rules:
    """What ``--map`` and ``--class`` say. Raises Invalid."""
    return typed(words, every)


def _project(parts: Parts, name: str) -> int:
    with parts.database.write() as session:
        project = find_project(session, name) or projects.create(session, name=name)
        return project.id


def _import(parts: Parts, project_id: int, source: Path, options: imports.Options) -> int:
    decoder = Decoder(parts.settings.decode_workers)
    tools = imports.Tools(parts.database, parts.store, decoder)
    read = import_sources.import_folder if source.is_dir() else import_sources.import_zip
    keep_loaded()
    try:
        return read(
            tools,
            project_id,
            source,
            actor=parts.settings.user or login_name(),
            max_file_bytes=parts.settings.max_file_mb * MEGABYTE,
            options=options,
            watch=import_sources.Watch(progress=_progress()),
        )
    finally:
        decoder.close()


def _progress() -> import_sources.Progress:
    shown = -1

    def progress(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth != shown:
            shown = tenth
            say(f"{done} of {total} files")

    return progress


def report(session: Session, import_id: int) -> dict[str, Any]:
    """The import as plain values: counts, and the reason of every file that was not simply taken."""
    batch = session.get_one(ImportBatch, import_id)
    query = sa.select(ImportEntry).where(ImportEntry.import_id == import_id, ImportEntry.verdict != EntryVerdict.NEW)
    return {
        "project": session.get_one(Project, batch.project_id).slug,
        "import": batch.number,
        "new": batch.new_count,
        "duplicates": batch.duplicate_count,
        "refused": batch.refused_count,
        "skipped": batch.skipped_count,
        "reasons": [
            {
                "path": entry.path,
                "verdict": entry.verdict,
                "code": entry.code,
                "message": messages.say(entry.code, entry.params) if entry.code else "",
            }
            for entry in session.scalars(query.order_by(ImportEntry.id))
        ],
    }


def _print(result: dict[str, Any]) -> None:
    put(f"Project {result['project']}, import {result['import']}:")
    for name in ("new", "duplicates", "refused", "skipped"):
        put(f"  {name:<10} {result[name]:>7}")
    for reason in result["reasons"][:SHOWN]:
        put(f"  {reason['path']}: {reason['message']}")
    if len(result["reasons"]) > SHOWN:
        put(f"  ... and {len(result['reasons']) - SHOWN} more; --json lists all.")
