"""How far a run is: state, place in line, progress in the epoch, time left, best so far, new epoch rows."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import EpochMetric, Job, Run, RunFold
from app.domain.enums import FINAL_STATES, JobState, Lane
from app.domain.recipe import Recipe
from app.services import jobs, run_jobs, worker_list

TRAINING = "train"  # the phase in which "done" and "total" are images of the epoch


@dataclass(frozen=True)
class EpochRow:
    """One finished epoch. ``id`` grows with each row and is the id of the page's event stream."""

    id: int
    fold: int
    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    stage: int | None = None  # of the training, counted from 1; None where it was not kept


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until the training ends: at least ``low`` (early stopping), at most ``high`` (all epochs)."""

    low: float
    high: float


@dataclass(frozen=True)
class Best:
    """The epoch whose weights would be kept if the training ended now."""

    fold: int
    epoch: int
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment. ``fold`` counts from 0, ``epoch`` and ``place`` from 1; ``share`` is from 0 to 1.

    ``wait`` says why a queued run does not begin, as ``worker_list.why`` does, and ``needs`` what it asks for;
    ``silent`` is true while a worker that trains it does not answer.
    """

    state: JobState
    attempt: int
    keep_best: bool
    error_code: str | None
    error_params: dict[str, Any]
    trace: str  # the last lines of a training that failed, "" when it wrote none
    place: int | None
    wait: str
    needs: str
    silent: bool
    workers: int
    phase: str
    fold: int
    folds: int
    epoch: int
    epochs: int
    done: int  # images of the phase; of the epoch while training
    total: int
    share: float
    left: TimeLeft | None
    best: Best | None
    rows: list[EpochRow]

    @property
    def finished(self) -> bool:
        """True when nothing will change any more."""
        return self.state in FINAL_STATES


@dataclass(frozen=True)
class _Position:
    fold: int
    epoch: int
    step: float  # part of the epoch that is done, 0 to 1


def snapshot(session: Session, run: Run, after: int = 0) -> Snapshot:
    """The run as it is now, with the epoch rows whose id is greater than ``after``; a handful of queries.

    A run whose folds are trained by several jobs is shown as one: fold and epoch are those of the lowest fold that is
    trained, share and time left those of all. ``run.job`` need not be loaded: the job is read afresh.
    """
    job = session.scalars(sa.select(Job).where(Job.id == run.job_id).execution_options(populate_existing=True)).one()
    recipe = Recipe.from_json(run.recipe)
    rows = epochs(session, run)
    folds = max(recipe.folds, 1)
    family = run_jobs.look(session, job)
    state, told = family.state, family.told or (job.progress,)
    positions = [_position(one, rows, recipe.all_epochs) for one in told]
    position = positions[0]
    ended = _ended(session, run, folds) | (set() if family.spread else set(range(position.fold)))
    return Snapshot(
        state=state,
        attempt=job.attempt,
        keep_best=job.keep_best,
        error_code=job.error_code,
        error_params=dict(job.error_params),
        trace=job.error_trace or "",
        place=family.place,
        wait=_wait(session, job) if state is JobState.QUEUED else "",
        needs=job.needs,
        silent=state in jobs.ACTIVE and worker_list.silent(session, job.id),
        workers=0 if state in FINAL_STATES else len(jobs.workers_alive(session)),
        phase=str(told[0].get("phase", "")),
        fold=position.fold,
        folds=folds,
        epoch=position.epoch,
        epochs=recipe.all_epochs,
        done=_whole(told[0].get("done"), 0),
        total=_whole(told[0].get("total"), 0),
        share=_share(state, positions, folds, recipe.all_epochs, ended),
        left=_left(rows, positions, recipe, ended) if state is JobState.RUNNING else None,
        best=best_epoch([row for row in rows if row.fold == position.fold], recipe.monitor),
        rows=[row for row in rows if row.id > after],
    )


def _ended(session: Session, run: Run, folds: int) -> set[int]:
    done = sa.select(RunFold.fold).where(RunFold.run_id == run.id, RunFold.stop_reason != "", RunFold.fold < folds)
    return set(session.scalars(done))


