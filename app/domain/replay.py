"""Where a training would have ended, and which epoch would have been kept, with another way of stopping.

A pure function of the numbers of its epochs: the weights after an epoch do not depend on when the training ends, as
long as the learning rate does not (see ``exact``). The rules are those of ``worker.ml.keeper``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LOSS, ACCURACY = "val_loss", "val_accuracy"


class Epoch(Protocol):
    """The numbers of one epoch; epochs count from 1."""

    @property
    def epoch(self) -> int: ...
    @property
    def val_loss(self) -> float | None: ...
    @property
    def val_accuracy(self) -> float | None: ...


@dataclass(frozen=True)
class Rule:
    """The watched value, the epochs without improvement after which to end (0: never), and the least improvement."""

    monitor: str = LOSS
    patience: int = 10
    min_delta: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What would have come of one model.

    Attributes:
        end: the last epoch.
        reason: ``early``; ``epochs`` (all that the recipe allows); or ``open``: the training itself ended here, and
            would have gone on, nobody knows how.
        loss_epoch, accuracy_epoch: the best by each value; equal ones are decided by the other value, then the first.
        kept: the one of them that is watched.
    """

    end: int
    reason: str
    loss_epoch: int
    accuracy_epoch: int
    kept: int


def replay(epochs: Sequence[Epoch], rule: Rule, most: int) -> Outcome | None:
    """Apply ``rule`` to the epochs of one model in their order; ``most`` is the number that its recipe allows.

    None where there was no validation: nothing is chosen then, and the last epoch counts.
    """
    if not epochs or any(_missing(one) for one in epochs):
        return None
    mark, waited, end, reason = math.inf, 0, len(epochs), "epochs" if len(epochs) >= most else "open"
    for number, one in enumerate(epochs, 1):
        value = _badness(rule.monitor, one)[0]
        if value < mark - rule.min_delta:
            mark, waited = value, 0
        else:
            waited += 1
        if rule.patience and waited >= rule.patience:
            end, reason = number, "early"
            break
    seen = epochs[:end]
    by_loss = min(seen, key=lambda one: (_badness(LOSS, one), one.epoch)).epoch
    by_accuracy = min(seen, key=lambda one: (_badness(ACCURACY, one), one.epoch)).epoch
    return Outcome(seen[-1].epoch, reason, by_loss, by_accuracy, by_loss if rule.monitor == LOSS else by_accuracy)


def exact(schedule: str) -> bool:
    """False when the watched value also sets the learning rate: another one would have changed the weights."""
    return schedule != "plateau"


def _missing(one: Epoch) -> bool:
    return one.val_accuracy is None


def _badness(monitor: str, one: Epoch) -> tuple[float, float]:
    """Smaller is better. A loss that was no number is stored as none, and is the worst."""
    loss = math.inf if one.val_loss is None else one.val_loss
    accuracy = one.val_accuracy or 0.0
    return (loss, -accuracy) if monitor == LOSS else (-accuracy, loss)
