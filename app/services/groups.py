"""Trainings that were started together: a matrix of values, the same with other seeds, or both; seen as one table."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job, Run, RunFold
from app.domain import matrix, metrics
from app.domain.enums import FINAL_STATES, JobKind, JobState
from app.domain.errors import NotFound
from app.domain.recipe import Recipe
from app.services import jobs, run_list
from app.services.run_list import RunLine

SEED = "seed"


@dataclass(frozen=True)
class GroupLine:
    """One matrix in a list: how many of its ``runs`` have ``ended``."""

    group_id: int
    name: str
    runs: int
    ended: int
    created_at: datetime


@dataclass(frozen=True)
class Member:
    """One run of a matrix: its line, the values of the fields that vary, and validation over all folds together."""

    line: RunLine
    recipe: Recipe
    values: tuple[Any, ...]  # in the order of ``Group.fields``
    validation: metrics.Interval | None
    validation_accuracy: float | None


@dataclass(frozen=True)
class Cell:
    """All runs that differ in nothing but the seed: means over those that have ended, and their sum of seconds."""

    values: tuple[Any, ...]  # in the order of ``Group.fields`` without the seed
    members: Sequence[Member]
    validation: metrics.Spread | None
    test: metrics.Spread | None
    seconds: float | None


@dataclass(frozen=True)
class Group:
    """A matrix. ``fields``: the names of what varies."""

    group_id: int
    name: str
    state: JobState
    fields: tuple[str, ...]
    members: Sequence[Member]
    cells: Sequence[Cell]

    @property
    def finished(self) -> bool:
        """True when nothing of it will change any more."""
        return self.state in FINAL_STATES

    @property
    def ended(self) -> int:
        """How many runs have ended, well or not."""
        return sum(member.line.state in FINAL_STATES for member in self.members)

    @property
    def repeated(self) -> bool:
        """True when some runs differ only in their seed."""
        return len(self.cells) < len(self.members)


def listed(session: Session, project_id: int) -> list[GroupLine]:
    """The matrices and searches of a project, newest first."""
    query = sa.select(Job).where(Job.project_id == project_id, Job.kind.in_((JobKind.GROUP, JobKind.SEARCH)))
    found = list(session.scalars(query.order_by(Job.id.desc())))
    over = sa.func.sum(sa.case((Job.state.in_(sorted(FINAL_STATES)), 1), else_=0))
    below = sa.select(Job.parent_id, sa.func.count(), over).where(Job.parent_id.in_([job.id for job in found]))
    counts = {row[0]: (int(row[1]), int(row[2])) for row in session.execute(below.group_by(Job.parent_id))}
    return [
        GroupLine(job.id, str(job.spec.get("name", "")), *counts.get(job.id, (0, 0)), job.created_at) for job in found
    ]


def by_id(session: Session, project_id: int, group_id: int) -> Group:
    """A matrix with all its runs, in the order in which they were made; a bounded number of queries.

    Raises:
        NotFound: the project has no such matrix.
    """
    job = _job(session, project_id, group_id)
    lines = run_list.lines(session, project_id, group_id)[::-1]
    recipes = _recipes(session, group_id)
    fields = tuple(matrix.varied([recipes[line.number] for line in lines]))
    checked = _checked(session, group_id)
    members = [_member(line, recipes[line.number], fields, checked.get(line.number, (0, 0))) for line in lines]
    return Group(
        group_id, str(job.spec.get("name", "")), _state(job, members), fields, members, _cells(members, fields)
    )


def cancel(session: Session, project_id: int, group_id: int) -> None:
    """Stop every run of a matrix; those that have ended stay.

    Raises:
        NotFound: the project has no such matrix.
    """
    jobs.cancel(session, _job(session, project_id, group_id).id)


def retry(session: Session, project_id: int, group_id: int) -> None:
    """Try every run again that failed or was stopped.

    Raises:
        NotFound: the project has no such matrix.
    """
    jobs.retry(session, _job(session, project_id, group_id).id)


def _job(session: Session, project_id: int, group_id: int) -> Job:
    job = session.get(Job, group_id)
    if job is None or job.project_id != project_id or job.kind != JobKind.GROUP:
        raise NotFound("group_missing", number=group_id)
    return job


def _state(job: Job, members: Sequence[Member]) -> JobState:
    if job.state == JobState.WAITING and any(member.line.state == JobState.RUNNING for member in members):
        return JobState.RUNNING
    return JobState(job.state)


def _recipes(session: Session, group_id: int) -> dict[int, Recipe]:
    query = sa.select(Run.number, Run.recipe).where(Run.job.has(Job.parent_id == group_id))
    return {number: Recipe.from_json(values) for number, values in session.execute(query)}


def _checked(session: Session, group_id: int) -> dict[int, tuple[int, int]]:
    """For each run (images validated, right ones among them) over all its models."""
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    query = sa.select(Run.number, RunFold.validation_count, RunFold.metrics).join(RunFold, RunFold.run_id == Run.id)
    for number, count, values in session.execute(query.where(Run.job.has(Job.parent_id == group_id))):
        accuracy = values.get("val_accuracy")
        if accuracy is not None:
            total, right = found[number]
            found[number] = (total + count, right + round(accuracy * count))
    return found


def _member(line: RunLine, recipe: Recipe, fields: Sequence[str], checked: tuple[int, int]) -> Member:
    total, right = checked
    return Member(
        line, recipe, value_of(recipe, fields), metrics.wilson(right, total), right / total if total else None
    )


def value_of(recipe: Recipe, fields: Sequence[str]) -> tuple[Any, ...]:
    """The values of some fields; changes of pictures as a whole are True or False.

    Whose pictures are changed is ``matrix.NONE`` where none are, and that alone tells it.
    """
    flat: dict[str, Any] = recipe.flat()
    active = recipe.all_changes.active
    flat[matrix.AUGMENTATION] = active
    if not active and matrix.AUGMENTATION not in fields:
        flat[matrix.CLASSES] = matrix.NONE
    return tuple(flat[name] for name in fields)


def _cells(members: Sequence[Member], fields: Sequence[str]) -> list[Cell]:
    kept = [name for name in fields if name != SEED]
    found: dict[tuple[Any, ...], list[Member]] = {}
    for member in members:
        found.setdefault(value_of(member.recipe, kept), []).append(member)
    return [_cell(values, inside) for values, inside in found.items()]


def _cell(values: tuple[Any, ...], members: Sequence[Member]) -> Cell:
    seconds = [member.line.seconds for member in members if member.line.seconds is not None]
    return Cell(
        values,
        members,
        metrics.spread(member.validation_accuracy for member in members),
        metrics.spread(member.line.test_accuracy for member in members),
        sum(seconds) if seconds else None,
    )
