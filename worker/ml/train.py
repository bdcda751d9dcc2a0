"""Trains one model for each fold of a run, all with the same compiled functions."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import augment, schedules, whitening
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from worker.ml import balance, data, device, models, standard
from worker.ml.changing import Changes
from worker.ml.checkpoint import State
from worker.ml.folds import Begin, FoldPlan, FoldResult
from worker.ml.frozen import Indices, Nothing, Source, Stopped
from worker.ml.keeper import Best, EpochResult, Keeper
from worker.ml.reporting import Reporter, Silent
from worker.ml.running import Stages
from worker.ml.saving import SavedModel, versions
from worker.ml.steps import EVALUATION_BATCH

__all__ = ["Begin", "EpochResult", "FoldPlan", "FoldResult", "Reporter", "Silent", "fit_folds"]

_REPORT_SECONDS = 0.25  # between two looks at should_stop, and two reports within an epoch


class _Stopped(Exception):
    """``should_stop`` said so within an epoch."""


def fit_folds(
    pictures: data.Pictures | data.OnDemand,
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
        pictures: (n, size, size, 3) uint8, see ``data.load``; ``data.OnDemand`` where each is needed once.
        labels: (n,) positions in ``class_names``.
        plans: positions in ``pictures``.
        recipe: checked values.
        class_names: names of the outputs, kept with the saved models.
        reporter: progress and stop; silent by default.
        begin: what to go on from; by default everything is new.

    Raises:
        Invalid: ``fold_without_images`` for a plan with no training pictures; ``network_needs_larger_images``;
            ``zca_too_large``.
        AppError: ``loss_not_finite`` with fold, epoch and learning_rate.
    """
    for plan in plans:
        if not len(plan.train):
            raise Invalid("fold_without_images", fold=plan.fold + 1)
        whitening.check(recipe, len(plan.train), whitening.MOST * whitening.UNEVEN)
    begin = _filled(begin or Begin(), plans)
    trainer = _Trainer(_source(pictures, labels, class_names, plans, begin), recipe, begin)
    for plan in plans:
        result = trainer.fit(plan, reporter or Silent(), begin.states.get(plan.fold))
        if result is not None:
            yield result
        if result is None or result.stop_reason == "stopped":
            return


def _source(
    pictures: data.Pictures | data.OnDemand,
    labels: Indices,
    names: Sequence[str],
    plans: Sequence[FoldPlan],
    begin: Begin,
) -> Source:
    learned = np.unique(np.concatenate([plan.train for plan in plans]))
    asked = np.unique(np.concatenate([part for plan in plans for part in (plan.train, plan.validation, plan.test)]))
    # An earlier model may have changed the layers that give features: those of others are not its own.
    cache = begin.cache if begin.start is None else Nothing()
    labels = np.ascontiguousarray(labels, dtype=np.int64)
    return Source(pictures, labels, tuple(names), asked, learned, cache, begin.scratch, begin.weights)


def _filled(begin: Begin, plans: Sequence[FoldPlan]) -> Begin:
    """``begin`` with what it left open."""
    most = max((len(plan.train) for plan in plans), default=1)
    precision = begin.precision or next((state.precision for state in begin.states.values()), "")
    return replace(begin, precision=precision, most=begin.most or most, devices=begin.devices or device.cards())


