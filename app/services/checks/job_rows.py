"""Jobs whose row contradicts itself, its family or its run."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.run_models import Job, Run
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.services import jobs
from app.services.checks.found import Found

MOST = 200
FINAL = sorted(FINAL_STATES)
KNOWN = (
    ("kind", Job.kind, tuple(JobKind)),
    ("lane", Job.lane, tuple(Lane)),
    ("state", Job.state, tuple(JobState)),
)


def states(session: Session) -> Iterator[Found]:
    """Each row alone: values that no program writes, and values that do not fit together."""
    for name, column, known in KNOWN:
        strange = sa.select(Job.id, column).where(column.not_in(known))
        for job_id, value in session.execute(strange.limit(MOST)):
            yield Found("check_job_unknown", {"job": job_id, "name": name, "value": value})
    active = Job.state.in_(jobs.ACTIVE)
    final = Job.state.in_(FINAL)
    rules = {
        "check_job_unowned": sa.and_(active, sa.or_(Job.owner.is_(None), Job.lease_until.is_(None))),
        "check_job_still_owned": sa.and_(~active, sa.or_(Job.owner.is_not(None), Job.lease_until.is_not(None))),
        "check_job_no_end": sa.and_(final, Job.finished_at.is_(None)),
        "check_job_early_end": sa.and_(~final, Job.finished_at.is_not(None)),
        "check_job_no_reason": sa.and_(Job.state == JobState.FAILED, Job.error_code.is_(None)),
        "check_job_reason": sa.and_(Job.state == JobState.DONE, Job.error_code.is_not(None)),
        "check_job_never_begun": sa.and_(Job.state == JobState.RUNNING, Job.attempt < 1),
    }
    for code, wrong in rules.items():
        query = sa.select(Job.id, Job.kind, Job.state).where(wrong).order_by(Job.id)
        for job_id, kind, state in session.execute(query.limit(MOST)):
            yield Found(code, {"job": job_id, "kind": kind, "state": state})


def families(session: Session, database: Database) -> Iterator[Found]:
    """Parents and children: nothing waits for ever, and nothing runs for a parent that has ended."""
    child, parent = aliased(Job), aliased(Job)
    unfinished = sa.exists().where(child.parent_id == Job.id, child.state.not_in(FINAL))
    waits = sa.select(Job.id).where(Job.state == JobState.WAITING, ~unfinished)
    for job_id in session.scalars(waits.limit(MOST)):
        yield Found("check_job_not_joined", {"job": job_id}, lambda: _reaped(database))
    late = (
        sa.select(child.id, parent.id)
        .join(parent, parent.id == child.parent_id)
        .where(parent.state.in_(FINAL), child.state.not_in([*FINAL, *jobs.ACTIVE]))
    )
    for child_id, parent_id in session.execute(late.limit(MOST)):
        yield Found("check_job_left_behind", {"job": child_id, "parent": parent_id})


def leases(session: Session, database: Database) -> Iterator[Found]:
    """Jobs that count as running although their worker has been silent for longer than its lease."""
    for one in jobs.held(session):
        if one.over:
            yield Found("check_job_lost", {"job": one.job_id}, lambda: _reaped(database))


def _reaped(database: Database) -> bool:
    with database.write() as session:
        jobs.reap(session)
    return True


def of_runs(session: Session) -> Iterator[Found]:
    """Trainings without a run, and runs whose job is the job of something else."""
    has_run = sa.exists().where(Run.job_id == Job.id)
    query = sa.select(Job.id).where(Job.kind == JobKind.TRAIN, ~has_run)
    for job_id in session.scalars(query.limit(MOST)):
        yield Found("check_job_no_run", {"job": job_id})
    other = sa.select(Run.number, Job.id).join(Job, Job.id == Run.job_id).where(Job.kind != JobKind.TRAIN)
    for number, job_id in session.execute(other.limit(MOST)):
        yield Found("check_job_no_run", {"job": job_id, "run": number})
