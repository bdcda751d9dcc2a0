"""Whether the folds of a run are trained by one process, one after the other, or by many workers at the same time.

Together is faster for a small network: one start, one reading of the pictures, one traced function for all folds.
Spread is faster when a fold takes longer than starting a process for it, and other workers have nothing to do. Both
are estimated from what was measured: the seconds of an epoch and the seconds until the first step.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import EpochMetric, Job, Run, RunFold
from app.domain.enums import JobKind, JobState, Lane
from app.domain.recipe import Recipe
from app.services import jobs

FRESH_SECONDS = 7.0  # two signs of life: one that was just killed must not be counted on
START_SECONDS = 8.0  # of a process with its pictures, as long as none was measured
WORTH = 0.75  # spread must take at most this part of the time
RUNS_LOOKED_AT = 40
STARTS_LOOKED_AT = 5
START = "start_seconds"  # key of ``Job.result``: from the claim to the first step


class Spread(StrEnum):
    """What a person wishes; ``spec["spread"]`` of a training."""

    AUTO = "auto"
    TOGETHER = "together"
    SPREAD = "spread"


@dataclass(frozen=True)
class Cost:
    """Seconds of training one fold, of starting a process for it, and places that are free on other workers."""

    fold: float
    start: float
    places: int

    def together(self, folds: int) -> float:
        """Seconds for ``folds`` folds in the process that runs already."""
        return folds * self.fold

    def spread(self, folds: int) -> float:
        """Seconds for ``folds`` folds as children on this worker and the free places, and for summing up."""
        rounds = math.ceil(folds / (1 + self.places))
        return rounds * (self.fold + self.start) + self.start

    def worth(self, folds: int) -> bool:
        """True when ``folds`` folds should become children."""
        return self.places > 0 and folds > 0 and self.spread(folds) < WORTH * self.together(folds)


def estimate(session: Session, run: Run, job: Job, worker: str) -> Cost | None:
    """What is known before the run has begun; None when no similar run has been trained."""
    recipe = Recipe.from_json(run.recipe)
    pace = seconds_per_picture(session, recipe)
    if pace is None:
        return None
    most = session.scalar(sa.select(sa.func.max(RunFold.train_count)).where(RunFold.run_id == run.id)) or 0
    return cost(session, job, worker, pace * most * recipe.epochs)


def cost(session: Session, job: Job, worker: str, fold_seconds: float) -> Cost:
    """The price of a fold of ``fold_seconds`` at this moment, seen from ``worker``, which runs ``job``."""
    return Cost(fold_seconds, start_seconds(session), free_places(session, Lane(job.lane), job.needs, worker))


def seconds_per_picture(session: Session, recipe: Recipe) -> float | None:
    """Of one epoch with the same network, picture size and number format, by the newest run that has some."""
    query = sa.select(Run.id, Run.recipe).order_by(Run.id.desc()).limit(RUNS_LOOKED_AT)
    for run_id, values in session.execute(query).all():
        other = Recipe.from_json(values)
        if _kind(other) == _kind(recipe) and (pace := _pace(session, run_id)) is not None:
            return pace
    return None


def _kind(recipe: Recipe) -> tuple[object, ...]:
    return recipe.architecture, recipe.layers, recipe.image_size, recipe.precision


def _pace(session: Session, run_id: int) -> float | None:
    """The first epoch of each fold is left out where there are others: the function is compiled in it."""
    query = (
        sa.select(EpochMetric.epoch, EpochMetric.seconds, RunFold.train_count)
        .join(RunFold, sa.and_(RunFold.run_id == EpochMetric.run_id, RunFold.fold == EpochMetric.fold))
        .where(EpochMetric.run_id == run_id, RunFold.train_count > 0)
        .order_by(EpochMetric.id)
        .limit(200)
    )
    rows = session.execute(query).all()
    paces = [row.seconds / row.train_count for row in rows if row.epoch > 1]
    paces = paces or [row.seconds / row.train_count for row in rows]
    return statistics.median(paces) if paces else None


def start_seconds(session: Session) -> float:
    """From the claim of a training to its first step: the median of the newest ones."""
    query = sa.select(Job.result).where(Job.kind.in_((JobKind.TRAIN, JobKind.FOLD))).order_by(Job.id.desc()).limit(50)
    known = [float(result[START]) for result in session.scalars(query) if START in result]
    return statistics.median(known[:STARTS_LOOKED_AT]) if known else START_SECONDS


def free_places(session: Session, lane: Lane, needs: str, worker: str) -> int:
    """Places of ``lane`` on workers other than ``worker`` that may take such a job and that no queued job will take."""
    busy: dict[str, int] = {}
    running = sa.select(Job.owner, sa.func.count()).where(Job.state.in_(jobs.ACTIVE), Job.lane == lane)
    for owner, count in session.execute(running.group_by(Job.owner)):
        busy[owner or ""] = count
    places = 0
    for other in jobs.workers_alive(session, FRESH_SECONDS):
        if other.name != worker and needs in jobs.able(other).needs:
            slots = int(other.info.get("slots", {}).get(str(lane), 0))
            places += max(slots - busy.get(other.name, 0), 0)
    queued = sa.select(sa.func.count()).where(Job.state == JobState.QUEUED, Job.lane == lane)
    return max(places - (session.scalar(queued) or 0), 0)


def fold_specs(run_id: int, folds: Sequence[int]) -> list[dict[str, int]]:
    """What the children of a run are told."""
    return [{"run_id": run_id, "fold": fold} for fold in folds]