class _Trainer:
    """The compiled functions of one run, and the pictures they work on."""

    def __init__(self, source: Source, recipe: Recipe, begin: Begin) -> None:
        self.recipe, self.names, self.pictures, self.labels = recipe, source.names, source.pictures, source.labels
        self._start = begin.start
        self._changes = Changes(recipe, self.labels, self.names)
        self.precision = begin.precision or models.resolve_precision(recipe)
        batch_size = min(recipe.batch_size, begin.most)
        self._stages = Stages(recipe, len(self.names), self.precision, batch_size, source, begin.devices)
        self.network = self._stages.network
        self._pace = 0.0  # pictures a second, measured; decides how much is done between two reports

    def fit(self, plan: FoldPlan, reporter: Reporter, state: State | None = None) -> FoldResult | None:
        """Train one model, from new weights or from ``state``; None when it was stopped before its first epoch."""
        started = time.perf_counter() - (state.seconds if state else 0.0)
        fitted = standard.fit(self.recipe, self.pictures, plan.train)
        self.network.set_statistics(fitted)
        self._set(plan, state)
        keeper = Keeper(self.recipe, self.network, state.kept if state else None)
        reason, begun = "epochs", keeper.epochs[-1].stage if keeper.epochs else 1
        for stage in self._stages.all[begun - 1 :]:
            try:
                self._now = self._stages.running(stage.number, reporter.features, reporter.should_stop)
                self._begin(plan, keeper, state if stage.number == begun else None)
                reason = self._train_stage(plan, keeper, reporter, started)
            except (_Stopped, Stopped):
                reason = "stopped"
                break
        if not keeper.bests:
            return None
        return self._result(plan, keeper, reason, fitted, time.perf_counter() - started)

    def _set(self, plan: FoldPlan, state: State | None) -> None:
        if state is None:
            self.network.initialise((self.recipe.seed, plan.fold))
            if self._start is not None:
                same = self._start.class_names == self.names
                self.network.begin_with(self._start.weights, outputs=same)
            return
        self.network.set_weights(state.weights)
        self.network.set_generators(state.generators)

    def _begin(self, plan: FoldPlan, keeper: Keeper, state: State | None) -> None:
        """Everything is as at the beginning of a stage, or as ``state`` has it within one."""
        steps, number = self._now.steps, self._now.stage.number
        steps.set_class_weights(balance.class_weights(self.labels[plan.train], len(self.names)))
        if state is not None:
            steps.optimizer.restore(state.slots, state.step)
        else:
            if number > 1:
                self.network.set_weights(keeper.end_stage(number - 1).weights)
            steps.optimizer.reset()
        self.network.hold_still(steps.part.variables)

    def _train_stage(self, plan: FoldPlan, keeper: Keeper, reporter: Reporter, started: float) -> str:
        """All epochs of a stage; returns why it ended."""
        stage = self._now.stage
        before = sum(result.stage < stage.number for result in keeper.epochs)
        last = before + stage.recipe.epochs
        for epoch in range(len(keeper.epochs) + 1, last + 1):
            ended = self._epoch(plan, epoch, keeper, reporter)
            reporter.epoch(plan.fold, keeper.epochs[-1])
            if ended:
                return "early"
            final = epoch == last and stage is self._stages.all[-1]
            if not final and reporter.wants_state(plan.fold):
                reporter.state(self._state(plan.fold, keeper, time.perf_counter() - started))
        return "epochs"

    def _state(self, fold: int, keeper: Keeper, seconds: float) -> State:
        slots, step = self._now.steps.optimizer.state()
        return State(
            fold, self.recipe, len(self.names), self.precision, seconds, self.network.weights(), slots, step,
            self.network.generators(), keeper.kept(),
        )  # fmt: skip

    def _result(
        self, plan: FoldPlan, keeper: Keeper, reason: str, fitted: standard.Statistics | None, seconds: float
    ) -> FoldResult:
        best = keeper.bests[self.recipe.monitor]
        tested = self._tested(plan.test, keeper.bests.values())
        model = SavedModel(
            self.recipe, self.names, best.weights, fitted, models.asked_in(self.recipe, self.precision),
            best.result.epoch, best.result.metrics(), versions(),
        )  # fmt: skip
        return FoldResult(
            plan.fold, model, best.result, best.probabilities, tested, reason, tuple(keeper.epochs), keeper.bests,
            seconds,
        )  # fmt: skip

    def _tested(self, places: Indices, bests: Iterable[Best]) -> dict[int, NDArray[np.float32]]:
        """What the best states say of the test pictures, by their epochs."""
        found: dict[int, NDArray[np.float32]] = {}
        for best in bests:
            if best.result.epoch in found or not len(places):
                continue
            self.network.set_weights(best.weights)
            silent = Silent()
            self._now = self._stages.running(best.result.stage, silent.features, silent.should_stop)
            self._now.steps.optimizer.renew()
            found[best.result.epoch] = self._judge(places, silent)[2]
        return found

    def _epoch(self, plan: FoldPlan, epoch: int, keeper: Keeper, reporter: Reporter) -> bool:
        """Train and validate; True when the training should end early."""
        started = time.perf_counter()
        steps, stage = self._now.steps, self._now.stage
        per_epoch = math.ceil(self._changes.count(plan.train) / steps.batch_size)
        watched = [keeper.watched(result) for result in keeper.epochs if result.stage == stage.number]
        rates = schedules.rates(stage.recipe, len(watched) + 1, per_epoch, watched)
        loss, accuracy = self._train(plan, epoch, rates, reporter)
        with steps.optimizer.averaged():
            val_loss, val_accuracy, probabilities = self._judge(plan.validation, reporter)
            seconds = time.perf_counter() - started
            result = EpochResult(epoch, loss, accuracy, val_loss, val_accuracy, float(rates[0]), seconds, stage.number)
            return keeper.add(result, probabilities)

    def _train(self, plan: FoldPlan, epoch: int, rates: NDArray[np.float32], reporter: Reporter) -> tuple[float, float]:
        """Mean loss and accuracy of one pass over the training pictures."""
        stage, batch, count = self._now.stage.recipe, self._now.steps.batch_size, self._changes.count(plan.train)
        shown = self._changes.epoch(plan.train, plan.fold, epoch, stage)
        order, draws = shown.order, shown.draws
        versions = self._now.versions(count, plan.fold, epoch)
        loss, right = 0.0, 0
        for part in self._parts(count, batch, reporter):
            # No name for the rows: they would stay until the next ones are there.
            loss, more_right = self._timed(
                self._now.rows(order[part], versions[part]), self.labels[order[part]], rates[part.start // batch :],
                draws.part(part), loss,
            )  # fmt: skip
            right += more_right
            if not math.isfinite(loss):
                raise AppError("loss_not_finite", fold=plan.fold + 1, epoch=epoch, learning_rate=stage.learning_rate)
            reporter.step(plan.fold, epoch, part.stop, count)
        return loss / count, right / count

    def _parts(self, count: int, batch: int, reporter: Reporter) -> Iterator[slice]:
        """Slices of whole batches, each of about ``_REPORT_SECONDS``, until the pictures end."""
        start = 0
        while start < count:
            if reporter.should_stop():
                raise _Stopped
            wanted = int(self._pace * _REPORT_SECONDS) if self._pace else batch
            size = max(batch, min(wanted, self._now.most) // batch * batch)
            yield slice(start, min(start + size, count))
            start += size

    def _timed(
        self, given: Any, labels: Indices, rates: NDArray[np.float32], draws: augment.Draws, so_far: float
    ) -> tuple[float, int]:
        started = time.perf_counter()
        rates = rates[: math.ceil(len(labels) / self._now.steps.batch_size)]
        result = self._now.steps.train(given, labels, rates, draws, so_far)
        self._measure(len(labels), time.perf_counter() - started)
        return result

    def _measure(self, count: int, seconds: float) -> None:
        # The first call compiles and would make the parts too small for ever; a slow start only makes them grow later.
        self._pace = max(self._pace * 0.5, count / seconds)

    def _judge(self, places: Indices, reporter: Reporter) -> tuple[float | None, float | None, NDArray[np.float32]]:
        """Mean loss, accuracy and probabilities of the pictures at ``places``."""
        if not len(places):
            return None, None, np.zeros((0, len(self.names)), np.float32)
        losses, right, probabilities = [], 0, []
        # Whole batches, so that no number depends on how fast the machine is.
        size = max(1, min(int(self._pace), self._now.most) // EVALUATION_BATCH) * EVALUATION_BATCH
        for start in range(0, len(places), size):
            if reporter.should_stop():
                raise _Stopped
            part = places[start : start + size]
            some, more_right, more = self._now.steps.evaluate(self._now.rows(part), self.labels[part])
            losses.append(some)
            right += more_right
            probabilities.append(more)
        loss = float(np.concatenate(losses).sum(dtype=np.float64))
        return loss / len(places), right / len(places), np.concatenate(probabilities)
