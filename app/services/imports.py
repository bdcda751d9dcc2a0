"""Imports: files from a browser, a zip, a folder or a sample set become labelled images, one verdict for each file.

Decoding and writing files happen outside the transaction; then one short transaction for each batch writes images,
labels, verdicts and counts together. What is interrupted can be started again without doubling anything.
"""

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import ImportBatch, ImportEntry, Project
from app.db.session import Database
from app.decoder import AT_ONCE, Decoder
from app.domain.archive import LEAVES
from app.domain.enums import EntryVerdict
from app.domain.errors import BadImage, Conflict, NotFound
from app.domain.filenames import MAX_NAME, Place, clean, is_junk, place, shown_path, without_root
from app.domain.folder_rules import Rules
from app.domain.imaging import Decoded
from app.domain.lists import Fault, Given
from app.services import features, health_check, images, import_records, list_files
from app.services.images import Rights
from app.services.import_records import Judged, Outcome
from app.services.list_files import ListFile
from app.storage import Batch, Store, sha256


@dataclass(frozen=True)
class Tools:
    """The parts that every import needs."""

    database: Database
    store: Store
    decoder: Decoder


@dataclass(frozen=True)
class Incoming:
    """One file as it came. Without ``data`` it was refused or skipped before it was read, for the reason ``code``."""

    path: str
    data: bytes | None
    code: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    skipped: bool = False
    given: Given | None = None  # what a list says of it
    sent: str = ""  # how the client that sends it tells it from others; see ``import_resume``


@dataclass(frozen=True)
class Options:
    """How folders are read."""

    labels: bool = True  # folder names are classes
    splits: bool = True  # train, validation and test folders are splits
    root: str = ""  # the folder that holds everything and therefore names no class
    list_file: ListFile | None = None
    description: str = ""  # the path of the file that describes the classes
    rights: Rights = Rights()
    rules: Rules = Rules()  # what a person says that folders mean
    bad_lists: Mapping[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)  # path -> reason

    def place(self, path: str) -> Place:
        """What the whole path of a file, as it is shown, says, and the rules for its folder."""
        said = place(without_root(path, self.root), labels=self.labels, splits=self.splits)
        return self.rules.apply(path, said)


def create(
    session: Session,
    project: Project,
    *,
    source: str,
    name: str,
    actor: str,
    total: int | None = None,
    options: Options | None = None,
) -> ImportBatch:
    """Begin an import. ``source``: "browser", "zip", "folder" or "sample"."""
    chosen = options or Options()
    taken = sa.update(Project).where(Project.id == project.id)
    taken = taken.values(next_import_number=Project.next_import_number + 1)
    number = session.execute(taken.returning(Project.next_import_number)).scalar_one() - 1
    batch = ImportBatch(
        project_id=project.id,
        number=number,
        source=source,
        name=clean(name)[:MAX_NAME],
        total=total,
        options={
            "labels": chosen.labels,
            "splits": chosen.splits,
            "rules": chosen.rules.to_json(),
            **asdict(chosen.rights),
            **({"list": chosen.list_file.to_options()} if chosen.list_file else {}),
        },
        actor=actor[:100],
    )
    session.add(batch)
    session.flush()
    return batch


def options_of(batch: ImportBatch) -> Options:
    """The options that an import was begun with."""
    kept = batch.options
    return Options(
        kept.get("labels", True),
        kept.get("splits", True),
        kept.get("root", ""),
        list_files.of_options(kept),
        kept.get("description", ""),
        Rights.of(kept),
        Rules.of(kept.get("rules")),
        kept.get(list_files.REFUSED, {}),
    )


def by_number(session: Session, project: Project, number: int) -> ImportBatch:
    """The import with this number.

    Raises:
        NotFound: the project has no such import.
    """
    query = sa.select(ImportBatch).where(ImportBatch.project_id == project.id, ImportBatch.number == number)
    batch = session.scalars(query).one_or_none()
    if batch is None:
        raise NotFound("import_missing", number=number)
    return batch


def add_files(
    tools: Tools, import_id: int, files: Sequence[Incoming], *, max_file_bytes: int, cursor: int | None = None
) -> list[Outcome]:
    """Take some files into an import; one outcome for each, in order.

    A file that is refused never stops the others. Sending the same file under the same path again gives the first
    outcome again and changes nothing.

    Args:
        tools: database, store and decoder.
        import_id: the import.
        files: read already, a few tens of megabytes at most.
        max_file_bytes: larger ones are refused.
        cursor: how many entries of the source are done after these; kept with them, see ``import_sources``.

    Raises:
        Conflict: the import has ended.
        OutOfSpace: nothing was added.
    """
    with tools.database.read() as session:
        batch = open_batch(session, import_id)
    judged = judge(tools, options_of(batch), files, max_file_bytes=max_file_bytes)
    return keep(tools, import_id, judged, cursor=cursor)


def judge(tools: Tools, options: Options, files: Sequence[Incoming], *, max_file_bytes: int) -> list[Judged]:
    """Decode some files and put what they become into the store, durably; one verdict for each, in order.

    Raises:
        OutOfSpace: nothing was kept.
    """
    tools.store.check_space()
    files = [_told(tools.store, options, file) for file in files]
    # One thread more than processes: one always has pictures for the process that has just become free.
    with tools.store.batch() as blobs, ThreadPoolExecutor(tools.decoder.workers + 1) as threads:
        work = partial(_judge, tools.decoder, blobs, options, max_file_bytes)
        groups = (files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE))
        return [judged for group in threads.map(work, groups) for judged in group]


