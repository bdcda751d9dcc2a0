"""A large zip in parts: workers decode them at the same time, and their verdicts are recorded in the order of the zip.

A part leaves its verdicts as a file in the store. Whoever has just finished one records all parts whose turn it is, so
images appear while the import goes on, and the report, the labels and what counts as a duplicate are the same as if
one worker had read the zip from beginning to end. The job above the parts records what is left and ends the import.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import ImportBatch
from app.db.run_models import Job
from app.domain.archive import Archive, Entry
from app.domain.enums import EntryVerdict, JobKind, Lane, Split
from app.domain.errors import NotFound
from app.domain.filenames import Place
from app.domain.lists import Given
from app.domain.zipnames import Encoding
from app.services import import_lists, import_records, import_sources, imports, jobs
from app.services.images import Prepared
from app.services.import_records import Judged
from app.services.imports import Tools

PARTS = "parts"  # key of the options of an import: the first entry of each part
PART_FILES = 1000
PART_BYTES = 256 * 2**20  # of the zip
RECORD_FILES = 200


@dataclass(frozen=True)
class Plan:
    """What the directory of a zip says. ``starts``: the first entry of each part."""

    starts: list[int]
    total: int
    encoding: str
    root: str


def plan(archive: Archive) -> Plan:
    """Cut a zip into parts of at most 1000 files and about 256 MiB, unless it is best read in one go."""
    starts = [0] if archive.in_order else cut(archive.entries)
    return Plan(starts, len(archive.entries), str(archive.encoding), archive.root)


def cut(entries: Sequence[Entry]) -> list[int]:
    """The first entry of each part."""
    starts, size = [0], 0
    for number, entry in enumerate(entries):
        size += entry.info.compress_size
        if number - starts[-1] >= PART_FILES or (size > PART_BYTES and number > starts[-1]):
            starts.append(number)
            size = entry.info.compress_size
    return starts


def create(session: Session, batch: ImportBatch, parent: Job, upload: str, planned: Plan) -> None:
    """Add the jobs of the parts below ``parent``, which waits for them."""
    imports.remember(session, batch.id, encoding=planned.encoding, root=planned.root, parts=planned.starts)
    batch.total = planned.total
    for number, (start, stop) in enumerate(pairwise([*planned.starts, planned.total])):
        spec = {"import_id": batch.id, "upload": upload, "part": number, "start": start, "stop": stop}
        jobs.create(
            session,
            project_id=batch.project_id,
            kind=JobKind.IMPORT_PART,
            lane=Lane.CPU,
            spec=spec,
            parent_id=parent.id,
        )


def run(tools: Tools, spec: dict[str, Any], *, max_file_bytes: int, watch: import_sources.Watch) -> bool:
    """Decode one part, leave its verdicts, and record all parts whose turn it is; False when it was stopped.

    Doing it again, or twice at the same time, changes nothing.

    Raises:
        NotFound: the zip is gone.
        BadArchive: the zip was changed since it was checked.
    """
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, spec["import_id"])
    if batch.finished:
        return False
    if spec["start"] >= batch.options.get("done", 0):
        judged = _judge(tools, batch, spec, max_file_bytes, watch)
        if judged is None:
            return False
        tools.store.put_upload(_name(spec["upload"], spec["part"]), pack(judged))
    record(tools, spec["import_id"], spec["upload"])
    return True


def _judge(
    tools: Tools, batch: ImportBatch, spec: dict[str, Any], limit: int, watch: import_sources.Watch
) -> list[Judged] | None:
    total = spec["stop"] - spec["start"]
    judged: list[Judged] = []
    watch.progress(0, total)
    with (
        tools.store.open_upload(spec["upload"]) as file,
        Archive(file, limit, Encoding(batch.options["encoding"])) as archive,
    ):
        entries = archive.entries[spec["start"] : spec["stop"]]
        for files in import_sources.batches(import_sources.from_zip(archive, entry) for entry in entries):
            if watch.stop():
                return None
            judged += imports.judge(tools, imports.options_of(batch), files, max_file_bytes=limit)
            watch.progress(len(judged), total)
    return judged


def record(tools: Tools, import_id: int, upload: str) -> bool:
    """Record the parts whose turn it is, in order; True when none is left.

    Any number of workers may try at the same time: each transaction begins where the one before it has ended, and who
    comes too late leaves the rest to the other.
    """
    while True:
        with tools.database.read() as session:
            batch = session.get_one(ImportBatch, import_id)
        done, starts = int(batch.options.get("done", 0)), batch.options[PARTS]
        if batch.finished or done == batch.total:
            return True
        number = bisect_right(starts, done) - 1
        try:
            with tools.store.open_upload(_name(upload, number)) as file:
                judged = unpack(file.read())
        except NotFound:
            return False
        if not _record(tools, import_id, judged[done - starts[number] :], done):
            return False
        tools.store.drop_upload(_name(upload, number))


def _record(tools: Tools, import_id: int, judged: Sequence[Judged], done: int) -> bool:
    for start in range(0, len(judged), RECORD_FILES):
        chunk = judged[start : start + RECORD_FILES]
        with tools.database.write() as session:
            batch = session.get_one(ImportBatch, import_id, with_for_update=True)
            if batch.finished or int(batch.options.get("done", 0)) != done:
                return False
            request = f"import-{import_id}-{done}"
            import_records.record(session, import_id, chunk, request_id=request, repeats=False)
            done += len(chunk)
            imports.remember(session, import_id, done=done)
    return True


def join(tools: Tools, import_id: int, upload: str) -> bool:
    """Record what is left of an import whose parts are all done, and end it.

    Raises:
        NotFound: the verdicts of a part are gone.
    """
    if not record(tools, import_id, upload):
        with tools.database.read() as session:
            options = session.get_one(ImportBatch, import_id).options
        number = bisect_right(options[PARTS], int(options.get("done", 0))) - 1
        raise NotFound("upload_missing", name=_name(upload, number))
    import_lists.close(tools.database, tools.store, import_id)
    with tools.database.write() as session:
        imports.finish(session, import_id)
    return True


def _name(upload: str, number: int) -> str:
    return f"{upload.removesuffix('.zip')}.{number}.json"


def pack(judged: Sequence[Judged]) -> bytes:
    """Verdicts as JSON."""
    return json.dumps([asdict(one) for one in judged], ensure_ascii=False, default=sorted).encode()


def unpack(data: bytes) -> list[Judged]:
    """The verdicts that ``pack`` wrote."""
    return [_unpacked(values) for values in json.loads(data)]


def _unpacked(values: dict[str, Any]) -> Judged:
    place, prepared = values["place"], values["prepared"]
    if place is not None:
        place = Place(**place | {"split": Split(place["split"]) if place["split"] else None})
    if prepared is not None:
        prepared = Prepared(**prepared)
    said = values["given"]
    if said is not None:
        split = Split(said["split"]) if said["split"] else None
        said = Given(**said | {"columns": frozenset(said["columns"]), "split": split})
    read = {"verdict": EntryVerdict(values["verdict"]), "place": place, "prepared": prepared, "given": said}
    return Judged(**values | read)
