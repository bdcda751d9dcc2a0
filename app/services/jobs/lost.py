"""Jobs of workers that are gone: found by their leases and taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.run_models import Job, Worker
from app.db.session import db_now
from app.domain.enums import JobState
from app.services.jobs import family
from app.services.jobs.rows import ACTIVE, FREE, TRAINED, change

LONGEST_LEASE = 3600.0  # seconds; a lease that ends later was written before a clock was set back


@dataclass(frozen=True)
class Held:
    """A job that somebody runs, and whether its lease is over by the clock of the database.

    ``lease_until`` changes with each renewal: as long as it does, the worker lives, whatever the clocks say.
    ``process`` is what the worker said of its process, empty when it said nothing.
    """

    job_id: int
    attempt: int
    lease_until: float
    over: bool
    process: str = ""


def held(session: Session) -> list[Held]:
    """All jobs that are run, or should be."""
    over = sa.or_(Job.lease_until < db_now(), Job.lease_until > db_now() + LONGEST_LEASE)
    columns = (Job.id, Job.attempt, sa.func.coalesce(Job.lease_until, 0.0), sa.func.coalesce(over, sa.true()))
    query = sa.select(*columns, Worker.info).outerjoin(Worker, Worker.name == Job.owner)
    rows = session.execute(query.where(Job.state.in_(ACTIVE)).order_by(Job.id))
    return [
        Held(job_id, attempt, until, bool(is_over), str((info or {}).get("process", "")))
        for job_id, attempt, until, is_over, info in rows
    ]


def reap(session: Session, lost: Sequence[Held] | None = None) -> list[int]:
    """Take back the jobs of lost workers: queue them again, or end them after too many attempts.

    One that was to stop ends, unless it was to keep its best: its newest saved state has that. Without ``lost``, those
    whose lease is over by the clock. Every worker calls this every few seconds; any number of calls at the same time is
    harmless, and a job that was renewed since it was looked at stays where it is.
    """
    gone = [one for one in held(session) if one.over] if lost is None else lost
    above = {one.job_id: family.ancestors(session, one.job_id) for one in gone}
    for generation in range(family.GENERATIONS):  # from the top downwards, each in the order of the ids
        family.lock(session, sorted({line[generation] for line in above.values() if len(line) > generation}))
    taken = [one.job_id for one in gone if _take_back(session, one)]
    family.wake_parents(session)
    return taken


def _take_back(session: Session, one: Held) -> bool:
    unchanged = sa.func.coalesce(Job.lease_until, 0.0) == one.lease_until
    lost = [Job.id == one.job_id, Job.attempt == one.attempt, unchanged]
    over: dict[str, Any] = {"finished_at": utc_now(), **FREE}
    params = {"attempts": one.attempt}
    keeps = [Job.keep_best.is_(True), Job.kind.in_(TRAINED), Job.attempt < Job.max_attempts]
    again: dict[str, Any] = {"state": JobState.QUEUED, "progress": {}, **FREE}
    failed = {"state": JobState.FAILED, "error_code": "worker_lost", "error_params": params, **over}
    if change(session, [*lost, Job.state == JobState.RUNNING, Job.attempt >= Job.max_attempts], **failed):
        family.stop_below(session, one.job_id)
        return True
    return (
        change(session, [*lost, *keeps, Job.state == JobState.CANCELLING], **again)
        or change(session, [*lost, Job.state == JobState.CANCELLING], state=JobState.CANCELLED, **over)
        or change(session, [*lost, Job.state == JobState.RUNNING], **again)
    )
