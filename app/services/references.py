"""Which blobs the rows of the database need."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.base import utc_now
from app.db.feature_models import FeatureBlock, ProjectArray
from app.db.models import Image, ImportBatch
from app.db.run_models import AnswerPack, Checkpoint, Explanation, Job, Judgement, Run, RunFold, RunItem
from app.domain.enums import JobState

HASH = re.compile(r"\b[0-9a-f]{64}\b")
ENDED_KEEP = timedelta(days=2)  # what a job that is done names stays for so long
_CHUNK = 500
_ROWS = 5000

COLUMNS: dict[str, tuple[InstrumentedAttribute[int], InstrumentedAttribute[Any]]] = {  # role -> (id of the row, hash)
    "original": (Image.id, Image.sha256),
    "copy": (Image.id, Image.canonical_sha256),
    "thumbnail": (Image.id, Image.thumbnail_sha256),
    "run_item": (RunItem.id, RunItem.canonical_sha256),
    "weights": (RunFold.run_id, RunFold.weights_sha256),
    "heat_map": (Explanation.id, Explanation.sha256),
    "features": (FeatureBlock.id, FeatureBlock.sha256),
    "array": (ProjectArray.project_id, ProjectArray.sha256),
    "answers": (AnswerPack.run_id, AnswerPack.sha256),
    "views": (Judgement.run_id, Judgement.sha256),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A row that needs a blob. ``role`` says what for; ``row_id`` is the id of the image, run or job."""

    digest: str
    role: str
    row_id: int


def everything(session: Session) -> Iterator[Reference]:
    """All references; a blob that many rows need comes many times."""
    for role, (row_id, digest) in COLUMNS.items():
        query = sa.select(digest, row_id).where(digest.is_not(None))
        for found, number in session.execute(query.execution_options(yield_per=_ROWS)):
            yield Reference(found, role, number)
    yield from _in_values(session)


def _in_values(session: Session) -> Iterator[Reference]:
    """Hashes inside JSON values: states of trainings, weights of best epochs, pictures that somebody tries, zips."""
    for run_id, blobs in session.execute(sa.select(Checkpoint.run_id, Checkpoint.blobs)):
        yield from (Reference(digest, "checkpoint", run_id) for digest in HASH.findall(str(blobs)))
    for run_id, values in session.execute(sa.select(RunFold.run_id, RunFold.metrics)):
        yield from (Reference(digest, "weights", run_id) for digest in HASH.findall(str(values.get("kept", ""))))
    for run_id, origin in session.execute(sa.select(Run.id, Run.origin).where(Run.origin.is_not(None))):
        yield from (Reference(digest, "weights", run_id) for digest in HASH.findall(str(origin)))
    over = sa.and_(Job.state == JobState.DONE, Job.finished_at < utc_now() - ENDED_KEEP)
    jobs = sa.select(Job.id, Job.spec, Job.result).where(sa.not_(sa.func.coalesce(over, sa.false())))
    for job_id, spec, result in session.execute(jobs.execution_options(yield_per=_ROWS)):
        yield from (Reference(digest, "job", job_id) for digest in HASH.findall(f"{spec} {result}"))
    imports = sa.select(ImportBatch.id, ImportBatch.options).where(ImportBatch.finished.is_(False))
    for import_id, options in session.execute(imports):
        yield from (Reference(digest, "import", import_id) for digest in HASH.findall(str(options)))


def kept(session: Session) -> set[bytes]:
    """The hashes of all blobs that are needed, 32 bytes each: a million of them fit into 100 MB."""
    return {bytes.fromhex(reference.digest) for reference in everything(session) if HASH.fullmatch(reference.digest)}


def still_needed(session: Session, digests: Sequence[str]) -> set[str]:
    """Which of ``digests`` a row needs at this moment."""
    found: set[str] = {reference.digest for reference in _in_values(session)} & set(digests)
    for start in range(0, len(digests), _CHUNK):
        part = digests[start : start + _CHUNK]
        for _row_id, digest in COLUMNS.values():
            found |= set(session.scalars(sa.select(digest).where(digest.in_(part))))
    return found
