"""One training from the pictures to the heat maps, as the child process does it."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import architectures, views
from app.domain.enums import PredictionRole
from app.domain.errors import AppError
from app.domain.recipe import Recipe
from app.domain.stages import stages
from app.storage import open_store
from worker import beginning, saved_states, summary
from worker import views as looking
from worker.feature_cache import StoredFeatures
from worker.files import Views
from worker.ml import data, device, models, saving, train
from worker.ml.checkpoint import State
from worker.ml.keeper import Best, EpochResult
from worker.orders import Environment, Epoch, FoldEnd, Message, Plan, Progress, TrainOrder
from worker.summary import Judged

REPORT_SECONDS = 0.5

Send = Callable[[Message], None]
Stop = Callable[[], bool]
Begins = Callable[[int], bool]


class Reporter:
    """Sends what the engine reports, progress at most twice a second, and has its states kept."""

    def __init__(self, send: Send, stop: Stop, states: saved_states.States, folds: int, epochs: int) -> None:
        self.send, self.should_stop, self.states = send, stop, states
        self._more = {"folds": folds, "epochs": epochs}
        self._next = 0.0

    def progress(self, message: Progress) -> None:
        """Send ``message`` unless one was sent a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_SECONDS
            self.send(message)

    def features(self, done: int, total: int) -> None:
        """The frozen layers have seen some of the pictures."""
        self.progress(Progress("features", done, total))

    def step(self, fold: int, epoch: int, done: int, total: int) -> None:
        """Part of an epoch is done."""
        self.progress(Progress("train", done, total, {"fold": fold, "epoch": epoch, **self._more}))

    def epoch(self, fold: int, result: EpochResult) -> None:
        """An epoch is done."""
        values = (result.loss, result.accuracy, result.val_loss, result.val_accuracy, result.learning_rate)
        self.send(Epoch(fold, result.epoch, *values, result.seconds, result.stage))

    def wants_state(self, fold: int) -> bool:
        """True when a state is worth its cost."""
        return self.states.wanted(fold)

    def state(self, state: State) -> None:
        """Have it kept."""
        self.states.take(state)


