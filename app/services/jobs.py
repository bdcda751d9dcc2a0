"""The job table: every step of a job is one conditional UPDATE, on the clock of the database.

States and steps are drawn in docs/jobs.md. ``attempt`` is the fencing number: it grows with each claim, and a worker
whose attempt is no longer the newest, or whose job has ended, changes nothing any more.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.base import utc_now
from app.db.run_models import Job, Worker
from app.db.session import after_commit, db_now
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.domain.errors import AppError
from app.queue import Queue

ACTIVE = (JobState.RUNNING, JobState.CANCELLING)
SILENT_SECONDS = 15.0  # a worker that said nothing for so long counts as gone
QUEUE = "queue"  # key of ``session.info`` under which an entry point leaves its Queue


class LeaseLost(AppError):
    """The job was taken back, has ended or is run by somebody else: this attempt may write nothing more."""


@dataclass(frozen=True)
class Claim:
    """A job that this process now runs."""

    job_id: int
    attempt: int
    kind: JobKind
    lane: Lane
    project_id: int
    spec: dict[str, Any]


@dataclass(frozen=True)
class Peek:
    """What a runner must know from time to time about its job."""

    state: JobState
    attempt: int
    keep_best: bool


def create(
    session: Session, *, project_id: int, kind: JobKind, lane: Lane, spec: dict[str, Any], parent_id: int | None = None
) -> Job:
    """Add a queued job; the workers hear of it after the commit when ``session.info["queue"]`` is a Queue.

    ``spec`` holds ids and small values only.
    """
    job = Job(project_id=project_id, kind=kind, lane=lane, spec=spec, parent_id=parent_id, state=JobState.QUEUED)
    session.add(job)
    session.flush()
    announce(session, job)
    return job


def announce(session: Session, job: Job) -> None:
    """Send the wake-up message of ``job`` after the commit, and mark it as sent."""
    queue = session.info.get(QUEUE)
    if not isinstance(queue, Queue) or queue.embedded:
        return
    job_id, lane = job.id, job.lane
    session.execute(sa.update(Job).where(Job.id == job_id).values(sent_at=db_now()))
    after_commit(session, lambda: queue.announce(job_id, lane))


def claim(session: Session, job_id: int, owner: str, lease_seconds: float) -> Claim | None:
    """Take a queued job; None when somebody else has it or it no longer waits."""
    row = session.execute(
        sa.update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED)
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
        .returning(Job.attempt, Job.kind, Job.lane, Job.project_id, Job.spec)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        return None
    return Claim(job_id, row.attempt, JobKind(row.kind), Lane(row.lane), row.project_id, row.spec)


def renew(session: Session, job_id: int, attempt: int, lease_seconds: float) -> bool:
    """Hold the job for another ``lease_seconds``; False when it is no longer this attempt's."""
    return _change(session, _mine(job_id, attempt), lease_until=db_now() + lease_seconds)


def peek(session: Session, job_id: int) -> Peek | None:
    """The present state; None when the job is gone."""
    row = session.execute(sa.select(Job.state, Job.attempt, Job.keep_best).where(Job.id == job_id)).first()
    return Peek(JobState(row.state), row.attempt, row.keep_best) if row else None


def fence(session: Session, job_id: int, attempt: int) -> None:
    """Let only the present attempt write; the row stays locked until the commit.

    Raises:
        LeaseLost: the job is no longer this attempt's.
    """
    row = session.execute(sa.select(Job.id).where(*_mine(job_id, attempt)).with_for_update()).first()
    if row is None:
        raise LeaseLost("lease_lost", job=job_id, attempt=attempt)


def set_progress(session: Session, job_id: int, attempt: int, values: dict[str, Any]) -> bool:
    """Write how far the job is. Callers write at most twice a second."""
    return _change(session, _mine(job_id, attempt), progress=values)


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
    return _end(session, job_id, attempt, state=state, error_code=code, error_params=params or {}, error_trace=trace)


def end_cancelled(session: Session, job_id: int, attempt: int) -> bool:
    """The work was ended because somebody asked for it."""
    return _end(session, job_id, attempt, state=JobState.CANCELLED)


def release(session: Session, job_id: int, attempt: int) -> bool:
    """Give the job back because the worker shuts down; that does not count against ``max_attempts``."""
    given_back = _change(
        session,
        [Job.id == job_id, Job.attempt == attempt, Job.state == JobState.RUNNING],
        state=JobState.QUEUED,
        max_attempts=Job.max_attempts + 1,
        owner=None,
        lease_until=None,
        sent_at=None,
        progress={},
    )
    return given_back or end_cancelled(session, job_id, attempt)


def waiting_lane(session: Session, job_id: int) -> Lane | None:
    """The lane of a job that waits to be run; None when it does not."""
    lane = session.scalar(sa.select(Job.lane).where(Job.id == job_id, Job.state == JobState.QUEUED))
    return Lane(lane) if lane else None


def put_back(session: Session, job_id: int) -> bool:
    """A worker was asked but has no free slot: let the next one that has be asked at once."""
    return _change(session, [Job.id == job_id, Job.state == JobState.QUEUED], sent_at=None)


def cancel(session: Session, job_id: int, *, keep_best: bool = False) -> None:
    """Stop a job and its children: waiting ones at once, running ones as soon as their worker sees it.

    With ``keep_best`` a training ends its epoch loop, keeps the best weights so far and evaluates them. A second call
    without it ends such a job at once. Jobs that have ended stay as they are.
    """
    family = sa.or_(Job.id == job_id, Job.parent_id == job_id)
    _change(
        session,
        [family, Job.state.in_((JobState.QUEUED, JobState.WAITING))],
        state=JobState.CANCELLED,
        finished_at=utc_now(),
        sent_at=None,
    )
    _change(session, [family, Job.state == JobState.RUNNING], state=JobState.CANCELLING, keep_best=keep_best)
    if not keep_best:
        _change(session, [family, Job.state == JobState.CANCELLING], keep_best=False)


