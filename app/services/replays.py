"""A finished training with another way of stopping: what would have come of it, from the epochs that are stored.

The models of the best epoch by validation loss and by validation accuracy are both judged on the test set when a
training ends; ``RunFold.metrics["kept"]`` has {"val_loss": {"epoch", …, "test_images", "test_right"}, ...}.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db.run_models import Run
from app.domain import metrics, replay
from app.domain.recipe import Recipe
from app.domain.replay import Outcome, Rule
from app.services import progress, report
from app.services.progress import EpochRow


@dataclass(frozen=True)
class Choice:
    """One epoch that would have been kept. ``test``: its accuracy there, None where its weights were not kept."""

    row: EpochRow
    test: float | None
    watched: bool


@dataclass(frozen=True)
class Fold:
    """One model: ``number`` from 1, what was (its kept epoch and its last one), and what would have come of it."""

    number: int
    was_best: int
    was_end: int
    outcome: Outcome
    by_loss: Choice
    by_accuracy: Choice
    seconds: float  # that would not have been needed

    @property
    def kept(self) -> Choice:
        """The epoch whose weights would be the model."""
        return self.by_loss if self.by_loss.watched else self.by_accuracy


@dataclass(frozen=True)
class Replay:
    """All models of a run under ``rule``; ``own`` is the rule of the run."""

    rule: Rule
    own: Rule
    most: int
    folds: Sequence[Fold]
    rows: Sequence[EpochRow]
    exact: bool  # False when the rule would also have changed the learning rate
    seconds: float  # of all epochs that were trained

    @property
    def saved(self) -> float:
        """Seconds that would not have been needed."""
        return sum(fold.seconds for fold in self.folds)

    @property
    def open(self) -> bool:
        """True when a model would have gone on beyond what is known."""
        return any(fold.outcome.reason == "open" for fold in self.folds)

    @property
    def validation(self) -> metrics.Spread | None:
        """Accuracy of the epochs that would have been kept."""
        return metrics.spread(fold.kept.row.val_accuracy for fold in self.folds)

    @property
    def test(self) -> metrics.Spread | None:
        """The same on the test set; None unless all are known."""
        found = [fold.kept.test for fold in self.folds]
        return None if None in found else metrics.spread(found)


def rule_of(recipe: Recipe) -> Rule:
    """How a run itself was stopped."""
    return Rule(recipe.monitor, recipe.patience, recipe.min_delta)


def of(session: Session, run: Run, rule: Rule) -> Replay | None:
    """What would have come of ``run``; None where nothing can be said: no epochs, or no validation."""
    recipe = Recipe.from_json(run.recipe)
    rows = progress.epochs(session, run)
    tests = {line.number - 1: (line.best_epoch, line.test_accuracy) for line in report.result(session, run).folds}
    folds = []
    for model in run.folds:
        mine = [row for row in rows if row.fold == model.fold]
        outcome = replay.replay(mine, rule, recipe.epochs)
        if outcome is None or model.best_epoch is None:
            continue
        known = _tested(model.metrics)
        best, accuracy = tests[model.fold]
        if best is not None and accuracy is not None:
            known[best] = accuracy
        folds.append(_fold(model.fold, model.best_epoch, mine, outcome, known))
    if not folds:
        return None
    own = rule_of(recipe)
    exact = replay.exact(recipe.schedule) or (rule.monitor, rule.min_delta) == (own.monitor, own.min_delta)
    return Replay(rule, own, recipe.epochs, folds, rows, exact, sum(row.seconds for row in rows))


def _tested(values: Mapping[str, Any]) -> dict[int, float]:
    """Test accuracy by epoch, of the two that were kept."""
    found = {}
    for one in values.get("kept", {}).values():
        if one.get("test_images"):
            found[int(one["epoch"])] = one["test_right"] / one["test_images"]
    return found


def _fold(fold: int, best: int, rows: Sequence[EpochRow], outcome: Outcome, known: Mapping[int, float]) -> Fold:
    at = {row.epoch: row for row in rows}

    def choice(epoch: int, watched: bool) -> Choice:
        return Choice(at[epoch], known.get(epoch), watched)

    by_loss_is_kept = outcome.kept == outcome.loss_epoch
    return Fold(
        fold + 1,
        best,
        rows[-1].epoch,
        outcome,
        choice(outcome.loss_epoch, by_loss_is_kept),
        choice(outcome.accuracy_epoch, not by_loss_is_kept or outcome.loss_epoch == outcome.accuracy_epoch),
        sum(row.seconds for row in rows if row.epoch > outcome.end),
    )
