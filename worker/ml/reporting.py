"""What a training tells while it runs, and how it is asked to stop."""

from typing import Protocol

from worker.ml.checkpoint import State
from worker.ml.keeper import EpochResult


class Reporter(Protocol):
    """Hears of the progress, and says when to stop."""

    def features(self, done: int, total: int) -> None:
        """The frozen layers have seen ``done`` of ``total`` pictures; nothing is trained yet."""

    def step(self, fold: int, epoch: int, done: int, total: int) -> None:
        """``done`` of ``total`` pictures of this epoch are trained; called a few times a second."""

    def epoch(self, fold: int, result: EpochResult) -> None:
        """An epoch and its validation are done."""

    def wants_state(self, fold: int) -> bool:
        """True to be given the state after this epoch; asked after ``epoch``, never after the last one of a fold."""

    def state(self, state: State) -> None:
        """The training can go on from here; the arrays are copies."""

    def should_stop(self) -> bool:
        """True to end with the best so far; asked a few times a second."""


class Silent:
    """A reporter that says nothing and never stops."""

    def features(self, done: int, total: int) -> None:
        """Nothing."""

    def step(self, fold: int, epoch: int, done: int, total: int) -> None:
        """Nothing."""

    def epoch(self, fold: int, result: EpochResult) -> None:
        """Nothing."""

    def wants_state(self, fold: int) -> bool:
        return False

    def state(self, state: State) -> None:
        """Nothing."""

    def should_stop(self) -> bool:
        return False
