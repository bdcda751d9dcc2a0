"""Parents and children: cancelled together, joined exactly once, tried again one by one.

A parent waits while a child has not ended. Whoever ends the last child moves the parent, in the same transaction. Every
function here locks from the top of a family downwards and before it touches a child: two children that end together
would otherwise each see the other unfinished, and a cancellation could wait for an end that waits for it.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.base import utc_now
from app.db.run_models import Job
from app.domain.enums import FINAL_STATES, JobKind, JobState
from app.services.jobs.making import announce, refuse_deleted
from app.services.jobs.rows import ACTIVE, FREE, TRAINED, change, changed_ids

GENERATIONS = 3  # a group, its trainings, their folds
TRIES_AGAIN = 3
BROKEN = (JobState.FAILED, JobState.CANCELLED)
WAITS = (JobState.QUEUED, JobState.WAITING)
CLEAN: dict[str, Any] = {"error_code": None, "error_params": {}, "error_trace": None, "finished_at": None, **FREE}


def ancestors(session: Session, job_id: int) -> list[int]:
    """The parent, its parent, ..., the topmost first."""
    found: list[int] = []
    current: int | None = job_id
    while current is not None and len(found) < GENERATIONS:
        current = session.scalar(sa.select(Job.parent_id).where(Job.id == current))
        if current is not None:
            found.insert(0, current)
    return found


def descendants(session: Session, job_id: int, *, hold: bool = False) -> list[int]:
    """The children, their children, ...; generation by generation.

    With ``hold`` each generation stays locked until the commit before the next one is read. A job that is just giving
    folds away is waited for, so that none of its children is overlooked; ``job_id`` itself must be locked already.
    """
    found: list[int] = []
    level: Sequence[int] = [job_id]
    while level:
        below = sa.select(Job.id).where(Job.parent_id.in_(level)).order_by(Job.id)
        level = session.scalars(below.with_for_update() if hold else below).all()
        found += level
    return found


def lock(session: Session, job_ids: Sequence[int]) -> None:
    """Hold the rows, in the order given, until the commit."""
    for job_id in job_ids:
        session.execute(sa.select(Job.id).where(Job.id == job_id).with_for_update())


def cancel(session: Session, job_id: int, *, keep_best: bool = False) -> None:
    """Stop a job and its children: waiting ones at once, running ones as soon as their worker sees it.

    With ``keep_best`` a training ends its epoch loop, keeps the best weights so far and evaluates them, also one that
    waits to go on after its worker was lost; a parent that waits for its children then sums up what they have. A
    second call without it ends such a job at once. Jobs that have ended stay as they are.
    """
    lock(session, [*ancestors(session, job_id), job_id])
    family = Job.id.in_([job_id, *descendants(session, job_id, hold=True)])
    sums_up = sa.and_(Job.state == JobState.WAITING, Job.kind == JobKind.TRAIN)
    goes_on = sa.and_(Job.state == JobState.QUEUED, Job.kind.in_(TRAINED), Job.started_at.is_not(None))
    waits: list[sa.ColumnElement[bool]] = [family, Job.state.in_(WAITS)]
    if keep_best:
        change(session, [family, sa.or_(sums_up, goes_on)], keep_best=True)
        waits += [sa.not_(sums_up), sa.not_(goes_on)]
    change(session, waits, state=JobState.CANCELLED, finished_at=utc_now(), sent_at=None)
    change(session, [family, Job.state == JobState.RUNNING], state=JobState.CANCELLING, keep_best=keep_best)
    if not keep_best:
        change(session, [family, Job.state == JobState.CANCELLING], keep_best=False)
    for parent_id in reversed([*ancestors(session, job_id), job_id]):
        settle(session, parent_id)


def stop_below(session: Session, job_id: int) -> None:
    """A job has failed that gave parts of its work away: nothing runs on for it. It is tried again with them."""
    below = [Job.id.in_(descendants(session, job_id, hold=True))]
    change(session, [*below, Job.state.in_(WAITS)], state=JobState.CANCELLED, finished_at=utc_now(), sent_at=None)
    change(session, [*below, Job.state.in_(ACTIVE)], state=JobState.CANCELLING, keep_best=False)


def retry(session: Session, job_id: int) -> bool:
    """Try a job again that failed or was cancelled, with the children of it that did; its parents wait again.

    A training goes on after its newest checkpoint. Returns False when there was nothing to try again.

    Raises:
        NotFound: the project has been deleted, and this is not the job that removes it.
    """
    row = session.execute(sa.select(Job.project_id, Job.kind).where(Job.id == job_id)).one_or_none()
    if row is not None and row.kind != JobKind.DELETE:
        refuse_deleted(session, row.project_id)
    above = ancestors(session, job_id)
    lock(session, [*above, job_id])
    below = descendants(session, job_id, hold=True)
    again = {"state": JobState.QUEUED, "max_attempts": Job.attempt + TRIES_AGAIN, "keep_best": False, "progress": {}}
    parents = sa.select(Job.parent_id).where(Job.parent_id.is_not(None)).distinct()
    broken = [Job.id.in_([job_id, *below]), Job.state.in_(BROKEN)]
    begun = changed_ids(session, [*broken, Job.id.not_in(parents)], **again, **CLEAN)
    resumed = changed_ids(session, broken, **again | {"state": JobState.WAITING}, **CLEAN)
    if not begun and not resumed:
        return False
    opened = {"state": JobState.WAITING, "keep_best": False, **CLEAN}
    change(session, [Job.id.in_(above), Job.state.in_(FINAL_STATES)], **opened)
    for job in session.scalars(sa.select(Job).where(Job.id.in_(begun)).order_by(Job.id)):
        announce(session, job)
    for parent_id in reversed(resumed):  # one whose children are all done only has its own work to do again
        settle(session, parent_id)
    return True


def settle(session: Session, parent_id: int) -> bool:
    """Move a waiting parent whose children have all ended; True when it moved.

    A group has no work of its own and ends here. Another parent is queued for its own part, the summary, unless a
    child failed or was cancelled: then the parent failed, and what the other children did stays.
    """
    row = session.execute(
        sa.select(Job.kind, Job.keep_best, Job.state).where(Job.id == parent_id).with_for_update()
    ).one_or_none()
    if row is None or row.state != JobState.WAITING:
        return False
    children = session.execute(
        sa.select(Job.state, Job.spec, Job.kind).where(Job.parent_id == parent_id).order_by(Job.id)
    ).all()
    if any(child.state not in FINAL_STATES for child in children):
        return False
    values = _verdict(JobKind(row.kind), row.keep_best, children)
    if values["state"] is not JobState.QUEUED:
        values["finished_at"] = utc_now()
    moved = change(session, [Job.id == parent_id, Job.state == JobState.WAITING], sent_at=None, **values)
    if moved and values["state"] in FINAL_STATES:
        for above in reversed(ancestors(session, parent_id)):
            settle(session, above)
    return moved


def _verdict(kind: JobKind, keep_best: bool, children: Sequence[Any]) -> dict[str, Any]:
    broken = [child for child in children if child.state != JobState.DONE]
    failed = [child for child in broken if child.state == JobState.FAILED]
    if keep_best or kind is JobKind.SEARCH:  # a search goes on without the trials that failed
        return {"state": JobState.QUEUED}
    if not broken:
        return {"state": JobState.DONE if kind is JobKind.GROUP else JobState.QUEUED}
    if kind is JobKind.GROUP and not failed:
        return {"state": JobState.CANCELLED}
    return {"state": JobState.FAILED, **_reason(kind, broken, len(children))}


def _reason(kind: JobKind, broken: Sequence[Any], total: int) -> dict[str, Any]:
    if kind is JobKind.TRAIN:
        folds = ", ".join(str(child.spec["fold"] + 1) for child in broken if "fold" in child.spec)
        return {"error_code": "fold_failed", "error_params": {"folds": folds, "failed": len(broken), "total": total}}
    code = "group_failed" if kind is JobKind.GROUP else "part_failed"
    return {"error_code": code, "error_params": {"failed": len(broken), "total": total}}


def wake_parents(session: Session) -> list[int]:
    """The net below ``settle``: parents that wait although all their children have ended. Returns those that moved."""
    return [parent_id for parent_id in list(session.scalars(_forgotten())) if settle(session, parent_id)]


def any_parent_due(session: Session) -> bool:
    """True when ``wake_parents`` would find something; takes no lock."""
    return session.scalar(_forgotten().limit(1)) is not None


def _forgotten() -> sa.Select[int]:
    child = aliased(Job)
    unfinished = sa.exists().where(child.parent_id == Job.id, child.state.not_in(sorted(FINAL_STATES)))
    return sa.select(Job.id).where(Job.state == JobState.WAITING, ~unfinished).order_by(Job.id)
