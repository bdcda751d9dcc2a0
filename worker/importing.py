"""Imports of uploaded zips, whole or in parts. Decoding has its own limited processes, so this needs no child."""

import time
from collections.abc import Callable
from functools import partial

from app.db.run_models import Job
from app.decoder import Decoder
from app.domain.enums import JobState
from app.services import import_parts, imports, jobs, server_folders, uploads
from app.services.import_sources import Watch
from app.services.imports import Tools
from app.services.jobs import Claim
from worker.lease import Lease, Word
from worker.parts import Parts
from worker.supervisor import End, Outcome

PROGRESS_SECONDS = 0.5
MEGABYTE = 2**20
Work = Callable[[Tools, Watch, int], bool]  # tools, watch, bytes of the largest file -> came to the end


def whole(parts: Parts, claim: Claim, lease: Lease) -> End:
    """A zip that is imported by one job, or the end of one whose parts are done; or a folder of the server."""
    if "folder" in claim.spec:
        return folder(parts, claim, lease)
    import_id, name = claim.spec["import_id"], claim.spec["upload"]

    def work(tools: Tools, watch: Watch, limit: int) -> bool:
        return uploads.run_job(tools, import_id, name, max_file_bytes=limit, watch=watch)

    end = _run(parts, claim, lease, work)
    if end.outcome is Outcome.CANCELLED:
        uploads.give_up(parts.database, parts.store, import_id, name)
    return end


def folder(parts: Parts, claim: Claim, lease: Lease) -> End:
    """A folder of the server."""
    root = parts.settings.import_dir

    def work(tools: Tools, watch: Watch, limit: int) -> bool:
        return server_folders.run_job(tools, root, claim.spec, max_file_bytes=limit, watch=watch)

    end = _run(parts, claim, lease, work)
    if end.outcome is Outcome.CANCELLED:
        server_folders.give_up(parts.database, claim.spec["import_id"])
    return end


def part(parts: Parts, claim: Claim, lease: Lease) -> End:
    """One part of a zip."""

    def work(tools: Tools, watch: Watch, limit: int) -> bool:
        return import_parts.run(tools, claim.spec, max_file_bytes=limit, watch=watch)

    end = _run(parts, claim, lease, work)
    if end.outcome is Outcome.CANCELLED and _whole_is_cancelled(parts, claim):
        uploads.give_up(parts.database, parts.store, claim.spec["import_id"], claim.spec["upload"])
    return end


def _run(parts: Parts, claim: Claim, lease: Lease, work: Work) -> End:
    decoder = Decoder(parts.settings.decode_workers)
    # An import writes in many places: each of its transactions asks whether this attempt is still the one that may.
    database = parts.database.guarded(partial(jobs.fence, job_id=claim.job_id, attempt=claim.attempt))
    tools = imports.Tools(database, parts.store, decoder)
    watch = Watch(_progress(parts, claim), lambda: lease.word is not Word.GO_ON or parts.stopping.is_set())
    try:
        if work(tools, watch, parts.settings.max_file_mb * MEGABYTE):
            return End(Outcome.DONE)
    finally:
        decoder.close()
    if lease.word is Word.LOST:
        return End(Outcome.LOST)
    return End(Outcome.RELEASED if lease.word is Word.GO_ON else Outcome.CANCELLED)


def _whole_is_cancelled(parts: Parts, claim: Claim) -> bool:
    with parts.database.read() as session:
        job = session.get_one(Job, claim.job_id)
        return job.parent_id is not None and session.get_one(Job, job.parent_id).state == JobState.CANCELLED


def _progress(parts: Parts, claim: Claim) -> Callable[[int, int], None]:
    written = 0.0

    def report(done: int, total: int) -> None:
        nonlocal written
        if time.monotonic() - written < PROGRESS_SECONDS and done < total:
            return
        written = time.monotonic()
        with parts.database.write() as session:
            values = {"phase": "import", "done": done, "total": total}
            jobs.set_progress(session, claim.job_id, claim.attempt, values)

    return report