def keep(tools: Tools, import_id: int, judged: Sequence[Judged], *, cursor: int | None = None) -> list[Outcome]:
    """Write verdicts whose pictures are in the store; the second half of ``add_files``."""
    with tools.database.write() as session:
        outcomes = import_records.record(
            session, import_id, judged, request_id=f"import-{uuid.uuid4().hex}", repeats=cursor is None
        )
        if cursor is not None:
            remember(session, import_id, done=cursor)
    return outcomes


def open_batch(session: Session, import_id: int, *, lock: bool = False) -> ImportBatch:
    """The import, which must still be open; with ``lock`` it stays so until the transaction ends.

    Raises:
        Conflict: it has ended.
    """
    batch = session.get_one(ImportBatch, import_id, with_for_update=lock or None)
    if batch.finished:
        raise Conflict("import_finished", number=batch.number)
    return batch


def remember(session: Session, import_id: int, **values: Any) -> None:
    """Keep values in the options of an import; None values are not kept."""
    batch = session.get_one(ImportBatch, import_id)
    batch.options = {**batch.options, **{name: value for name, value in values.items() if value is not None}}


def finish(session: Session, import_id: int) -> ImportBatch:
    """End an import; ending it again changes nothing."""
    batch = session.get_one(ImportBatch, import_id, with_for_update=True)
    if not batch.finished:
        batch.finished, batch.finished_at = True, utc_now()
        batch.total = batch.new_count + batch.duplicate_count + batch.refused_count + batch.skipped_count
        if batch.new_count:
            health_check.request(session, batch.project_id)
            if features.wanted(session, batch.project_id):
                features.request(session, batch.project_id)
    return batch


def discard(session: Session, import_id: int) -> None:
    """Remove an import that has recorded nothing and has no job; any other stays as it is."""
    recorded = sa.select(ImportEntry.id).where(ImportEntry.import_id == import_id).exists()
    batch = session.get(ImportBatch, import_id)
    if batch is not None and not batch.options.get("job") and not session.scalar(sa.select(recorded)):
        session.delete(batch)


def _told(store: Store, options: Options, file: Incoming) -> Incoming:
    """The file with what the list of the import says of it."""
    path = shown_path(file.path)
    if path in options.bad_lists:
        code, params = options.bad_lists[path]
        return replace(file, data=None, code=code, params=params)
    if options.list_file is None and not options.description:
        return file
    if path == options.description or list_files.is_list(options.list_file, path):
        return replace(file, data=None, code="list_itself", skipped=True)
    row = list_files.load(store, options.list_file).find(path) if options.list_file and file.data is not None else None
    if row is None:
        return file
    if isinstance(row.says, Fault):
        return replace(file, data=None, code=row.says.code, params=list_files.refused(row, row.says))
    return replace(file, given=row.says)


def _judge(decoder: Decoder, blobs: Batch, options: Options, limit: int, files: Sequence[Incoming]) -> Sequence[Judged]:
    """Decode some files in one process and put their blobs; every refusal is an outcome and never an error."""
    judged = [_refused(file, options, limit) for file in files]
    readable = [file for file, refusal in zip(files, judged, strict=True) if refusal is None]
    answers = iter(decoder.decode_some([file.data or b"" for file in readable]))
    verdicts = [
        refusal or _accepted(blobs, options, file, next(answers)) for file, refusal in zip(files, judged, strict=True)
    ]
    return [replace(one, sent=file.sent) if file.sent else one for file, one in zip(files, verdicts, strict=True)]


def _refused(file: Incoming, options: Options, limit: int) -> Judged | None:
    """What is skipped or refused without a look at the picture."""
    if file.code == LEAVES:  # its path is no place in a folder
        return Judged(file.path, EntryVerdict.REFUSED, file.code, file.params)
    path = shown_path(file.path)
    if file.skipped or is_junk(path):
        return Judged(path, EntryVerdict.SKIPPED, file.code or "junk", file.params)
    if options.rules.leaves_out(path):
        return Judged(path, EntryVerdict.SKIPPED, "folder_left_out")
    if file.data is None:
        return Judged(path, EntryVerdict.REFUSED, file.code, file.params)
    if len(file.data) > limit:
        params = {"limit_mb": limit // 2**20, "bytes": len(file.data)}
        return Judged(path, EntryVerdict.REFUSED, "file_too_large", params | _mark(file.data))
    return None


def _accepted(blobs: Batch, options: Options, file: Incoming, answer: Decoded | BadImage) -> Judged:
    path, data = shown_path(file.path), file.data or b""
    if isinstance(answer, BadImage):
        return Judged(path, EntryVerdict.REFUSED, answer.code, dict(answer.params) | _mark(data))
    prepared = images.prepare(blobs, data, answer)
    said = options.place(path)
    if file.given is not None:
        said = list_files.told(said, file.given)
    return Judged(path, EntryVerdict.NEW, place=said, prepared=prepared, given=file.given)


def _mark(data: bytes) -> dict[str, Any]:
    """Tells a file that is sent again from another one of the same name."""
    return {"hash": sha256(data)[:16]}
