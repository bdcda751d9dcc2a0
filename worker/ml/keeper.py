"""What is remembered of the epochs of one model, and when its training ends."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.recipe import Recipe
from worker.ml.network import Network, Weights


@dataclass(frozen=True)
class EpochResult:
    """The numbers of one epoch. ``loss`` and ``accuracy`` are means while training, with augmentation and dropout."""

    epoch: int  # counted from 1
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float  # of the first step
    seconds: float
    stage: int = 1  # of the training, see ``app.domain.stages``

    def metrics(self) -> dict[str, float | None]:
        """The four values by name."""
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Best:
    """The state of the model after its best epoch by one value."""

    result: EpochResult
    weights: Weights = field(repr=False)
    probabilities: NDArray[np.float32] = field(repr=False)  # (validation, classes)


@dataclass(frozen=True)
class Kept:
    """Everything a keeper knows.

    Attributes:
        epochs: numbers of all epochs so far.
        bests: best state by ``val_loss`` and by ``val_accuracy``, and that with which a stage ended, as "stage 1".
        mark: the value that the next epoch must beat by ``min_delta``; ``waited``: epochs that did not.
    """

    epochs: tuple[EpochResult, ...] = ()
    bests: dict[str, Best] = field(default_factory=dict)
    mark: float = math.inf
    waited: int = 0


class Keeper:
    """Remembers the best states of a model and decides when patience has run out; goes on from ``kept``."""

    def __init__(self, recipe: Recipe, network: Network, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self._recipe, self._network = recipe, network
        self.bests: dict[str, Best] = dict(kept.bests)
        self.epochs: list[EpochResult] = list(kept.epochs)
        self._mark, self._waited = kept.mark, kept.waited
        self._own: list[Best] = []  # that nobody else has seen yet
        self._memory: list[Weights] = []  # of those of them that were overtaken

    def kept(self) -> Kept:
        """What is known now; later epochs do not change it."""
        self._own.clear()
        return Kept(tuple(self.epochs), dict(self.bests), self._mark, self._waited)

    def end_stage(self, stage: int) -> Best:
        """The best state of a stage that is over, with which the next one begins; patience begins anew."""
        best = self.bests[f"stage {stage}"] = self.bests[self._recipe.monitor]
        self._mark, self._waited = math.inf, 0
        self._own.clear()
        self._memory.clear()  # other weights may be held still from now on
        return best

    def add(self, result: EpochResult, probabilities: NDArray[np.float32]) -> bool:
        """Take note of an epoch; True when the training should end early."""
        self.epochs.append(result)
        improved = [name for name in ("val_loss", "val_accuracy") if self._better(name, result)]
        if improved:
            memory = self._memory.pop() if self._memory else None
            best = Best(result, self._network.weights(memory), probabilities)
            self.bests |= dict.fromkeys(improved, best)
            self._forget_overtaken()
            self._own.append(best)
        if not self._recipe.patience or result.val_loss is None:
            return False
        value = self.watched(result)
        if value < self._mark - self._recipe.min_delta:
            self._mark, self._waited = value, 0
            return False
        self._waited += 1
        return self._waited >= self._recipe.patience

    def _forget_overtaken(self) -> None:
        """Keep the memory of states that are the best by no value any more, where only this keeper knows them."""
        known = {id(best) for best in self.bests.values()}
        self._memory += [best.weights for best in self._own if id(best) not in known]
        self._own = [best for best in self._own if id(best) in known]

    def watched(self, result: EpochResult) -> float:
        """The value that decides about patience, smaller is better; without validation the training loss."""
        return result.loss if result.val_loss is None else _badness(self._recipe.monitor, result)[0]

    def _better(self, name: str, result: EpochResult) -> bool:
        # Without validation pictures there is nothing to choose by: the last epoch counts.
        if name not in self.bests or result.val_loss is None:
            return True
        return _badness(name, result) < _badness(name, self.bests[name].result)


def _badness(monitor: str, result: EpochResult) -> tuple[float, float]:
    """Smaller is better; the second value decides between equal ones, which are common in small sets."""
    loss, accuracy = result.val_loss or 0.0, result.val_accuracy or 0.0
    loss = math.inf if math.isnan(loss) else loss
    return (loss, -accuracy) if monitor == "val_loss" else (-accuracy, loss)
