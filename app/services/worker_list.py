"""The workers as the jobs page shows them, and why a job that waits has not begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job, Worker
from app.db.session import db_now
from app.domain.backbones import KNOWN
from app.domain.enums import Lane
from app.services import jobs
from app.services.jobs.workers import GPU
from app.services.weight_places import TOLD

QUIET_SECONDS = 6.0  # two signs of life are missing
LOST_SECONDS = 3600.0  # a worker that vanished is shown for so long


@dataclass(frozen=True)
class Places:
    """The places of one lane in one worker."""

    lane: Lane
    used: int
    total: int


@dataclass(frozen=True)
class Device:
    """A graphics card; ``memory`` in bytes, 0 when it is not known."""

    name: str
    memory: int


@dataclass(frozen=True)
class WorkerLine:
    """One worker. ``silent`` is 0 while it answers, else the seconds since it did; ``alive`` until it is lost."""

    name: str
    host: str
    alive: bool
    silent: int
    cpus: int
    memory: int
    load: float | None
    devices: Sequence[Device]
    versions: Mapping[str, str]
    weights: Sequence[str]  # networks whose files of weights it has
    lanes: Sequence[Places]
    wishes: Sequence[str]  # values of ``Job.needs`` that it can meet
    started_at: datetime


def lines(session: Session) -> list[WorkerLine]:
    """The workers that are alive by name, then those that vanished lately."""
    age = (db_now() - Worker.heartbeat).label("age")
    rows = session.execute(sa.select(Worker, age).order_by(Worker.name)).all()
    used = _used(session)
    alive = {worker.name for worker in jobs.workers_alive(session)}
    made = [_line(worker, float(seconds), worker.name in alive, used) for worker, seconds in rows]
    return [line for line in made if line.alive] + [line for line in made if not line.alive and _lately(line)]


def _lately(line: WorkerLine) -> bool:
    return 0 < line.silent < LOST_SECONDS


def _used(session: Session) -> dict[tuple[str | None, str], int]:
    query = sa.select(Job.owner, Job.lane, sa.func.count()).where(Job.state.in_(jobs.ACTIVE))
    return {(owner, lane): count for owner, lane, count in session.execute(query.group_by(Job.owner, Job.lane))}


def _line(worker: Worker, age: float, alive: bool, used: Mapping[tuple[str | None, str], int]) -> WorkerLine:
    info = worker.info
    slots = info.get("slots", {})
    load = info.get("load")
    return WorkerLine(
        name=worker.name,
        host=str(info.get("host") or worker.name.rpartition(":")[0]),
        alive=alive,
        silent=int(age) if age > QUIET_SECONDS else 0,
        cpus=int(info.get("cpus") or 0),
        memory=int(info.get("memory") or 0),
        load=float(load) if isinstance(load, int | float) else None,
        devices=[Device(str(one.get("name", "")), int(one.get("memory") or 0)) for one in info.get("gpus", [])],
        versions={key: str(value) for key, value in _versions(info).items() if value},
        weights=[KNOWN[name].title for name in info.get(TOLD, {}).get("names", []) if name in KNOWN],
        lanes=[Places(lane, used.get((worker.name, lane), 0), int(slots.get(lane, 0))) for lane in Lane],
        wishes=jobs.able(worker).needs,
        started_at=worker.started_at,
    )


def _versions(info: Mapping[str, Any]) -> dict[str, Any]:
    return {"Python": info.get("python"), **dict(info.get("versions", {}))}


def why(workers: Sequence[WorkerLine], lane: Lane, needs: str) -> str:
    """A code for why a queued job does not run: "nobody", "no_gpu", "no_host", "no_lane", "busy" or "" (at once)."""
    alive = [worker for worker in workers if worker.alive]
    able = [worker for worker in alive if needs in worker.wishes]
    if not alive:
        return "nobody"
    if not able:
        return "no_gpu" if needs == GPU else "no_host"
    places = [place for worker in able for place in worker.lanes if place.lane is lane and place.total]
    if not places:
        return "no_lane"
    return "busy" if all(place.used >= place.total for place in places) else ""


def silent(session: Session, job_id: int) -> bool:
    """Whether a worker that runs the job, or one of its children, has missed two signs of life."""
    here = sa.or_(Job.id == job_id, Job.parent_id == job_id)
    query = sa.select(Job.id).join(Worker, Worker.name == Job.owner).where(here, Job.state.in_(jobs.ACTIVE))
    return session.scalar(query.where(Worker.heartbeat < db_now() - QUIET_SECONDS).limit(1)) is not None


def marks(session: Session) -> list[Any]:
    """What changes when a worker comes, goes, falls silent or says something new."""
    quiet = sa.case((Worker.heartbeat < db_now() - QUIET_SECONDS, 1), else_=0)
    lost = sa.case((Worker.heartbeat < db_now() - jobs.SILENT_SECONDS, 1), else_=0)
    query = sa.select(Worker.name, Worker.info, quiet, lost).order_by(Worker.name)
    return [str(tuple(row)) for row in session.execute(query)]
