"""Features of pictures: which have none yet, where those of the others are, and the job that computes them.

Features belong to the picture, not to the project: two projects with the same picture share one row. They lie in
blocks of some hundred pictures, so that there is never one file for each picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.feature_models import FeatureBlock, FeaturePlace, ProjectArray
from app.db.models import Image, ImageCount
from app.db.run_models import Job, RunItem
from app.db.session import Database
from app.domain.enums import FINAL_STATES, ImageState, JobKind, JobState, Lane
from app.services import jobs, projects

METHOD = "efficientnet-lite0-160-float16"  # network, side in pixels, precision: what decides the numbers
SPACE, MAP, HEAD, RUN = "space", "map", "head", "run"  # kinds of ``ProjectArray``
PRIORITY = -5  # whatever a person waits for goes first
_CHUNK = 10_000
_DROPPED = 500


@dataclass(frozen=True, slots=True)
class State:
    """How far the features of a project are. ``job_id`` is that of a job that still waits or runs."""

    done: int
    total: int
    job_id: int | None = None
    progress: dict[str, Any] | None = None
    failed: str = ""  # code of the last job's error
    params: dict[str, Any] | None = None

    @property
    def missing(self) -> int:
        """Images without features."""
        return self.total - self.done


def state(session: Session, project_id: int) -> State:
    """For the pages: counts as of the newest job, and the job if one waits or runs."""
    row = session.get(ProjectArray, (project_id, SPACE))
    job = job_of(session, project_id, SPACE)
    total = _used(session, project_id)
    done = min(row.count, total) if row is not None else 0
    if job is None:
        return State(done, total)
    if job.state in FINAL_STATES:
        failed = job.state == JobState.FAILED
        return State(done, total, failed=job.error_code or "" if failed else "", params=dict(job.error_params))
    return State(done, total, job.id, dict(job.progress))


def counts(session: Session, project_id: int) -> tuple[int, int]:
    """(images with features, all) of the images of a project that are in use."""
    mine = (Image.project_id == project_id, Image.state == ImageState.ACTIVE)
    done = sa.select(sa.func.count()).select_from(Image).join(FeaturePlace, _ours()).where(*mine)
    return session.scalar(done) or 0, _used(session, project_id)


def _used(session: Session, project_id: int) -> int:
    mine = (ImageCount.project_id == project_id, ImageCount.state == ImageState.ACTIVE)
    return int(session.scalar(sa.select(sa.func.sum(ImageCount.count)).where(*mine)) or 0)


def missing(session: Session, project_id: int) -> list[str]:
    """The hashes of the pictures of a project that have no features, each once, in the order of import."""
    query = (
        sa.select(Image.canonical_sha256)
        .outerjoin(FeaturePlace, _ours())
        .where(Image.project_id == project_id, Image.state == ImageState.ACTIVE, FeaturePlace.row.is_(None))
        .order_by(Image.id)
    )
    return list(dict.fromkeys(session.scalars(query)))


def _ours() -> sa.ColumnElement[bool]:
    return sa.and_(FeaturePlace.canonical_sha256 == Image.canonical_sha256, FeaturePlace.method == METHOD)


def wanted(session: Session, project_id: int) -> bool:
    """True when somebody has asked for the features of this project before: new pictures get theirs by themselves."""
    return session.get(ProjectArray, (project_id, SPACE)) is not None


def request(session: Session, project_id: int) -> Job:
    """Have a worker compute what is missing; a job that has not begun yet is enough."""
    row = row_of(session, project_id, SPACE)
    job = session.get(Job, row.job_id) if row.job_id is not None else None
    if job is not None and job.state not in FINAL_STATES and job.started_at is None:
        return job
    made = jobs.create(
        session,
        project_id=project_id,
        kind=JobKind.FEATURES,
        lane=Lane.CPU,
        spec={"project_id": project_id},
        priority=PRIORITY,
    )
    row.job_id = made.id
    return made


def row_of(session: Session, project_id: int, kind: str) -> ProjectArray:
    """The row of one kind, made when missing; other transactions on the project wait."""
    projects.lock(session, project_id)
    found = session.get(ProjectArray, (project_id, kind))
    if found is None:
        found = ProjectArray(project_id=project_id, kind=kind, count=0, info={})
        session.add(found)
        session.flush()
    return found


def job_of(session: Session, project_id: int, kind: str) -> Job | None:
    """The job that makes the array of this kind, or made it last."""
    row = session.get(ProjectArray, (project_id, kind))
    return session.get(Job, row.job_id) if row is not None and row.job_id is not None else None


def add_block(session: Session, digests: Sequence[str], sha256: str, method: str = METHOD) -> int:
    """Write where the features of some pictures are; those that another job has done meanwhile are left as they are.

    Args:
        session: of a transaction that writes.
        digests: of the pictures, in the order of the rows of the array.
        sha256: of the array in the store.
        method: what decides the numbers.

    Returns:
        How many pictures were new.
    """
    known = set(
        session.scalars(
            sa.select(FeaturePlace.canonical_sha256).where(
                FeaturePlace.method == method, FeaturePlace.canonical_sha256.in_(digests)
            )
        )
    )
    if known >= set(digests):
        return 0
    block = FeatureBlock(method=method, count=len(digests), sha256=sha256)
    session.add(block)
    session.flush()
    rows = [
        {"canonical_sha256": digest, "method": method, "block_id": block.id, "row": row}
        for row, digest in enumerate(digests)
        if digest not in known
    ]
    session.execute(sa.insert(FeaturePlace), rows)
    return len(rows)


def places(session: Session, project_id: int) -> list[tuple[int, str, int]]:
    """(image id, hash of the block, row) of every image in use with features, in the order of the ids."""
    query = (
        sa.select(Image.id, FeatureBlock.sha256, FeaturePlace.row)
        .join(FeaturePlace, _ours())
        .join(FeatureBlock, FeatureBlock.id == FeaturePlace.block_id)
        .where(Image.project_id == project_id, Image.state == ImageState.ACTIVE)
        .order_by(Image.id)
    )
    return [(image_id, digest, row) for image_id, digest, row in session.execute(query)]


def of_run(session: Session, run_id: int, method: str) -> dict[str, tuple[str, int]]:
    """Hash of the block, and row in it, for the hash of each picture of a run that has features by ``method``."""
    query = (
        sa.select(FeaturePlace.canonical_sha256, FeatureBlock.sha256, FeaturePlace.row)
        .join(RunItem, RunItem.canonical_sha256 == FeaturePlace.canonical_sha256)
        .join(FeatureBlock, FeatureBlock.id == FeaturePlace.block_id)
        .where(RunItem.run_id == run_id, FeaturePlace.method == method)
    )
    return {digest: (block, row) for digest, block, row in session.execute(query)}


def of_project(session: Session, project_id: int, method: str) -> dict[str, tuple[str, int]]:
    """As ``of_run`` for all images of a project."""
    query = (
        sa.select(FeaturePlace.canonical_sha256, FeatureBlock.sha256, FeaturePlace.row)
        .join(Image, Image.canonical_sha256 == FeaturePlace.canonical_sha256)
        .join(FeatureBlock, FeatureBlock.id == FeaturePlace.block_id)
        .where(Image.project_id == project_id, FeaturePlace.method == method)
    )
    return {digest: (block, row) for digest, block, row in session.execute(query)}


def drop_unused(database: Database) -> None:
    """Forget features that no image needs any more; the arrays go with the next cleaning of the store.

    In small transactions: each looks only at the images that are newer than the list of what is not needed.
    """
    place, digest = FeaturePlace.canonical_sha256, Image.canonical_sha256
    with database.read() as session:
        newest = session.scalar(sa.select(sa.func.max(Image.id))) or 0
        unused = session.scalars(sa.select(place).where(place.not_in(sa.select(digest))).distinct()).all()
    for start in range(0, len(unused), _DROPPED):
        some = unused[start : start + _DROPPED]
        new = sa.select(digest).where(Image.id > newest, digest.in_(some))
        with database.write() as session:
            session.execute(sa.delete(FeaturePlace).where(place.in_(some), place.not_in(new)))
    with database.write() as session:
        session.execute(sa.delete(FeatureBlock).where(FeatureBlock.id.not_in(sa.select(FeaturePlace.block_id))))
