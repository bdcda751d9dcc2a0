"""All jobs of all projects for the jobs page: what runs, what waits and why, what ended lately, and the workers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, defer

from app.db.models import Project
from app.db.run_models import Job, Run
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.domain.errors import NotFound
from app.services import early, jobs, worker_list
from app.services.worker_list import WorkerLine

ENDED_SHOWN = 30
OPEN_SHOWN = 200  # families; the rest is counted
CHILDREN_SHOWN = 40
LANES = list(Lane)
GENERATIONS = 2  # a group of trainings has trainings, which have folds


@dataclass(frozen=True)
class JobLine:
    """One job with its children. ``place`` is 0 unless it waits in line; ``wait`` says why it waits."""

    job_id: int
    kind: JobKind
    lane: Lane
    state: JobState
    attempt: int
    priority: int
    needs: str
    owner: str
    keep_best: bool
    spec: Mapping[str, Any]
    progress: Mapping[str, Any]
    error_code: str | None
    error_params: dict[str, Any]
    trace: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    project_slug: str
    project_name: str
    run_number: int | None
    run_name: str
    subject: int | None  # number of the run that the job works on without being its training
    place: int
    wait: str
    children: Sequence["JobLine"]
    stopped: bool  # a training of which the best so far was kept, see ``app.services.early``

    @property
    def badge(self) -> str:
        """The state as the list says it."""
        if self.stopped:
            return early.KEPT
        return JobState.RUNNING if self.state is JobState.WAITING and self.begun else self.state

    @property
    def ended(self) -> bool:
        """True when nothing can be stopped any more."""
        return self.state in FINAL_STATES

    @property
    def active(self) -> bool:
        """True when a worker is busy with it or with a child of it."""
        return self.state in jobs.ACTIVE or any(child.active for child in self.children)

    @property
    def begun(self) -> bool:
        """True when something of it runs, or has ended while the rest still waits."""
        return self.active or any(child.state is JobState.DONE for child in self.children)

    @property
    def broken(self) -> bool:
        """True when trying it again would do something: of an import that was stopped nothing is left to go on with."""
        dropped = self.kind is JobKind.IMPORT and self.state is JobState.CANCELLED
        return self.state in (JobState.FAILED, JobState.CANCELLED) and not dropped

    @property
    def stoppable(self) -> bool:
        """True when it can be stopped: half of a project is of no use to anybody."""
        return not self.ended and self.kind is not JobKind.DELETE

    @property
    def behind(self) -> bool:
        """True when it, or all of its children that wait, could be moved to the front."""
        return not self.ended and _first(self) > 1

    @property
    def keeps(self) -> bool:
        """True when the best weights so far can be kept, also while a training waits to go on."""
        waits = self.state is JobState.WAITING or (self.state is JobState.QUEUED and self.started_at is not None)
        return self.kind is JobKind.TRAIN and not self.keep_best and (waits or self.state is JobState.RUNNING)

    @property
    def share(self) -> float | None:
        """Part of the work that is done, 0 to 1; None while nothing is known of it."""
        if self.children:
            return sum(1.0 if child.ended else child.share or 0.0 for child in self.children) / len(self.children)
        told = self.progress
        total = told.get("total")
        step = min(told.get("done", 0) / total, 1.0) if total else None
        if told.get("phase") != "train" or not told.get("epochs"):
            return step
        epochs = min((max(told.get("epoch", 1), 1) - 1 + (step or 0.0)) / told["epochs"], 1.0)
        return float(min((told.get("fold", 0) + epochs) / max(told.get("folds", 1), 1), 1.0))

    @property
    def counts(self) -> Mapping[JobState, int]:
        """The children by state."""
        return {state: sum(child.state is state for child in self.children) for state in JobState}

    @property
    def shown(self) -> Sequence["JobLine"]:
        """The children that a page has room for: those that need a look first."""
        rank = {JobState.FAILED: 0, JobState.RUNNING: 1, JobState.CANCELLING: 1, JobState.DONE: 3}
        first = sorted(self.children, key=lambda child: (rank.get(child.state, 2), child.job_id))[:CHILDREN_SHOWN]
        return sorted(first, key=lambda child: child.job_id)


@dataclass(frozen=True)
class Overview:
    """Everything the jobs page shows. ``more`` counts open jobs for which it has no room."""

    running: Sequence[JobLine]
    waiting: Sequence[JobLine]
    ended: Sequence[JobLine]
    workers: Sequence[WorkerLine]
    more: int


def overview(session: Session) -> Overview:
    """Running and waiting jobs in their order, the newest ended ones first; a bounded number of queries."""
    workers = worker_list.lines(session)
    places = {job_id: place for lane in Lane for place, job_id in enumerate(jobs.in_order(session, lane), start=1)}
    alone, unfinished = Job.parent_id.is_(None), Job.state.not_in(sorted(FINAL_STATES))
    tree = _Tree(session, places, workers)
    opened = tree.lines([alone, unfinished], Job.id.asc(), OPEN_SHOWN)
    quick = sa.and_(Job.lane == Lane.INTERACTIVE, Job.state == JobState.DONE)  # hundreds in an hour, and of no interest
    over = [alone, Job.state.in_(sorted(FINAL_STATES)), sa.not_(quick)]
    ended = tree.lines(over, Job.finished_at.desc(), ENDED_SHOWN)
    total = session.scalar(sa.select(sa.func.count()).select_from(Job).where(alone, unfinished)) or 0
    waiting = [line for line in opened if not line.begun]
    return Overview(
        running=[line for line in opened if line.begun],
        waiting=sorted(waiting, key=lambda line: (LANES.index(line.lane), _first(line) or 10**9, line.job_id)),
        ended=ended,
        workers=workers,
        more=total - len(opened),
    )


def _first(line: JobLine) -> int:
    """The best place of a job and its children; 0 when none is in line."""
    own = [line.place, *(_first(child) for child in line.children)]
    return min((place for place in own if place), default=0)


class _Tree:
    """Reads families of jobs, one query for each generation."""

    def __init__(self, session: Session, places: Mapping[int, int], workers: Sequence[WorkerLine]) -> None:
        self._session, self._places, self._workers = session, places, workers

    def lines(
        self, conditions: Iterable[sa.ColumnElement[bool]], order: sa.UnaryExpression[Any], limit: int
    ) -> list[JobLine]:
        """The jobs that meet all ``conditions``, with their children."""
        tops = self._rows(sa.and_(*conditions), order, limit)
        below: dict[int, list[Any]] = {}
        level = tops
        for _ in range(GENERATIONS):
            ids = [row[0].id for row in level]
            level = self._rows(Job.parent_id.in_(ids), Job.id.asc(), None) if ids else []
            for row in level:
                below.setdefault(row[0].parent_id, []).append(row)
        return [self._line(row, below) for row in tops]

    def _rows(self, where: sa.ColumnElement[bool], order: sa.UnaryExpression[Any], limit: int | None) -> list[Any]:
        subject = aliased(Run)
        query = (
            sa.select(Job, Project.slug, Project.name, Run.number, Run.name, early.STOPPED, subject.number)
            .join(Project, Project.id == Job.project_id)
            .outerjoin(Run, Run.job_id == Job.id)
            .outerjoin(subject, sa.and_(subject.id == Job.spec["run_id"].as_integer(), Job.kind != JobKind.FOLD))
            .where(where, sa.or_(Project.deleted_at.is_(None), Job.kind == JobKind.DELETE))
            .order_by(order, Job.id.desc())
            .limit(limit)
            .options(defer(Job.result))
        )
        return list(self._session.execute(query))

    def _line(self, row: Any, below: Mapping[int, list[Any]]) -> JobLine:
        job, slug, name, number, run_name, stopped, subject = row
        state = JobState(job.state)
        return JobLine(
            job_id=job.id,
            kind=JobKind(job.kind),
            lane=Lane(job.lane),
            state=state,
            attempt=job.attempt,
            priority=job.priority,
            needs=job.needs,
            owner=job.owner or "",
            keep_best=job.keep_best,
            spec=job.spec,
            progress=job.progress,
            error_code=job.error_code,
            error_params=dict(job.error_params),
            trace=job.error_trace or "",
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            project_slug=slug,
            project_name=name,
            run_number=number,
            run_name=run_name or "",
            subject=None if number else subject,
            place=self._places.get(job.id, 0),
            wait=worker_list.why(self._workers, Lane(job.lane), job.needs) if state is JobState.QUEUED else "",
            children=[self._line(child, below) for child in below.get(job.id, [])],
            stopped=bool(stopped),
        )


def marks(session: Session, _keys: list[int]) -> dict[int, tuple[Any, ...]]:
    """What changes whenever the overview does, as one value: two small queries."""
    totals = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.sum(Job.attempt),
            sa.func.sum(Job.priority),
            sa.func.max(Job.finished_at),
            Job.state,
        ).group_by(Job.state)
    )
    busy = session.execute(
        sa.select(Job.id, Job.state, Job.attempt, Job.keep_best, Job.progress)
        .where(Job.state.in_(jobs.ACTIVE))
        .order_by(Job.id)
    )
    whole = sorted(str(tuple(row)) for row in totals), [str(tuple(row)) for row in busy], worker_list.marks(session)
    return {0: tuple(map(str, whole))}


def exists(session: Session, job_id: int) -> None:
    """Raises NotFound when there is no such job."""
    if session.scalar(sa.select(Job.id).where(Job.id == job_id)) is None:
        raise NotFound("job_missing", job=job_id)
