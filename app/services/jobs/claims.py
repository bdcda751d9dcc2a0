"""One attempt at a job: claimed, held, written for, ended. Every step is one conditional UPDATE.

``attempt`` is the fencing number: it grows with each claim, and a worker whose attempt is no longer the newest, or
whose job has ended, changes nothing any more.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.run_models import Job
from app.db.session import db_now
from app.domain.enums import JobKind, JobState, Lane
from app.services.jobs import family
from app.services.jobs.rows import FREE, TRAINED, LeaseLost, change, mine
from app.services.jobs.workers import Able


@dataclass(frozen=True)
class Claim:
    """A job that this process now runs."""

    job_id: int
    attempt: int
    kind: JobKind
    lane: Lane
    project_id: int
    spec: dict[str, Any]
    keep_best: bool = False


@dataclass(frozen=True)
class Peek:
    """What a runner must know from time to time about its job."""

    state: JobState
    attempt: int
    keep_best: bool


def claim(session: Session, job_id: int, owner: str, lease_seconds: float, able: Able | None = None) -> Claim | None:
    """Take a queued job; None when somebody else has it, it no longer waits, or ``able`` is not what it needs."""
    meets = [Job.needs.in_(able.needs)] if able else []
    row = session.execute(
        sa.update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED, *meets)
        .values(
            state=JobState.RUNNING,
            attempt=Job.attempt + 1,
            owner=owner,
            lease_until=db_now() + lease_seconds,
            started_at=sa.func.coalesce(Job.started_at, sa.literal(utc_now(), Job.started_at.type)),
            progress={},
            error_code=None,
            error_params={},
            error_trace=None,
        )
        .returning(Job.attempt, Job.kind, Job.lane, Job.project_id, Job.spec, Job.keep_best)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        return None
    return Claim(job_id, row.attempt, JobKind(row.kind), Lane(row.lane), row.project_id, row.spec, row.keep_best)


def renew(session: Session, job_id: int, attempt: int, lease_seconds: float) -> bool:
    """Hold the job for another ``lease_seconds``; False when it is no longer this attempt's."""
    return change(session, mine(job_id, attempt), lease_until=db_now() + lease_seconds)


def peek(session: Session, job_id: int) -> Peek | None:
    """The present state; None when the job is gone."""
    row = session.execute(sa.select(Job.state, Job.attempt, Job.keep_best).where(Job.id == job_id)).first()
    return Peek(JobState(row.state), row.attempt, row.keep_best) if row else None


def fence(session: Session, job_id: int, attempt: int) -> None:
    """Let only the present attempt write; the row stays locked until the commit.

    Raises:
        LeaseLost: the job is no longer this attempt's.
    """
    row = session.execute(sa.select(Job.id).where(*mine(job_id, attempt)).with_for_update()).first()
    if row is None:
        raise LeaseLost("lease_lost", job=job_id, attempt=attempt)


def set_progress(session: Session, job_id: int, attempt: int, values: dict[str, Any]) -> bool:
    """Write how far the job is. Callers write at most twice a second."""
    return change(session, mine(job_id, attempt), progress=values)


def set_result(session: Session, job_id: int, attempt: int, values: dict[str, Any]) -> bool:
    """Write the small answer of a job."""
    return change(session, mine(job_id, attempt), result=values)


def finish(session: Session, job_id: int, attempt: int) -> bool:
    """The work is done. A job that was told to stop without keeping anything becomes cancelled instead.

    Returns False when the job is no longer this attempt's.
    """
    dropped = sa.and_(Job.state == JobState.CANCELLING, Job.keep_best.is_(False))
    state = sa.case((dropped, JobState.CANCELLED), else_=JobState.DONE)
    return _end(session, job_id, attempt, state=state)


def fail(
    session: Session,
    job_id: int,
    attempt: int,
    code: str,
    params: dict[str, Any] | None = None,
    trace: str | None = None,
) -> bool:
    """The work went wrong: code and parameters say why. A job that was told to stop becomes cancelled instead."""
    state = sa.case((Job.state == JobState.CANCELLING, JobState.CANCELLED), else_=JobState.FAILED)
    ended = _end(
        session,
        job_id,
        attempt,
        state=state,
        error_code=code,
        error_params=params or {},
        error_trace=trace and plain(trace),
    )
    if ended:
        family.stop_below(session, job_id)
    return ended


def plain(text: str) -> str:
    """``text`` without characters that a database cannot hold or a terminal would obey; lines and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)


def end_cancelled(session: Session, job_id: int, attempt: int) -> bool:
    """The work was ended because somebody asked for it."""
    return _end(session, job_id, attempt, state=JobState.CANCELLED)


def release(session: Session, job_id: int, attempt: int) -> bool:
    """Give the job back because the worker shuts down; that does not count against ``max_attempts``.

    A training that was to keep its best is given back too: another worker does that.
    """
    keeps = sa.and_(Job.keep_best.is_(True), Job.kind.in_(TRAINED))
    given_back = change(
        session,
        [*mine(job_id, attempt), sa.or_(Job.state == JobState.RUNNING, keeps)],
        state=JobState.QUEUED,
        max_attempts=Job.max_attempts + 1,
        progress={},
        **FREE,
    )
    return given_back or end_cancelled(session, job_id, attempt)


def _end(session: Session, job_id: int, attempt: int, **values: Any) -> bool:
    above = family.ancestors(session, job_id)
    family.lock(session, above)
    ended = change(session, mine(job_id, attempt), finished_at=utc_now(), **FREE, **values)
    if ended and above:
        family.settle(session, above[-1])
    return ended
