"""The job behind the health page: measure what is new, in several processes, then check the whole project."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.picture_facts import Facts
from app.services import feature_findings, feature_space, grouping, health_check, health_facts, jobs
from app.services.feature_findings import Odd
from app.services.jobs import Claim
from app.storage.arrays import Arrays
from worker.lease import Lease, Word
from worker.measuring import Measurer
from worker.parts import Parts
from worker.supervisor import End, Outcome

STEP = 200  # pictures whose facts are written together
PROCESSES = 8
AT_ONCE, BYTES = 16, 4 * 2**20  # of pictures that one process is given together: each way costs both sides a wait
PROGRESS_SECONDS = 0.5


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Measure and check. What is measured stays when the job is stopped: the next one goes on from there."""
    project_id = int(claim.spec["project_id"])
    if not _measured(parts, claim, lease, project_id):
        return _stopped(lease)
    with parts.database.read() as session:
        table = health_facts.table(session, project_id)
        unlike = _unlike(parts, session, project_id)
        others = grouping.others(session, project_id)  # takes seconds, so not where labels wait for the end of it
    found, results = health_check.examine(table, turned=bool(claim.spec.get("turned")), unlike=unlike)
    if lease.word is not Word.GO_ON:
        return _stopped(lease)
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        health_check.store(session, project_id, found, results | {"groups": others}, len(table.ids))
    return End(Outcome.DONE)


def _unlike(parts: Parts, session: Session, project_id: int) -> list[Odd] | None:
    """Images unlike their class by features; None without features."""
    arrays = Arrays(parts.store)
    if feature_space.load(session, arrays, project_id) is None:
        return None
    return feature_findings.outliers(session, arrays, project_id)


def _stopped(lease: Lease) -> End:
    if lease.word is Word.LOST:
        return End(Outcome.LOST)
    return End(Outcome.RELEASED if lease.word is Word.GO_ON else Outcome.CANCELLED)


def _measured(parts: Parts, claim: Claim, lease: Lease, project_id: int) -> bool:
    """Measure what has no facts; False when the job was stopped before the end."""
    with parts.database.read() as session:
        done, total = health_facts.progress(session, project_id)
    shown = 0.0
    last = 0
    with _measurers(parts) as measurers, ThreadPoolExecutor(len(measurers)) as threads:
        while True:
            with parts.database.read() as session:
                batch = health_facts.missing(session, project_id, last, STEP)
            if not batch:
                return True
            if lease.word is not Word.GO_ON or parts.stopping.is_set():
                return False
            shares = [batch[start :: len(measurers)] for start in range(len(measurers))]
            facts = dict(
                pair for share in threads.map(_share, [parts] * len(shares), measurers, shares) for pair in share
            )
            last, done = batch[-1][0], done + len(batch)
            with parts.database.write() as session:
                jobs.fence(session, claim.job_id, claim.attempt)
                health_facts.write(session, facts)
                if time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    values = {"phase": "facts", "done": done, "total": total}
                    jobs.set_progress(session, claim.job_id, claim.attempt, values)


def _share(parts: Parts, measurer: Measurer, images: list[tuple[int, str]]) -> list[tuple[int, Facts | None]]:
    found: list[tuple[int, Facts | None]] = []
    waiting: dict[int, bytes] = {}
    for image_id, digest in images:
        try:
            waiting[image_id] = parts.store.get(digest)
        except NotFound:  # the command ``check`` names lost files; here the picture counts as unreadable
            found.append((image_id, None))
        if len(waiting) == AT_ONCE or sum(map(len, waiting.values())) > BYTES:
            found += _facts(measurer, waiting)
            waiting = {}
    return found + _facts(measurer, waiting)


def _facts(measurer: Measurer, images: Mapping[int, bytes]) -> list[tuple[int, Facts | None]]:
    return list(zip(images, measurer.measure(list(images.values())), strict=True)) if images else []


@contextmanager
def _measurers(parts: Parts) -> Iterator[list[Measurer]]:
    made = [Measurer(parts.context) for _ in range(min(os.cpu_count() or 1, PROCESSES))]
    try:
        yield made
    finally:
        for one in made:
            one.close()
