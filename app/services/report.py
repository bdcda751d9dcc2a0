"""The result of a run in one piece: for the run page, for ``--json`` of the command line and for download."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run, RunFold, RunItem
from app.domain import curve_words, metrics
from app.domain.curve_words import Blind
from app.domain.enums import JobState, PredictionRole, RunKind, Split
from app.services import answers, packs, review
from app.services.answers import Kept

ROLES = (PredictionRole.TEST, PredictionRole.VALIDATION)
FOLD_VALUES = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class FoldLine:
    """One model: its data, the epoch that was kept and what belongs to that epoch. ``number`` counts from 1."""

    number: int
    train_count: int
    validation_count: int
    best_epoch: int | None
    stop_reason: str
    values: dict[str, float | None]  # by the names of FOLD_VALUES, of the best epoch
    validation_correct: int | None
    test_accuracy: float | None
    seconds: float | None

    @property
    def finished(self) -> bool:
        """True when this model is trained."""
        return self.best_epoch is not None and self.stop_reason != ""


@dataclass(frozen=True)
class Result:
    """Everything that a finished (or half finished) run has to show, without its pictures."""

    counts: dict[str, int]  # images by split
    folds: list[FoldLine]
    spreads: dict[str, metrics.Spread | None]  # over the folds: FOLD_VALUES and "test_accuracy"
    test: review.Summary | None
    validation: review.Summary | None
    test_loss: float | None
    validation_loss: float | None
    limited: dict[PredictionRole, int]  # images whose loss is larger than what is counted, see ``review.limited``
    guess: Blind  # what answers without a look at the pictures reach in the curves


@dataclass(frozen=True)
class Cut:
    """What a training that was stopped had done: models of all, and images that they judged of all they should have."""

    models: int
    of: int
    images: int
    total: int


def cut(found: Result, state: JobState) -> Cut | None:
    """None for a run that was not stopped, and for one of which nothing was kept."""
    models = sum(line.finished for line in found.folds)
    by_hand = models < len(found.folds) or any(line.stop_reason == "stopped" for line in found.folds)
    if not models or state not in (JobState.DONE, JobState.CANCELLED) or (state is JobState.DONE and not by_hand):
        return None
    total = sum(line.validation_count for line in found.folds)
    return Cut(models, len(found.folds), found.validation.total if found.validation else 0, total)


def result(session: Session, run: Run, kept: Kept | None = None) -> Result:
    """The result of ``run``; a few queries for each of its models, whatever its size."""
    named = review.classes(session, run)
    said = answers.every(session, kept or Kept(), run, len(named))
    folds = _folds(session, run, review.counts(said))
    spreads = {name: metrics.spread(fold.values[name] for fold in folds) for name in FOLD_VALUES}
    spreads["test_accuracy"] = metrics.spread(fold.test_accuracy for fold in folds)

    def of(role: PredictionRole) -> tuple[review.Summary | None, float | None]:
        found = said.get((role, None))
        return (None, None) if found is None else (review.summed(found, named, role), review.loss(found))

    test, test_loss = of(PredictionRole.TEST)
    validation, validation_loss = of(PredictionRole.VALIDATION)
    guess = _guess(session, run, folds, validation)
    counts = _counts(session, run, kept)
    limited = {role: review.limited(said[role, None]) for role in ROLES if (role, None) in said}
    return Result(counts, folds, spreads, test, validation, test_loss, validation_loss, limited, guess)


def _guess(session: Session, run: Run, folds: Sequence[FoldLine], validation: review.Summary | None) -> Blind:
    """From the classes of the validated images; of all but the test set while the run is not through."""
    if validation is not None:
        counts = validation.matrix.sum(axis=1).tolist()
    else:
        query = sa.select(RunItem.label, sa.func.count()).where(RunItem.run_id == run.id, RunItem.split != Split.TEST)
        found = {label: int(count) for label, count in session.execute(query.group_by(RunItem.label))}
        counts = [found.get(item.position, 0) for item in review.classes(session, run)]
    images = min((line.validation_count for line in folds), default=0)
    return curve_words.blind(counts, images, balanced=run.recipe.get("class_balance") == "batches")


def result_json(session: Session, run: Run, kept: Kept | None = None) -> dict[str, Any]:
    """The result as plain values for JSON; folds and epochs are counted from 1, shares go from 0 to 1."""
    found = result(session, run, kept)
    job = session.get_one(Job, run.job_id)
    stopped = cut(found, JobState(job.state))
    names = [item.name for item in review.classes(session, run)]
    plain: dict[str, Any] = _finite(
        {
            "project": session.get_one(Project, run.project_id).slug,
            "run": run.number,
            "name": run.name,
            "kind": run.kind,
            "state": job.state,
            "stopped": asdict(stopped) if stopped else None,
            "error": {"code": job.error_code, "params": job.error_params} if job.error_code else None,
            "created_at": run.created_at.isoformat(),
            "seconds": run.seconds,
            "classes": names,
            "images": found.counts,
            "label_watermark": run.label_watermark,
            "test": _summary_json(found, found.test, names),
            "validation": _summary_json(found, found.validation, names),
            "folds": [_fold_json(fold) for fold in found.folds],
            "mean": {name: _spread_json(value) for name, value in found.spreads.items()},
            "recipe": run.recipe,
            "views": run.views,
            "environment": run.environment,
        }
    )
    return plain


def _counts(session: Session, run: Run, kept: Kept | None) -> dict[str, int]:
    """Images by split; the worker may have left them, and the images of a run never change once it is trained."""
    file = packs.find(session, kept.store, run, packs.IMAGES, None) if kept is not None and kept.store else None
    if file is not None and "splits" in file.note:
        return dict(file.note["splits"])
    return splits(session, run)


def splits(session: Session, run: Run) -> dict[str, int]:
    """How many images of the run are in each split."""
    query = sa.select(RunItem.split, sa.func.count()).where(RunItem.run_id == run.id).group_by(RunItem.split)
    return {split: int(count) for split, count in session.execute(query)}


def _folds(session: Session, run: Run, known: dict[tuple[PredictionRole, int], tuple[int, int]]) -> list[FoldLine]:
    rows = session.scalars(sa.select(RunFold).where(RunFold.run_id == run.id).order_by(RunFold.fold))
    test_role = PredictionRole.TEST_FOLD if run.kind == RunKind.KFOLD else PredictionRole.TEST
    lines = []
    for row in rows:
        validation = known.get((PredictionRole.VALIDATION, row.fold))
        test = known.get((test_role, row.fold))
        lines.append(
            FoldLine(
                number=row.fold + 1,
                train_count=row.train_count,
                validation_count=row.validation_count,
                best_epoch=row.best_epoch,
                stop_reason=row.stop_reason,
                values={name: row.metrics.get(name) for name in FOLD_VALUES},
                validation_correct=validation[1] if validation else None,
                test_accuracy=test[1] / test[0] if test else None,
                seconds=row.seconds,
            )
        )
    return lines


def _summary_json(result: Result, found: review.Summary | None, names: list[str]) -> dict[str, Any] | None:
    if found is None:
        return None
    interval = found.interval
    return {
        "images": found.total,
        "correct": found.correct,
        "accuracy": found.accuracy,
        "accuracy_95": [interval.low, interval.high] if interval else None,
        "loss": result.test_loss if found.role is PredictionRole.TEST else result.validation_loss,
        "loss_limited": result.limited.get(found.role, 0),
        "chance": found.chance,
        "majority": found.majority,
        "macro": {"precision": found.macro.precision, "recall": found.macro.recall, "f1": found.macro.f1},
        "classes": [
            {
                "name": names[score.position],
                "images": score.support,
                "correct": score.correct,
                "precision": score.precision,
                "recall": score.recall,
                "f1": score.f1,
            }
            for score in found.scores
        ],
        "confusion": found.matrix.tolist(),
        "most_confused": [
            {"true": names[pair.true], "predicted": names[pair.predicted], "images": pair.count} for pair in found.pairs
        ],
    }


def _fold_json(fold: FoldLine) -> dict[str, Any]:
    return {
        "fold": fold.number,
        "train": fold.train_count,
        "validation": fold.validation_count,
        "best_epoch": fold.best_epoch,
        "stop_reason": fold.stop_reason,
        **fold.values,
        "test_accuracy": fold.test_accuracy,
        "seconds": fold.seconds,
    }


def _spread_json(value: metrics.Spread | None) -> dict[str, Any] | None:
    return {"mean": value.mean, "sd": value.sd, "folds": value.count} if value else None


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: such a number becomes null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
