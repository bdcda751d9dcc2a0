"""Who is next: the order of the queued jobs of a lane, and how workers hear of them.

The greater priority goes first. Among equals, what has begun already (a job that was taken back, a parent whose
children are done) goes before what has not. Then projects take turns: the n-th job of a project that has m running
ones counts as its (m + n)-th turn, and of two equal turns the one of the project that has waited longer is first.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.run_models import Job
from app.db.session import db_now
from app.domain.enums import JobState, Lane
from app.services.jobs.rows import ACTIVE, change, changed_ids
from app.services.jobs.workers import Able

LATELY = 200  # started jobs that are looked at to see which project was served last
TRIES = 3


def lanes_due(session: Session, resend_seconds: float, able: Able | None = None) -> set[Lane]:
    """The lanes in which ``take_due`` would find something; takes no write lock."""
    lanes = session.scalars(sa.select(Job.lane).where(*_due(resend_seconds, able)).distinct())
    return {Lane(lane) for lane in lanes}


def take_due(session: Session, lane: Lane, limit: int, resend_seconds: float, able: Able | None = None) -> list[int]:
    """Queued jobs never announced, or so long ago that the message must be lost, the next one first.

    Marks them as announced. With ``able`` only jobs that such a worker may take.
    """
    taken: list[int] = []
    for _ in range(TRIES):  # another keeper may take the same ones at the same moment
        wanted = [Job.lane == lane, *_due(resend_seconds, able)]
        ids = list(session.scalars(_in_order(lane).where(*wanted).limit(limit - len(taken))))
        if not ids:
            break
        got = set(changed_ids(session, [Job.id.in_(ids), *wanted], sent_at=db_now()))
        taken += [job_id for job_id in ids if job_id in got]
        if len(taken) >= limit:
            break
    return taken


def needs_of(session: Session, job_ids: Sequence[int]) -> dict[int, str]:
    """What each of the jobs needs (``Job.needs``)."""
    rows = session.execute(sa.select(Job.id, Job.needs).where(Job.id.in_(job_ids)))
    return {row.id: row.needs for row in rows}


def _due(resend_seconds: float, able: Able | None) -> list[sa.ColumnElement[bool]]:
    # A moment in the future was written before a clock was set back: nobody knows when it was.
    lately = Job.sent_at.between(db_now() - resend_seconds, db_now() + 1.0)
    unheard = sa.or_(Job.sent_at.is_(None), sa.not_(lately))
    meets = [Job.needs.in_(able.needs)] if able else []
    return [Job.state == JobState.QUEUED, unheard, *meets]


def _in_order(lane: str) -> sa.Select[int]:
    begun = sa.case((Job.started_at.is_not(None), 0), else_=1)
    turn = sa.func.row_number().over(partition_by=(Job.project_id, Job.priority, begun), order_by=Job.id)
    queued = (
        sa.select(Job.id, Job.project_id, turn.label("turn"))
        .where(Job.state == JobState.QUEUED, Job.lane == lane)
        .subquery()
    )
    busy = (
        sa.select(Job.project_id, sa.func.count().label("running"))
        .where(Job.state.in_(ACTIVE), Job.lane == lane)
        .group_by(Job.project_id)
        .subquery()
    )
    served = _served(lane)
    return (
        sa.select(Job.id)
        .join(queued, queued.c.id == Job.id)
        .outerjoin(busy, busy.c.project_id == Job.project_id)
        .outerjoin(served, served.c.project_id == Job.project_id)
        .order_by(
            Job.priority.desc(),
            begun,
            queued.c.turn + sa.func.coalesce(busy.c.running, 0),
            queued.c.turn,  # of two equal ones, the project of which nothing is before it in this line
            served.c.last.asc().nulls_first(),
            Job.id,
        )
    )


def _served(lane: str) -> sa.Subquery:
    """When each project's newest job began, among the jobs that were made lately."""
    one = aliased(Job)
    newest = (
        sa.select(one.project_id, one.started_at)
        .where(one.lane == lane, one.started_at.is_not(None))
        .order_by(one.id.desc())
        .limit(LATELY)
        .subquery()
    )
    return (
        sa.select(newest.c.project_id, sa.func.max(newest.c.started_at).label("last"))
        .group_by(newest.c.project_id)
        .subquery()
    )


def in_order(session: Session, lane: Lane) -> Sequence[int]:
    """The queued jobs of a lane in the order in which they will begin if nothing else happens."""
    return session.scalars(_in_order(lane)).all()


def place_in_line(session: Session, job: Job) -> int:
    """1 for the next job of its lane, 2 for the one after it, ...; 0 when the job does not wait."""
    if job.state != JobState.QUEUED:
        return 0
    order = list(in_order(session, Lane(job.lane)))
    return order.index(job.id) + 1 if job.id in order else 0


def waiting_lane(session: Session, job_id: int, able: Able | None = None) -> Lane | None:
    """The lane of a job that waits to be run; None when it does not, or not for such a worker."""
    meets = [Job.needs.in_(able.needs)] if able else []
    lane = session.scalar(sa.select(Job.lane).where(Job.id == job_id, Job.state == JobState.QUEUED, *meets))
    return Lane(lane) if lane else None


def put_back(session: Session, job_id: int) -> bool:
    """A worker was asked but cannot take it now: let the next one that can be asked at once."""
    return change(session, [Job.id == job_id, Job.state == JobState.QUEUED], sent_at=None)


def move_up(session: Session, job_id: int) -> bool:
    """Put a job that waits before all others of its lane; a parent takes its waiting children along.

    Returns False when nothing of it waits any more.
    """
    family = _waiting_family(job_id)
    lanes = sa.select(Job.lane).where(*family)
    others = [Job.state == JobState.QUEUED, Job.lane.in_(lanes), Job.id.not_in(sa.select(Job.id).where(*family))]
    top = session.scalar(sa.select(sa.func.max(Job.priority)).where(*others))
    return change(session, family, priority=(top or 0) + 1)


def set_priority(session: Session, job_id: int, priority: int) -> bool:
    """Give a job and its children another priority; False when nothing of it waits any more."""
    return change(session, _waiting_family(job_id), priority=priority)


def _waiting_family(job_id: int) -> list[sa.ColumnElement[bool]]:
    child = aliased(Job)
    grandparents = sa.select(child.id).where(child.parent_id == job_id)
    family = sa.or_(Job.id == job_id, Job.parent_id == job_id, Job.parent_id.in_(grandparents))
    return [family, Job.state.in_((JobState.QUEUED, JobState.WAITING))]
