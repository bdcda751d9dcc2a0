"""What an import does with a list: finds it among the files, keeps it, and reports its rows that nothing came of."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ImportBatch, ImportEntry, LabelClass, Project
from app.db.session import Database
from app.domain import lists
from app.domain.archive import Archive, Entry
from app.domain.enums import EntryVerdict
from app.domain.errors import AppError, BadImage, Conflict
from app.domain.filenames import shown_path, without_root
from app.domain.lists import BadList, Fault
from app.services import classes, disk_files, import_records, imports, list_files
from app.services.import_records import Judged
from app.services.list_files import Kind, ListFile
from app.storage import Store

DESCRIPTION = "dataset.json"
_FIRST = "manifest.csv"  # of several lists this one counts
_CHUNK = 500
_MAX_CLASSES = 1000
_LONGEST_DESCRIPTION = 16 * 2**20  # bytes
_MOST_REFUSED = 100  # lists whose reasons are kept


@dataclass(frozen=True)
class Inside:
    """What came of a file that may be the list of an import. ``list_file``: the one that the import has now, if any.

    ``fault``: why this one cannot be used, which is no reason to end anything.
    """

    list_file: ListFile | None = None
    fault: Fault | None = None


def keep(
    database: Database, store: Store, import_id: int, data: bytes, path: str, kind: Kind | None = None
) -> ListFile:
    """Keep the list of an import.

    Raises:
        BadList: it cannot be used at all; the import stays as it was.
        Conflict: the import has ended.
    """
    file = list_files.kept(store, data, path, kind)
    with database.write() as session:
        imports.open_batch(session, import_id)
        imports.remember(session, import_id, list=file.to_options())
    return file


def keep_apart(database: Database, store: Store, import_id: int, data: bytes, name: str) -> ListFile:
    """Keep a list that somebody chose beside the pictures; see ``keep``. ``name``: of its file."""
    return keep(database, store, import_id, data, "", list_files.kind_of(data, name))


def keep_inside(database: Database, store: Store, import_id: int, data: bytes, path: str) -> Inside:
    """Keep a list, or the classes of an export, that lies at ``path`` among files that come one by one.

    Only what lies at the top counts, or in the one folder that holds everything. A list that cannot be used is
    remembered with the reason, for the report.

    Raises:
        Conflict: the import has ended.
    """
    with database.read() as session:
        known = list_files.of_options(imports.open_batch(session, import_id).options)
    shown = shown_path(path)
    if shown.count("/") > 1:
        return Inside(known)
    if len(data) > lists.MAX_SENT_BYTES:
        return _refused(database, import_id, shown, BadList("list_too_large", limit_mb=lists.MAX_SENT_BYTES // 2**20))
    if shown.rpartition("/")[2] == DESCRIPTION:
        _keep_classes(database, import_id, data, shown)
        return Inside()
    return Inside(known) if known else _tried(database, store, import_id, data, shown)


def _tried(database: Database, store: Store, import_id: int, data: bytes, path: str) -> Inside:
    """Keep what may be a list among the files; one that cannot be used costs nothing but itself."""
    if (kind := list_files.kind_of(data, path)) is None:
        return Inside()
    try:
        return Inside(keep(database, store, import_id, data, path, kind))
    except BadList as error:
        return _refused(database, import_id, shown_path(path), error)


def _refused(database: Database, import_id: int, path: str, error: BadList) -> Inside:
    params = {name: value for name, value in error.params.items() if isinstance(value, (str, int))}
    fault = Fault(error.code, params)
    with database.write() as session:
        earlier = imports.open_batch(session, import_id).options.get(list_files.REFUSED, {})
        told = dict([*earlier.items(), (path, [fault.code, fault.params])][-_MOST_REFUSED:])
        imports.remember(session, import_id, **{list_files.REFUSED: told})
    return Inside(fault=fault)


def from_zip(database: Database, store: Store, import_id: int, archive: Archive, root: str) -> None:
    """Keep the list and the classes that lie beside the pictures of a zip, unless the import has a list already."""
    with database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
    known = list_files.of_options(batch.options)
    top = [entry for entry in archive.entries if not entry.code and "/" not in without_root(entry.path, root)]
    for entry in _candidates(top):
        if known is not None:
            break
        with suppress(BadImage):
            known = _tried(database, store, import_id, archive.read(entry), entry.path).list_file
    for entry in top:
        if without_root(entry.path, root) == DESCRIPTION and entry.info.file_size <= _LONGEST_DESCRIPTION:
            with suppress(BadImage):
                _keep_classes(database, import_id, archive.read(entry), entry.path)


def _candidates(entries: Iterable[Entry]) -> list[Entry]:
    named = [entry for entry in entries if entry.path.lower().endswith((".csv", ".tsv", ".json"))]
    return sorted(named, key=lambda entry: (not entry.path.lower().endswith(_FIRST), entry.path))


def from_folder(database: Database, store: Store, import_id: int, folder: Path, paths: Iterable[str]) -> None:
    """The same for the files at the top of a folder."""
    wanted = [path for path in paths if "/" not in path and path.lower().endswith((".csv", ".tsv", ".json"))]
    files = []
    for path in wanted:
        if not (folder / path).is_symlink():
            with suppress(OSError):  # it is named among the files that could not be read
                files.append((path, disk_files.read(folder, path, lists.MAX_LIST_BYTES)))
    with database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
    known = list_files.of_options(batch.options)
    for path, data in sorted(files, key=lambda file: (file[0].lower() != _FIRST, file[0])):
        if path == DESCRIPTION:
            _keep_classes(database, import_id, data, path)
        elif known is None:
            known = _tried(database, store, import_id, data, path).list_file


def _keep_classes(database: Database, import_id: int, data: bytes, path: str) -> None:
    """Add the classes that an export describes, in their order, with colour, key and second name where free.

    Raises:
        Conflict: the import has ended.
    """
    try:
        described = json.loads(data if len(data) <= _LONGEST_DESCRIPTION else b"")["classes"][:_MAX_CLASSES]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    with database.write() as session:
        batch = imports.open_batch(session, import_id, lock=True)
        project = session.get_one(Project, batch.project_id)
        made = [
            added.id
            for one in described
            if isinstance(one, dict) and isinstance(one.get("name"), str)
            if (added := _add_class(session, project, one)) is not None
        ]
        import_records.remember_made(batch, made)
        imports.remember(session, import_id, description=path)


def _add_class(session: Session, project: Project, described: dict[str, object]) -> LabelClass | None:
    name = str(described["name"])
    if classes.name_key(name) in {item.name_key for item in classes.listed(session, project)}:
        return None
    texts = {key: value for key in ("color", "key") if isinstance(value := described.get(key), str)}
    for wish in (texts, {"color": texts.get("color")}, {}):
        try:
            with session.begin_nested():
                added = classes.add(session, project, name, **wish)
        except AppError:  # the key or the colour is taken or none: the class gets the next free one
            continue
        added.second_name = str(described.get("second_name") or "")[:200]
        added.description = str(described.get("description") or "")[: classes.LONGEST_DESCRIPTION]
        added.retired = described.get("retired") is True
        return added
    return None


def close(database: Database, store: Store, import_id: int) -> None:
    """Report each row of the list that no file came for, or that could not be used; doing it again changes nothing."""
    with database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        file = list_files.of_options(batch.options)
        if file is None or batch.finished:
            return
        paths = list(session.scalars(sa.select(ImportEntry.path).where(ImportEntry.import_id == import_id)))
    left = list_files.missing(list_files.load(store, file), paths)
    judged = [Judged(row.path, EntryVerdict.REFUSED, fault.code, list_files.refused(row, fault)) for row, fault in left]
    with suppress(Conflict):  # it has just been ended by somebody else
        for start in range(0, len(judged), _CHUNK):
            with database.write() as session:
                some = judged[start : start + _CHUNK]
                import_records.record(session, import_id, some, request_id=f"import-{import_id}-list-{start}")
