"""How long earlier trainings like one took: seconds for a picture in an epoch, and once for each picture of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import EpochMetric, Job, Run, RunFold, RunItem
from app.domain import best
from app.domain.enums import JobState
from app.domain.recipe import Recipe
from app.domain.stages import stages

RUNS_LOOKED_AT = 100
RUNS_USED = 5
_EPOCHS_USED = 500
KIND = (
    "architecture",
    "layers",
    "image_size",
    "batch_size",
    "precision",
    "deterministic",
    "unfrozen_blocks",
    "feature_copies",
    "added_copies",
    "class_augmentation",
)
_NETWORK = 3  # names of ``KIND`` that must always be alike


@dataclass(frozen=True)
class Span:
    """Seconds for one picture, from low to high."""

    low: float
    high: float


@dataclass(frozen=True)
class Pace:
    """Measured seconds for one picture.

    Attributes:
        stages: for one training picture in an epoch of each stage.
        once: for each picture of the run, beside the epochs; None: not of this kind of network.
        run: number of a run in the same project; None: all were in others.
        same: with the same batch size and so on.
    """

    stages: tuple[Span, ...]
    once: Span | None
    run: int | None
    processor: str
    same: bool


def measured(session: Session, project_id: int, recipe: Recipe) -> Pace | None:
    """Seconds a picture in earlier trainings like this one, of any project, without first epochs, which compile.

    Those with the same batch size, number format and so on are used where there are some, else those with the same
    network and picture size. A pretrained network must have had the same frozen blocks and copies too, because these
    decide what an epoch does and what is computed before it.
    """
    query = sa.select(Run.id, Run.number, Run.project_id, Run.recipe, Run.environment, Run.seconds)
    query = query.join(Job, Job.id == Run.job_id).where(Job.state != JobState.QUEUED)
    found = session.execute(query.order_by(Run.id.desc()).limit(RUNS_LOOKED_AT)).all()
    flat = recipe.flat()
    alike = [row for row in found if _kind(row.recipe, _NETWORK) == _kind(flat, _NETWORK)]
    if recipe.pretrained:
        alike = [row for row in alike if _frozen(Recipe.from_json(row.recipe)) == _frozen(recipe)]
    same = [row for row in alike if _kind(row.recipe) == _kind(flat)]
    for rows in (same, alike):
        used = rows[:RUNS_USED]
        spans = _epochs(session, used, len(stages(recipe)))
        once = _once(session, used) if recipe.pretrained else None
        if all(spans) and (once or not recipe.pretrained):
            shown = next((row for row in used if row.project_id == project_id), None)
            processor = str((shown or used[0]).environment.get("processor", ""))
            known = tuple(span for span in spans if span)
            return Pace(known, once, shown.number if shown else None, processor, rows is same)
    return None


def bounded(session: Session, project_id: int, recipe: Recipe, counts: tuple[int, int], spent: float) -> Recipe:
    """``recipe`` with as many epochs as fit, see ``best.bounded``; by what they took before, or take on two cores.

    Args:
        counts: images that its models learn from, all models together, and of the whole training.
        spent: seconds of the trainings before it.
    """
    learned, images = counts
    known = measured(session, project_id, recipe)
    if known is None:
        return best.bounded(recipe, learned, best.pace(recipe), spent, best.once(recipe) * images)
    before = known.once.high * images if known.once else 0.0
    return best.bounded(recipe, learned, known.stages[-1].high, spent, before)


def _kind(values: dict[str, Any], count: int | None = None) -> tuple[object, ...]:
    blank = Recipe().flat()
    return tuple(values.get(name, blank[name]) for name in KIND[:count])


def _frozen(recipe: Recipe) -> tuple[tuple[object, ...], ...]:
    return tuple((stage.frozen, stage.cached, stage.copies) for stage in stages(recipe))


def _epochs(session: Session, runs: Sequence[Any], count: int) -> list[Span | None]:
    """Of each stage; None where it was not measured."""
    recipes = {row.id: Recipe.from_json(row.recipe) for row in runs}
    query = (
        sa.select(
            EpochMetric.run_id, EpochMetric.fold, EpochMetric.epoch, EpochMetric.seconds, RunFold.train_count,
            RunFold.stop_reason,
        )
        .join(RunFold, sa.and_(RunFold.run_id == EpochMetric.run_id, RunFold.fold == EpochMetric.fold))
        .where(EpochMetric.run_id.in_(recipes), RunFold.train_count > 0)
        .order_by(EpochMetric.id.desc())
        .limit(_EPOCHS_USED)
    )  # fmt: skip
    rows = sorted(session.execute(query).all(), key=lambda row: (row.run_id, row.fold, row.epoch))
    paces: list[list[float]] = [[] for _ in range(count)]
    for (run_id, _), fold in groupby(rows, key=lambda row: (row.run_id, row.fold)):
        for stage, found in enumerate(_by_stage(list(fold), recipes[run_id], count)):
            paces[stage] += [row.seconds / row.train_count for row in found]
    return [_span(one) for one in paces]


def _by_stage(rows: list[Any], recipe: Recipe, count: int) -> list[list[Any]]:
    """The epochs of one model that were certainly in each stage: where patience ended the first one is not written."""
    if count == 1:
        return [[row for row in rows if row.epoch > 1]]
    first, second = (least(stage.recipe) for stage in stages(recipe))
    finished = rows[-1].stop_reason in ("epochs", "early")
    begins = min(rows[-1].epoch - second, recipe.epochs) if finished else recipe.epochs
    fine = [row for row in rows if row.epoch > max(begins, first)]
    return [[row for row in rows if 1 < row.epoch <= first], fine[1:]]


def least(recipe: Recipe) -> int:
    """Epochs of a stage when patience ends it as early as it can."""
    return min(recipe.patience + 1, recipe.epochs) if recipe.patience else recipe.epochs


def _once(session: Session, runs: Iterable[Any]) -> Span | None:
    """What runs took beside their epochs: above all what the frozen layers give, as far as it was not known already."""
    took = {row.id: row.seconds for row in runs if row.seconds is not None}
    epochs = sa.select(EpochMetric.run_id, sa.func.sum(EpochMetric.seconds)).where(EpochMetric.run_id.in_(took))
    summed = {row[0]: row[1] for row in session.execute(epochs.group_by(EpochMetric.run_id))}
    items = sa.select(RunItem.run_id, sa.func.count()).where(RunItem.run_id.in_(took)).group_by(RunItem.run_id)
    rest = [(took[run_id] - summed.get(run_id, 0.0)) / count for run_id, count in session.execute(items)]
    # Models that were trained by several jobs at the same time have taken longer together than their run.
    return _span([seconds for seconds in rest if seconds > 0])


def _span(paces: list[float]) -> Span | None:
    paces = sorted(paces)
    return Span(paces[len(paces) // 10], paces[(len(paces) * 9) // 10]) if paces else None