def _wait(session: Session, job: Job) -> str:
    return worker_list.why(worker_list.lines(session), Lane(job.lane), job.needs)


def epochs(session: Session, run: Run) -> list[EpochRow]:
    """All finished epochs in the order in which they were written."""
    columns: tuple[Any, ...] = (
        EpochMetric.id,
        EpochMetric.fold,
        EpochMetric.epoch,
        EpochMetric.loss,
        EpochMetric.accuracy,
        EpochMetric.val_loss,
        EpochMetric.val_accuracy,
        EpochMetric.learning_rate,
        EpochMetric.seconds,
        EpochMetric.stage,
    )
    query = sa.select(*columns).where(EpochMetric.run_id == run.id).order_by(EpochMetric.id)
    return [EpochRow(*row) for row in session.execute(query)]


def best_epoch(rows: list[EpochRow], monitor: str) -> Best | None:
    """The best of one fold's epochs by the monitored value; the earlier of two equal ones, as the training keeps it."""
    if monitor == "val_accuracy":
        known = [(-row.val_accuracy, row.epoch, row) for row in rows if row.val_accuracy is not None]
    else:
        known = [(row.val_loss, row.epoch, row) for row in rows if row.val_loss is not None]
    if not known:
        return None
    row = min(known)[2]
    return Best(row.fold, row.epoch, row.val_loss, row.val_accuracy)


def _position(told: Mapping[str, Any], rows: list[EpochRow], epochs: int) -> _Position:
    """Where the training is: what the worker reported, else the newest row."""
    last = rows[-1] if rows else None
    fold = _whole(told.get("fold"), last.fold if last else 0)
    epoch = _whole(told.get("epoch"), min(last.epoch + 1, epochs) if last and last.fold == fold else 1)
    total = _whole(told.get("total"), 0)
    training = told.get("phase", TRAINING) == TRAINING
    step = min(_whole(told.get("done"), 0) / total, 1.0) if training and total else 0.0
    return _Position(fold, epoch, step)


def _whole(value: Any, default: int) -> int:
    return int(value) if isinstance(value, int | float) and value >= 0 else default


def _share(state: JobState, positions: Sequence[_Position], folds: int, epochs: int, ended: set[int]) -> float:
    """Part of the work that is done. A fold that stopped early counts as a whole one."""
    if state is JobState.DONE:
        return 1.0
    if state in (JobState.QUEUED, JobState.WAITING):
        return min(len(ended) / folds, 1.0)
    inside = {one.fold: min((one.epoch - 1 + one.step) / epochs, 1.0) for one in positions if one.fold not in ended}
    return min((len(ended) + sum(inside.values())) / folds, 1.0)


def _left(rows: list[EpochRow], positions: Sequence[_Position], recipe: Recipe, ended: set[int]) -> TimeLeft | None:
    """None while it cannot be estimated: the first epoch is not done, or only it is, with the compilation in it."""
    if len(rows) < 2:
        return None
    seconds = statistics.median(row.seconds for row in rows[1:][-10:])
    trained = {one.fold: one for one in positions if one.fold not in ended}
    later = max(max(recipe.folds, 1) - len(ended) - len(trained), 0)
    most = least = 0.0
    for one in trained.values():
        here = max(recipe.all_epochs - (one.epoch - 1) - one.step, 0.0)
        most += here
        least += _least(rows, one, recipe, here)
    most += later * recipe.all_epochs
    least += later * (min(recipe.patience + 1, recipe.all_epochs) if recipe.patience else recipe.all_epochs)
    pace = seconds / max(len(trained), 1)  # several folds are trained at the same time
    return TimeLeft(least * pace, most * pace)


def _least(rows: list[EpochRow], position: _Position, recipe: Recipe, here: float) -> float:
    """Epochs until the fold ends at the earliest."""
    if not recipe.patience:
        return here
    best = best_epoch([row for row in rows if row.fold == position.fold], recipe.monitor)
    stop = (best.epoch if best else 0) + recipe.patience
    return min(max(stop - (position.epoch - 1) - position.step, 0.0), here)
