"""How busy everything is, in numbers: a few queries, the same on SQLite and PostgreSQL."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import Image
from app.db.run_models import Checkpoint, Job, Run
from app.domain.enums import JobState, Lane
from app.services import jobs

RUN_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)  # seconds


@dataclass(frozen=True)
class Figures:
    """One moment. ``run_counts`` has for each bound of ``RUN_BUCKETS`` the trainings that were not slower."""

    jobs: Mapping[tuple[str, str], int]  # (lane, state) -> number
    oldest: Mapping[str, float]  # lane -> seconds
    places: Mapping[str, int]  # lane -> places of all workers
    workers: int
    images: int
    runs: int
    run_seconds: float
    run_counts: Sequence[int]
    checkpoint_bytes: int
    database_bytes: int
    free_bytes: int


def now(session: Session, data_dir: Path) -> Figures:
    """The figures of this moment."""
    alive = jobs.workers_alive(session)
    slots = [worker.info.get("slots", {}) for worker in alive]
    runs = session.execute(sa.select(sa.func.count(Run.seconds), sa.func.sum(Run.seconds), *_bounds())).one()
    return Figures(
        jobs=_jobs(session),
        oldest=_oldest(session),
        places={lane: sum(int(places.get(lane, 0)) for places in slots) for lane in Lane},
        workers=len(alive),
        images=session.scalar(sa.select(sa.func.count()).select_from(Image)) or 0,
        runs=runs[0],
        run_seconds=float(runs[1] or 0),
        run_counts=[int(number or 0) for number in runs[2:]],
        checkpoint_bytes=int(session.scalar(sa.select(sa.func.sum(Checkpoint.size))) or 0),
        database_bytes=database_bytes(session),
        free_bytes=shutil.disk_usage(data_dir).free,
    )


def _bounds() -> list[sa.ColumnElement[int]]:
    return [sa.func.sum(sa.case((Run.seconds <= bound, 1), else_=0)) for bound in RUN_BUCKETS]


def _jobs(session: Session) -> dict[tuple[str, str], int]:
    """Every lane and state has a number, also 0: a series that comes and goes cannot be watched."""
    found = {(str(lane), str(state)): 0 for lane in Lane for state in JobState}
    query = sa.select(Job.lane, Job.state, sa.func.count()).group_by(Job.lane, Job.state)
    return found | {(lane, state): number for lane, state, number in session.execute(query)}


def _oldest(session: Session) -> dict[str, float]:
    """Times of rows come from the clocks of many hosts, so no age is below zero."""
    query = sa.select(Job.lane, sa.func.min(Job.created_at)).where(Job.state == JobState.QUEUED).group_by(Job.lane)
    ages = {lane: (utc_now() - since) / timedelta(seconds=1) for lane, since in session.execute(query)}
    return {str(lane): max(ages.get(lane, 0.0), 0.0) for lane in Lane}


def database_bytes(session: Session) -> int:
    """The size of the database; of SQLite with the part that is not yet moved out of its log."""
    bind = session.get_bind()
    if bind.dialect.name == "postgresql":
        return int(session.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
    name = bind.engine.url.database or ""
    files = [Path(name + ending) for ending in ("", "-wal", "-shm")]
    return sum(file.stat().st_size for file in files if name and file.exists())