class Training:
    """What one order has come to so far: models, what they say, and the pictures once they are needed."""

    def __init__(self, order: TrainOrder, send: Send, stop: Stop, begins: Begins) -> None:
        self.order, self.send, self.begins = order, send, begins
        self.recipe = Recipe.from_json(order.recipe)
        self.precision = order.precision or models.resolve_precision(self.recipe)
        self.store = open_store(order.storage)
        states = saved_states.States(self.store, send)
        stop = _at_once if order.closing else stop
        self.reporter = Reporter(send, stop, states, len(order.plans), self.recipe.all_epochs)
        self.models: dict[int, saving.SavedModel] = {}
        self.judged: dict[int, Judged] = {}
        self.tested: dict[int, NDArray[np.float32]] = {}
        self.given_away = False  # the rest of the folds, and the sum, is left to other jobs

    def run(self) -> float:
        """Train what is left, then sum up unless other jobs do it; see ``run`` below."""
        order = self.order
        finished = saved_states.finished(order, self.store, self.send)
        states = saved_states.states(order, self.recipe, self.store, self.send)
        left = [plan for plan in order.plans if _wanted(order, plan) and plan.fold not in finished]
        if order.closing:  # only what was saved is judged; nothing is trained
            left = [plan for plan in left if plan.fold in states]
        self.send(Environment(self._environment(states)))
        for plan in order.plans:
            if (model := finished.get(plan.fold)) is not None:
                self.judged[plan.fold] = Judged(plan.fold, plan.validation, model.validation)
                self.tested[plan.fold] = model.test
        pictures = self._pictures() if left else None
        if pictures is not None:
            for plans in [[plan] for plan in left] if order.closing else [left]:
                self._fit(pictures, plans, states)
        if not self.judged:
            raise AppError("nothing_to_keep")
        if order.only is None and not self.given_away:
            self._sum_up(pictures)
        return sum(model.seconds for model in finished.values()) + sum(state.seconds for state in states.values())

    def _environment(self, states: dict[int, State]) -> dict[str, object]:
        return device.describe(self.recipe.precision) | {
            "precision": self.precision,
            "deterministic": self.recipe.deterministic,
            "conv_layers": architectures.seen(self.recipe, len(self.order.class_names)),
            "resumed": {str(fold): state.epoch for fold, state in states.items()},
        }

    def _pictures(self) -> data.Pictures | data.OnDemand:
        """All of the run; those that a frozen network sees once, or has seen already, are read when they are needed."""
        order = self.order
        if all(stage.cached for stage in stages(self.recipe)):
            return data.OnDemand(
                len(order.items.digests), lambda index: self.store.get(order.items.digests[index]), self.recipe
            )
        return self._load(order.items.digests, None if order.closing else self.reporter.should_stop)

    def _load(self, digests: list[str], should_stop: Stop | None = None) -> data.Pictures:
        reporter = self.reporter
        try:
            return data.load(
                len(digests),
                lambda index: self.store.get(digests[index]),
                self.recipe,
                folder=Path(self.order.scratch),
                progress=lambda done, total: reporter.progress(Progress("load", done, total)),
                should_stop=should_stop,
            )
        except data.LoadingStopped:
            raise AppError("nothing_to_keep") from None

    def _fit(self, pictures: data.Pictures | data.OnDemand, left: list[Plan], states: dict[int, State]) -> None:
        order = self.order
        most = max(len(plan.train) for plan in order.plans)
        cache = StoredFeatures(order, self.store, self.send, self.precision)
        begin = train.Begin(
            states, order.precision, most, cache=cache, scratch=Path(order.scratch), weights=Path(order.weights),
            start=beginning.start(self.store, order.start, order.start_classes),
        )  # fmt: skip
        plans = [train.FoldPlan(plan.fold, plan.train, plan.validation, order.test) for plan in left]
        labels = order.items.labels.astype(np.int64)
        results = train.fit_folds(pictures, labels, plans, self.recipe, order.class_names, self.reporter, begin)
        for plan in left:
            self.given_away = not self.begins(plan.fold)
            if self.given_away or (result := next(results, None)) is None:
                return
            self.reporter.states.settle()
            self.models[result.fold] = result.model
            self._keep(result, plan.validation)

    def _keep(self, result: train.FoldResult, validation: NDArray[np.int64]) -> None:
        """Put the weights into the store before their row is written; the row comes last and says: all is there."""
        fold, order = result.fold, self.order
        kept = self._both(result)
        self.judged[fold] = Judged(fold, validation, result.probabilities)
        self.send(summary.predictions(order, self.judged[fold], PredictionRole.VALIDATION))
        self.tested[fold] = self._said(result, result.best.epoch)
        if len(order.test):
            role = PredictionRole.TEST if len(order.plans) == 1 else PredictionRole.TEST_FOLD
            self.send(summary.predictions(order, Judged(fold, order.test, self.tested[fold]), role))
        metrics = {**_numbers(result.best), "kept": kept}
        digest = kept[self.recipe.monitor]["weights_sha256"]
        self.send(FoldEnd(fold, result.best.epoch, result.stop_reason, metrics, digest, result.seconds))

    def _both(self, result: train.FoldResult) -> dict[str, dict[str, Any]]:
        """The best epoch by each value with its numbers, those of the test set too, and the hash of its weights."""
        test = self.order.test
        found: dict[str, dict[str, Any]] = {}
        weights: dict[int, str] = {}  # of each epoch only once
        for name, best in result.bests.items():
            said = self._said(result, best.result.epoch)
            right = int(np.count_nonzero(said.argmax(axis=1) == self.order.items.labels[test])) if len(test) else 0
            tested = {"test_images": len(test), "test_right": right}
            if best.result.epoch not in weights:
                weights[best.result.epoch] = self._weights(result, best)
            found[name] = {
                "epoch": best.result.epoch, "stage": best.result.stage, **_numbers(best.result), **tested,
                "weights_sha256": weights[best.result.epoch],
            }  # fmt: skip
        return found

    def _weights(self, result: train.FoldResult, best: Best) -> str:
        """Keep the model as it was after one of its best epochs, and return the hash of that."""
        model = result.model
        if best.result.epoch != model.epoch:
            model = replace(model, weights=best.weights, epoch=best.result.epoch, metrics=best.result.metrics())
        return self.store.put(saving.dump(model))

    def _said(self, result: train.FoldResult, epoch: int) -> NDArray[np.float32]:
        """What a model said of the pinned test set after one of its best epochs."""
        return result.tested.get(epoch, np.zeros((0, len(self.order.class_names)), np.float32))

    def _sum_up(self, pictures: data.Pictures | data.OnDemand | None) -> None:
        order = self.order
        test = summary.mean_of(order, self.tested)
        if test.fold == summary.MEAN:
            self.send(summary.predictions(order, test, PredictionRole.TEST))
        asked = summary.wanted(order, [*(self.judged[fold] for fold in sorted(self.judged)), test])
        for fold in self.judged.keys() - self.models.keys():
            self.models[fold] = saving.load(self.store.get(order.finished[fold].weights_sha256))
        needed = {place for _, chosen in asked for place, _ in chosen}
        seen = self.recipe.test_views != views.NONE
        if seen:
            needed |= {place for one in [*self.judged.values(), test] for place in one.places.tolist()}
        at = self._only(sorted(needed)) if pictures is None else lambda places: pictures[places]
        if seen:
            self._look_again(test, at)
        summary.make_maps(order, asked, self.models, at, self.store, self.send)

    def _look_again(self, test: Judged, pictures: Callable[[NDArray[np.int64]], data.Pictures]) -> None:
        items, reporter = self.order.items, self.reporter
        asked = looking.Asked(
            items.ids, items.labels, pictures, lambda done, total: reporter.progress(Progress("evaluate", done, total)),
            reporter.should_stop,
        )  # fmt: skip
        plain = [self.judged[fold] for fold in sorted(self.judged)]
        with contextlib.suppress(looking.Stopped):  # the plain result stands, and is what somebody waits for
            self.send(Views(looking.judge(self.recipe.test_views, self.models, plain, test, asked)))

    def _only(self, places: list[int]) -> Callable[[NDArray[np.int64]], data.Pictures]:
        """Nothing is left to train: just the pictures that get a heat map are read."""
        pictures = self._load([self.order.items.digests[place] for place in places])
        return lambda asked: pictures[np.searchsorted(places, asked)]


def run(order: TrainOrder, send: Send, stop: Stop, begins: Begins = lambda _fold: True) -> float:
    """Train, evaluate and explain; folds that ``begins`` does not want are left to others, and the sum with them.

    Returns the seconds that earlier attempts and other jobs have worked for it.

    Raises:
        AppError: ``nothing_to_keep`` when it was stopped before the first epoch; what the engine raises.
    """
    device.prepare(deterministic=bool(order.recipe.get("deterministic")))
    return Training(order, send, stop, begins).run()


def _at_once() -> bool:
    return True


def _numbers(result: EpochResult) -> dict[str, float]:
    """Those that are numbers; JSON knows no others."""
    return {name: value for name, value in result.metrics().items() if value is not None and math.isfinite(value)}


def _wanted(order: TrainOrder, plan: Plan) -> bool:
    return order.only is None or plan.fold in order.only
