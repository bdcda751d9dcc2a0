"""``python -m app migrate-storage``: move an installation to another database and another store, with proof.

The old installation stays as it is. Broken off, the command may be given again: blobs that have arrived are not sent
twice, and the rows are copied in one transaction.
"""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from app.commands import folder
from app.commands.common import Exit, put, put_json, say
from app.config import Settings
from app.db.migrate import upgrade
from app.db.session import Database
from app.domain import addresses
from app.domain.errors import AppError, Conflict, Invalid
from app.services.moving import blobs, rows
from app.storage import Store, open_store
from app.storage.bucket import ObjectStore


@dataclass(frozen=True)
class Wish:
    """What was typed. An empty address means that this part stays where it is."""

    database: str = ""
    storage: str = ""
    environment: Path | None = None
    verify: bool = False
    json: bool = False


def run(settings: Settings, wish: Wish) -> int:
    """Move.

    Raises:
        Conflict: a worker is alive, a job runs, or the target holds something else.
        FolderError: the server runs.
        Invalid: nothing to move.
        AppError: something did not arrive as it was.
    """
    target = wanted(settings, wish)
    moves_rows, moves_blobs = target.database != settings.database, target.storage != settings.storage
    if not moves_rows and not moves_blobs:
        raise Invalid("move_same")
    begun = time.monotonic()
    folder.prepare(settings.data_dir)
    with folder.held(settings.data_dir):
        source = _opened(settings)
        rows.refuse_busy(source)
        result: dict[str, object] = {}
        if moves_blobs:
            result |= _move_blobs(settings, target, verify=wish.verify)
        if moves_rows:
            result |= _move_rows(source, target)
        rows.refuse_busy(source)
        source.dispose()
    result["seconds"] = round(time.monotonic() - begun, 1)
    if wish.json:
        put_json(result)
    else:
        _print(result, moves_rows=moves_rows, moves_blobs=moves_blobs)
    return Exit.OK


def wanted(settings: Settings, wish: Wish) -> Settings:
    """The settings of the new installation.

    Raises:
        Invalid: the file of settings cannot be read.
        AppError: an address cannot be used.
    """
    target = settings
    if wish.environment is not None:
        target = Settings.from_env(more=_read(wish.environment))
    database, storage = wish.database or target.database_url, wish.storage or target.storage_url
    target = dataclasses.replace(target, database_url=database, storage_url=storage)
    if wish.database:
        addresses.check_database("--to-database", target.database)
    if wish.storage:
        addresses.check_storage("--to-storage", target.storage)
    return target


def _read(path: Path) -> dict[str, str]:
    """The lines NAME=VALUE of a file; it may hold passwords, which nobody can see in a list of processes then."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError:
        raise Invalid("file_missing", file=str(path)) from None
    pairs = (line.removeprefix("export ").partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _opened(settings: Settings) -> Database:
    database = Database(settings.database)
    upgrade(database)
    return database


def _store(settings: Settings) -> Store:
    """Without the cache: what is proved must be what is there."""
    store = open_store(dataclasses.replace(settings.store_address, cache=None))
    if isinstance(store, ObjectStore):
        store.probe()
    return store


def _move_blobs(settings: Settings, target: Settings, *, verify: bool) -> dict[str, object]:
    old, new = _store(settings), _store(target)
    moved = blobs.copy(old, new, _progress("copied"))
    if moved.bad:
        raise AppError("move_damaged", count=len(moved.bad), first=moved.bad[0])
    blobs.compare(old, new)
    if verify:
        bad = blobs.verify(new, old.entries(), _progress("verified"))
        if bad:
            raise AppError("move_damaged", count=len(bad), first=bad[0])
    return {
        "blobs": moved.count,
        "bytes": moved.size,
        "sent": moved.copied,
        "uploads": moved.uploads,
        "verified": moved.count if verify else 0,
    }


def _move_rows(source: Database, settings: Settings) -> dict[str, object]:
    target = _opened(settings)
    try:
        before = rows.proof(source)
        if rows.is_empty(target):
            say("Copying the rows ...")
            rows.copy(source, target)
        elif rows.proof(target) != before:
            raise Conflict("move_target_used")
        rows.compare(before, rows.proof(target))
        if rows.proof(source) != before:
            raise Conflict("move_changed")
    finally:
        target.dispose()
    return {"tables": {table.name: table.count for table in before}, "rows": sum(table.count for table in before)}


def _progress(what: str) -> blobs.Progress:
    shown = -1

    def progress(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth != shown:
            shown = tenth
            say(f"{done} of {total} files {what}")

    return progress


def _print(result: dict[str, object], *, moves_rows: bool, moves_blobs: bool) -> None:
    if moves_blobs:
        put(f"Files: {result['blobs']} ({result['bytes']} bytes), {result['sent']} of them sent now;")
        put(f"       uploads that wait: {result['uploads']}; read back and compared: {result['verified']}.")
    if moves_rows:
        put(f"Rows:  {result['rows']}, the same in both databases by count and SHA-256:")
        for name, count in dict(result["tables"]).items():  # type: ignore[call-overload]
            put(f"       {name:<16} {count:>9}")
    put(f"Done in {result['seconds']} s. Nothing was changed here. Now start with the new settings:")
    put("       " + " and ".join(_names(moves_rows=moves_rows, moves_blobs=moves_blobs)) + "; see docs/deployment.md.")


def _names(*, moves_rows: bool, moves_blobs: bool) -> list[str]:
    return ["MIWAKE_DATABASE_URL"] * moves_rows + ["MIWAKE_STORAGE_URL with MIWAKE_S3_*"] * moves_blobs
