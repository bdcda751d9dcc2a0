"""Trains one model for each fold of a run, all with the same compiled functions."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.domain import augment, schedules
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from worker.ml import balance, data, device, mirrored
from worker.ml.checkpoint import State
from worker.ml.keeper import Best, EpochResult, Keeper
from worker.ml.reporting import Reporter, Silent
from worker.ml.saving import SavedModel, versions
from worker.ml.steps import EVALUATION_BATCH

__all__ = ["Begin", "EpochResult", "FoldPlan", "FoldResult", "Reporter", "Silent", "fit_folds"]

Indices = NDArray[np.int64]

_REPORT_SECONDS = 0.25  # between two looks at should_stop, and two reports within an epoch
_CHUNK_BYTES = 64 * 2**20  # pictures that are handed to TensorFlow at a time; the set itself is never copied
_ORDER, _DRAWS = 1, 2  # so that one seed does not draw the same numbers for two purposes


@dataclass(frozen=True)
class FoldPlan:
    """Which pictures one model learns from and is validated on, as positions; ``validation`` may be empty."""

    fold: int
    train: Indices
    validation: Indices


@dataclass(frozen=True)
class FoldResult:
    """A trained model.

    Attributes:
        model: weights of the best epoch by the recipe's monitor, ready to be saved.
        best: that epoch's numbers.
        probabilities: (validation pictures, classes) of that epoch, in the order of the plan.
        stop_reason: ``epochs`` (all were trained), ``early`` (patience ran out) or ``stopped`` (``should_stop``).
        bests: the best state by ``val_loss`` and by ``val_accuracy``; without validation the last one.
    """

    fold: int
    model: SavedModel
    best: EpochResult
    probabilities: NDArray[np.float32]
    stop_reason: str
    epochs: tuple[EpochResult, ...]
    bests: dict[str, Best]
    seconds: float


@dataclass(frozen=True)
class Begin:
    """Where a training begins that is not a new one, or only a part of one.

    Attributes:
        states: for each fold the state to go on from; the others begin with new weights.
        precision: ``float32`` or ``mixed_bfloat16``; "" leaves it to the recipe and this machine.
        most: training pictures in the largest fold of the whole run, where ``plans`` are not all of them; it limits
            the batch size, which must be the same for all folds wherever they are trained.
        devices: names such as ``GPU:0`` that share each batch; empty: all graphics cards where there are several.
    """

    states: Mapping[int, State] = field(default_factory=dict)
    precision: str = ""
    most: int = 0
    devices: tuple[str, ...] = ()


class _Stopped(Exception):
    """``should_stop`` said so within an epoch."""


def fit_folds(
    pictures: data.Pictures,
    labels: NDArray[np.int64],
    plans: Sequence[FoldPlan],
    recipe: Recipe,
    class_names: Sequence[str],
    reporter: Reporter | None = None,
    begin: Begin | None = None,
) -> Iterator[FoldResult]:
    """Train the models of ``plans`` one after the other; each is given out as soon as it is done.

    Everything random comes from ``recipe.seed`` and the number of the fold. When ``should_stop`` says so, the fold
    that is being trained is given out with its best state so far, if it has finished an epoch, and no other follows.

    Args:
        pictures: (n, size, size, 3) uint8, see ``data.load``.
        labels: (n,) positions in ``class_names``.
        plans: positions in ``pictures``.
        recipe: checked values.
        class_names: names of the outputs, kept with the saved models.
        reporter: progress and stop; silent by default.
        begin: what to go on from; by default everything is new.

    Raises:
        Invalid: ``fold_without_images`` for a plan with no training pictures; ``network_needs_larger_images``.
        AppError: ``loss_not_finite`` with fold, epoch and learning_rate.
    """
    for plan in plans:
        if not len(plan.train):
            raise Invalid("fold_without_images", fold=plan.fold + 1)
    begin = _filled(begin or Begin(), plans)
    trainer = _Trainer(pictures, labels, recipe, class_names, begin)
    for plan in plans:
        result = trainer.fit(plan, reporter or Silent(), begin.states.get(plan.fold))
        if result is not None:
            yield result
        if result is None or result.stop_reason == "stopped":
            return


def _filled(begin: Begin, plans: Sequence[FoldPlan]) -> Begin:
    """``begin`` with what it left open."""
    most = max((len(plan.train) for plan in plans), default=1)
    precision = begin.precision or next((state.precision for state in begin.states.values()), "")
    return replace(begin, precision=precision, most=begin.most or most, devices=begin.devices or device.cards())


class _Trainer:
    """The compiled functions of one run, and the pictures they work on."""

    def __init__(
        self, pictures: data.Pictures, labels: NDArray[np.int64], recipe: Recipe, names: Sequence[str], begin: Begin
    ) -> None:
        self.recipe, self.names, self.pictures = recipe, tuple(names), pictures
        self.labels = np.ascontiguousarray(labels, dtype=np.int64)
        self.precision = begin.precision or device.resolve_precision(recipe.precision)
        self.network, self.steps = mirrored.build(
            recipe, len(self.names), self.precision, min(recipe.batch_size, begin.most), begin.devices
        )
        self._most_at_once = max(1, _CHUNK_BYTES // max(1, int(np.prod(pictures.shape[1:]))))
        self._pace = 0.0  # pictures a second, measured; decides how much is done between two reports

    def fit(self, plan: FoldPlan, reporter: Reporter, state: State | None = None) -> FoldResult | None:
        """Train one model, from new weights or from ``state``; None when it was stopped before its first epoch."""
        started = time.perf_counter() - (state.seconds if state else 0.0)
        fitted = data.statistics(self.pictures, plan.train) if self.recipe.normalisation == "featurewise" else None
        self.network.set_statistics(fitted)
        self.steps.set_class_weights(balance.class_weights(self.labels[plan.train], len(self.names)))
        self._set(plan, state)
        keeper = Keeper(self.recipe, self.network, state.kept if state else None)
        reason = "epochs"
        for epoch in range(len(keeper.epochs) + 1, self.recipe.epochs + 1):
            try:
                ended = self._epoch(plan, epoch, keeper, reporter)
            except _Stopped:
                reason = "stopped"
                break
            reporter.epoch(plan.fold, keeper.epochs[-1])
            if ended:
                reason = "early"
                break
            if epoch < self.recipe.epochs and reporter.wants_state(plan.fold):
                reporter.state(self._state(plan.fold, keeper, time.perf_counter() - started))
        if not keeper.bests:
            return None
        return self._result(plan, keeper, reason, fitted, time.perf_counter() - started)

    def _set(self, plan: FoldPlan, state: State | None) -> None:
        if state is None:
            self.network.initialise((self.recipe.seed, plan.fold))
            self.steps.optimizer.reset()
            return
        self.network.set_weights(state.weights)
        self.network.set_generators(state.generators)
        self.steps.optimizer.restore(state.slots, state.step)

    def _state(self, fold: int, keeper: Keeper, seconds: float) -> State:
        slots, step = self.steps.optimizer.state()
        return State(
            fold, self.recipe, len(self.names), self.precision, seconds, self.network.weights(), slots, step,
            self.network.generators(), keeper.kept(),
        )  # fmt: skip

    def _result(
        self, plan: FoldPlan, keeper: Keeper, reason: str, fitted: data.Statistics | None, seconds: float
    ) -> FoldResult:
        best = keeper.bests[self.recipe.monitor]
        model = SavedModel(
            self.recipe, self.names, best.weights, fitted, self.precision, best.result.epoch, best.result.metrics(),
            versions(),
        )  # fmt: skip
        return FoldResult(
            plan.fold, model, best.result, best.probabilities, reason, tuple(keeper.epochs), keeper.bests, seconds
        )

    def _epoch(self, plan: FoldPlan, epoch: int, keeper: Keeper, reporter: Reporter) -> bool:
        """Train and validate; True when the training should end early."""
        started = time.perf_counter()
        per_epoch = math.ceil(len(plan.train) / self.steps.batch_size)
        watched = [keeper.watched(result) for result in keeper.epochs]
        rates = schedules.rates(self.recipe, epoch, per_epoch, watched)
        loss, accuracy = self._train(plan, epoch, rates, reporter)
        with self.steps.optimizer.averaged():
            val_loss, val_accuracy, probabilities = self._validate(plan.validation, reporter)
            seconds = time.perf_counter() - started
            result = EpochResult(epoch, loss, accuracy, val_loss, val_accuracy, float(rates[0]), seconds)
            return keeper.add(result, probabilities)

    def _train(self, plan: FoldPlan, epoch: int, rates: NDArray[np.float32], reporter: Reporter) -> tuple[float, float]:
        """Mean loss and accuracy of one pass over the training pictures."""
        batch, count = self.steps.batch_size, len(plan.train)
        rng = np.random.default_rng((self.recipe.seed, plan.fold, _ORDER, epoch))
        order = balance.order(plan.train, self.labels, rng, even=self.recipe.class_balance == "batches")
        rng = np.random.default_rng((self.recipe.seed, plan.fold, _DRAWS, epoch))
        draws = augment.draw(self.recipe.augmentation, count, self.recipe.image_size, rng)
        loss, right = 0.0, 0
        for part in self._parts(count, batch, reporter):
            loss, more_right = self._timed(order[part], rates[part.start // batch :], draws, part, loss)
            right += more_right
            if not math.isfinite(loss):
                raise AppError(
                    "loss_not_finite", fold=plan.fold + 1, epoch=epoch, learning_rate=self.recipe.learning_rate
                )
            reporter.step(plan.fold, epoch, part.stop, count)
        return loss / count, right / count

    def _parts(self, count: int, batch: int, reporter: Reporter) -> Iterator[slice]:
        """Slices of whole batches, each of about ``_REPORT_SECONDS``, until the pictures end."""
        start = 0
        while start < count:
            if reporter.should_stop():
                raise _Stopped
            wanted = int(self._pace * _REPORT_SECONDS) if self._pace else batch
            size = max(batch, min(wanted, self._most_at_once) // batch * batch)
            yield slice(start, min(start + size, count))
            start += size

    def _timed(
        self, places: Indices, rates: NDArray[np.float32], draws: augment.Draws, part: slice, so_far: float
    ) -> tuple[float, int]:
        started = time.perf_counter()
        rates = rates[: math.ceil(len(places) / self.steps.batch_size)]
        result = self.steps.train(self.pictures[places], self.labels[places], rates, draws.part(part), so_far)
        self._measure(len(places), time.perf_counter() - started)
        return result

    def _measure(self, count: int, seconds: float) -> None:
        # The first call compiles and would make the parts too small for ever; a slow start only makes them grow later.
        self._pace = max(self._pace * 0.5, count / seconds)

    def _validate(self, places: Indices, reporter: Reporter) -> tuple[float | None, float | None, NDArray[np.float32]]:
        if not len(places):
            return None, None, np.zeros((0, len(self.names)), np.float32)
        losses, right, probabilities = [], 0, []
        # Whole batches, so that no number depends on how fast the machine is.
        size = max(1, min(int(self._pace), self._most_at_once) // EVALUATION_BATCH) * EVALUATION_BATCH
        for start in range(0, len(places), size):
            if reporter.should_stop():
                raise _Stopped
            part = places[start : start + size]
            some, more_right, more = self.steps.evaluate(self.pictures[part], self.labels[part])
            losses.append(some)
            right += more_right
            probabilities.append(more)
        loss = float(np.concatenate(losses).sum(dtype=np.float64))
        return loss / len(places), right / len(places), np.concatenate(probabilities)