def expired(session: Session) -> list[tuple[int, int]]:
    """(id, attempt) of the jobs whose worker has not been heard of for longer than the lease."""
    rows = session.execute(sa.select(Job.id, Job.attempt).where(Job.state.in_(ACTIVE), Job.lease_until < db_now()))
    return [(row.id, row.attempt) for row in rows]


def reap(session: Session) -> list[int]:
    """Take back the jobs of lost workers: queue them again, or end them after too many attempts.

    Every worker calls this every few seconds; any number of calls at the same time is harmless.
    """
    taken = [job_id for job_id, attempt in expired(session) if _take_back(session, job_id, attempt)]
    _wake_parents(session)
    return taken


def _take_back(session: Session, job_id: int, attempt: int) -> bool:
    lost = [Job.id == job_id, Job.attempt == attempt, Job.lease_until < db_now()]
    free: dict[str, Any] = {"owner": None, "lease_until": None, "sent_at": None}
    over = {"finished_at": utc_now(), **free}
    params = {"attempts": attempt}
    failed = {"state": JobState.FAILED, "error_code": "worker_lost", "error_params": params, **over}
    return (
        _change(session, [*lost, Job.state == JobState.CANCELLING], state=JobState.CANCELLED, **over)
        or _change(session, [*lost, Job.state == JobState.RUNNING, Job.attempt >= Job.max_attempts], **failed)
        or _change(session, [*lost, Job.state == JobState.RUNNING], state=JobState.QUEUED, progress={}, **free)
    )


def any_due(session: Session, lane: Lane, resend_seconds: float) -> bool:
    """True when ``take_due`` would find something; takes no write lock."""
    return session.scalar(sa.select(_due(lane, resend_seconds).exists())) is True


def take_due(session: Session, lane: Lane, limit: int, resend_seconds: float) -> list[int]:
    """Queued jobs never announced, or so long ago that the message must be lost, oldest first; marks them announced."""
    ids = session.scalars(_due(lane, resend_seconds).order_by(Job.id).limit(limit).with_for_update(skip_locked=True))
    due = list(ids)
    if due:
        _change(session, [Job.id.in_(due), Job.state == JobState.QUEUED], sent_at=db_now())
    return due


def _due(lane: Lane, resend_seconds: float) -> sa.Select[int]:
    old = sa.or_(Job.sent_at.is_(None), Job.sent_at < db_now() - resend_seconds)
    return sa.select(Job.id).where(Job.state == JobState.QUEUED, Job.lane == lane, old)


def place_in_line(session: Session, job: Job) -> int:
    """1 for the next job of its lane, 2 for the one after it, ...; 0 when the job does not wait."""
    if job.state != JobState.QUEUED:
        return 0
    before = sa.select(sa.func.count()).where(Job.state == JobState.QUEUED, Job.lane == job.lane, Job.id < job.id)
    return 1 + (session.scalar(before) or 0)


def heartbeat(session: Session, name: str, info: dict[str, Any]) -> None:
    """A worker says that it is alive, and forgets those that have been silent for a day."""
    if not session.execute(sa.update(Worker).where(Worker.name == name).values(heartbeat=db_now(), info=info)).rowcount:  # type: ignore[attr-defined]
        session.execute(sa.insert(Worker).values(name=name, heartbeat=db_now(), info=info, started_at=utc_now()))
        session.execute(sa.delete(Worker).where(Worker.heartbeat < db_now() - 86_400))


def sign_off(session: Session, name: str) -> None:
    """A worker ends as it should."""
    session.execute(sa.delete(Worker).where(Worker.name == name))


def workers_alive(session: Session) -> list[Worker]:
    """The workers that were heard of lately, by name."""
    alive = sa.select(Worker).where(Worker.heartbeat > db_now() - SILENT_SECONDS).order_by(Worker.name)
    return list(session.scalars(alive))


def _mine(job_id: int, attempt: int) -> list[sa.ColumnElement[bool]]:
    return [Job.id == job_id, Job.attempt == attempt, Job.state.in_(ACTIVE)]


def _change(session: Session, where: list[sa.ColumnElement[bool]], **values: Any) -> bool:
    """One conditional UPDATE; True when it met a row."""
    update = sa.update(Job).where(*where).values(**values).returning(Job.id)
    return bool(session.execute(update.execution_options(synchronize_session=False)).all())


def _end(session: Session, job_id: int, attempt: int, **values: Any) -> bool:
    ended = _change(
        session, _mine(job_id, attempt), finished_at=utc_now(), owner=None, lease_until=None, sent_at=None, **values
    )
    if ended:
        parent_id = session.scalar(sa.select(Job.parent_id).where(Job.id == job_id))
        if parent_id is not None:
            # Two children that end together would each see the other unfinished; the lock lets one go first.
            session.execute(sa.select(Job.id).where(Job.id == parent_id).with_for_update())
            _wake_parents(session)
    return ended


def _wake_parents(session: Session) -> None:
    """A waiting parent without an unfinished child is queued: its own work is the summary."""
    child = aliased(Job)
    unfinished = sa.exists().where(child.parent_id == Job.id, child.state.not_in(sorted(FINAL_STATES)))
    _change(session, [Job.state == JobState.WAITING, ~unfinished], state=JobState.QUEUED, sent_at=None)
