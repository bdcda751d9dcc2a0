"""All jobs of all projects for the jobs page: what runs, what waits, what ended lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run, Worker
from app.domain.enums import FINAL_STATES, JobKind, JobState
from app.domain.errors import NotFound
from app.services import jobs

ENDED_SHOWN = 30


@dataclass(frozen=True)
class JobLine:
    """One job. ``place`` is 0 unless it waits; ``run_number`` is None for a job that is no training."""

    job_id: int
    kind: JobKind
    state: JobState
    attempt: int
    place: int
    progress: dict[str, Any]
    error_code: str | None
    error_params: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    project_slug: str
    project_name: str
    run_number: int | None
    run_name: str

    @property
    def ended(self) -> bool:
        """True when nothing can be stopped any more."""
        return self.state in FINAL_STATES

    @property
    def share(self) -> float | None:
        """Part of the present step that is done, 0 to 1."""
        total = self.progress.get("total")
        return self.progress.get("done", 0) / total if total else None


@dataclass(frozen=True)
class Overview:
    """Everything the jobs page shows."""

    running: Sequence[JobLine]
    waiting: Sequence[JobLine]
    ended: Sequence[JobLine]
    workers: Sequence[Worker]


def overview(session: Session) -> Overview:
    """Running and waiting jobs in their order, the newest ended ones first; four queries."""
    return Overview(
        running=_lines(session, Job.state.in_(jobs.ACTIVE), Job.id.asc()),
        waiting=_lines(session, Job.state.in_((JobState.QUEUED, JobState.WAITING)), Job.id.asc()),
        ended=_lines(session, Job.state.in_(sorted(FINAL_STATES)), Job.finished_at.desc(), ENDED_SHOWN),
        workers=jobs.workers_alive(session),
    )


def _lines(
    session: Session, condition: sa.ColumnElement[bool], order: sa.UnaryExpression[Any], limit: int = 500
) -> list[JobLine]:
    query = (
        sa.select(Job, Project.slug, Project.name, Run.number, Run.name)
        .join(Project, Project.id == Job.project_id)
        .outerjoin(Run, Run.job_id == Job.id)
        .where(condition)
        .order_by(order)
        .limit(limit)
    )
    places: dict[str, int] = {}
    lines = []
    for job, slug, name, number, run_name in session.execute(query):
        queued = job.state == JobState.QUEUED
        if queued:
            places[job.lane] = places.get(job.lane, 0) + 1
        lines.append(_line(job, places[job.lane] if queued else 0, (slug, name, number, run_name or "")))
    return lines


def _line(job: Job, place: int, about: tuple[str, str, int | None, str]) -> JobLine:
    slug, name, number, run_name = about
    return JobLine(
        job_id=job.id,
        kind=JobKind(job.kind),
        state=JobState(job.state),
        attempt=job.attempt,
        place=place,
        progress=job.progress,
        error_code=job.error_code,
        error_params=job.error_params,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        project_slug=slug,
        project_name=name,
        run_number=number,
        run_name=run_name,
    )


def exists(session: Session, job_id: int) -> None:
    """Raises NotFound when there is no such job."""
    if session.scalar(sa.select(Job.id).where(Job.id == job_id)) is None:
        raise NotFound("job_missing", job=job_id)
