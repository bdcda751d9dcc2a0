"""One training from the pictures to the heat maps, as the child process does it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.domain.enums import PredictionRole
from app.domain.errors import AppError
from app.domain.recipe import Recipe
from app.storage import Store, open_store
from worker import heat_maps
from worker.ml import data, device, explain, predict, saving, train
from worker.ml.keeper import EpochResult
from worker.orders import Environment, Epoch, FoldEnd, Message, Predictions, Progress, TrainOrder

MEAN = -1  # the fold of what all models say together
REPORT_SECONDS = 0.5
RIGHT_EXAMPLES = 24  # correctly classified images that get a heat map too, for comparison

Send = Callable[[Message], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Judged:
    """Predictions of one model, or of the mean, for the images at ``places``; probabilities (places, classes)."""

    fold: int
    places: NDArray[np.int64]
    probabilities: NDArray[np.float32]


class Reporter:
    """Sends what the engine reports, progress at most twice a second."""

    def __init__(self, send: Send, stop: Stop, folds: int, epochs: int) -> None:
        self.send, self.should_stop = send, stop
        self._more = {"folds": folds, "epochs": epochs}
        self._next = 0.0

    def progress(self, message: Progress) -> None:
        """Send ``message`` unless one was sent a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_SECONDS
            self.send(message)

    def step(self, fold: int, epoch: int, done: int, total: int) -> None:
        """Part of an epoch is done."""
        self.progress(Progress("train", done, total, {"fold": fold, "epoch": epoch, **self._more}))

    def epoch(self, fold: int, result: EpochResult) -> None:
        """An epoch is done."""
        values = (result.loss, result.accuracy, result.val_loss, result.val_accuracy, result.learning_rate)
        self.send(Epoch(fold, result.epoch, *values, result.seconds))


def run(order: TrainOrder, send: Send, stop: Stop) -> None:
    """Train, evaluate and explain.

    Raises:
        AppError: ``nothing_to_keep`` when it was stopped before the first epoch; what the engine raises.
    """
    device.prepare()
    recipe = Recipe.from_json(order.recipe)
    store = open_store(order.storage)
    reporter = Reporter(send, stop, len(order.plans), recipe.epochs)
    pictures = _load(order, recipe, store, reporter)
    models: list[saving.SavedModel] = []
    judged: list[Judged] = []
    tested: list[NDArray[np.float32]] = []
    for result in _fit(order, recipe, pictures, reporter):
        if not models:
            send(Environment(device.describe(recipe.precision) | {"conv_layers": explain.conv_layers(result.model)}))
        models.append(result.model)
        judged.append(_keep(order, result, store, send))
        tested.append(_test(order, result, pictures, send, whole=len(order.plans) == 1))
    if not models:
        raise AppError("nothing_to_keep")
    test = Judged(0 if len(order.plans) == 1 else MEAN, order.test, np.mean(tested, axis=0, dtype=np.float32))
    if test.fold == MEAN:
        send(_predictions(order, test, PredictionRole.TEST))
    _explain(order, pictures, models, [*judged, test], store, send)


def _load(order: TrainOrder, recipe: Recipe, store: Store, reporter: Reporter) -> data.Pictures:
    digests = order.items.digests
    try:
        return data.load(
            len(digests),
            lambda index: store.get(digests[index]),
            recipe,
            folder=Path(order.scratch),
            progress=lambda done, total: reporter.progress(Progress("load", done, total)),
            should_stop=reporter.should_stop,
        )
    except data.LoadingStopped:
        raise AppError("nothing_to_keep") from None


def _fit(order: TrainOrder, recipe: Recipe, pictures: data.Pictures, reporter: Reporter) -> Iterator[train.FoldResult]:
    plans = [train.FoldPlan(plan.fold, plan.train, plan.validation) for plan in order.plans]
    labels = order.items.labels.astype(np.int64)
    return train.fit_folds(pictures, labels, plans, recipe, order.class_names, reporter)


def _keep(order: TrainOrder, result: train.FoldResult, store: Store, send: Send) -> Judged:
    """Put the weights into the store before their row is written, then report the model and its validation."""
    digest = store.put(saving.dump(result.model))
    metrics = {name: value for name, value in result.best.metrics().items() if value is not None}
    send(FoldEnd(result.fold, result.best.epoch, result.stop_reason, metrics, digest, result.seconds))
    plan = next(plan for plan in order.plans if plan.fold == result.fold)
    judged = Judged(result.fold, plan.validation, result.probabilities)
    send(_predictions(order, judged, PredictionRole.VALIDATION))
    return judged


def _test(
    order: TrainOrder, result: train.FoldResult, pictures: data.Pictures, send: Send, *, whole: bool
) -> NDArray[np.float32]:
    """What one model says of the pinned test set; ``whole`` when it is the only model of the run."""
    if not len(order.test):
        return np.zeros((0, len(order.class_names)), np.float32)
    send(Progress("evaluate", 0, len(order.test), {"fold": result.fold, "folds": len(order.plans)}))
    network = predict.network(result.model)
    parts = [predict.probabilities(network, pictures[places]) for places in _chunks(order.test)]
    judged = Judged(result.fold, order.test, np.concatenate(parts))
    send(_predictions(order, judged, PredictionRole.TEST if whole else PredictionRole.TEST_FOLD))
    return judged.probabilities


def _chunks(places: NDArray[np.int64], size: int = 2048) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _predictions(order: TrainOrder, judged: Judged, role: PredictionRole) -> Predictions:
    return Predictions(judged.fold, role, order.items.ids[judged.places], judged.probabilities)


def _explain(
    order: TrainOrder,
    pictures: data.Pictures,
    models: Sequence[saving.SavedModel],
    judged: Sequence[Judged],
    store: Store,
    send: Send,
) -> None:
    """Heat maps of every mistake, for the class it was taken for and the class it has, and of some right ones."""
    wanted = [(one.fold, chosen) for one in judged if (chosen := _chosen(order, one))]
    total = sum(len(chosen) for _, chosen in wanted)
    trained = [plan.fold for plan in order.plans][: len(models)]
    explainers = {fold: explain.Explainer(model) for fold, model in zip(trained, models, strict=True)}
    done = 0
    for fold, chosen in wanted:
        asked = list(explainers.values()) if fold == MEAN else [explainers[fold]]
        for start in range(0, len(chosen), heat_maps.CHUNK):
            send(Progress("explain", done, total, {"folds": len(order.plans)}))
            part = chosen[start : start + heat_maps.CHUNK]
            places = np.array([place for place, _ in part])
            classes = [positions for _, positions in part]
            send(heat_maps.make(asked, pictures[places], order.items.ids[places], classes, fold, store))
            done += len(part)


def _chosen(order: TrainOrder, judged: Judged) -> list[tuple[int, tuple[int, ...]]]:
    """(place, classes) of the heat maps for one model: its mistakes, the surest first, then examples of right ones."""
    if not len(judged.places):
        return []
    labels = order.items.labels[judged.places]
    predicted = judged.probabilities.argmax(axis=1)
    surest = np.argsort(-judged.probabilities.max(axis=1), kind="stable")
    wrong = [index for index in surest.tolist() if predicted[index] != labels[index]]
    right = np.flatnonzero(predicted == labels)
    seed = (int(order.recipe["seed"]), judged.fold + 1)
    examples = np.random.default_rng(seed).permutation(right)[:RIGHT_EXAMPLES].tolist()
    place = judged.places.tolist()
    mistakes = [(place[index], (int(predicted[index]), int(labels[index]))) for index in wrong]
    return [*mistakes, *((place[index], (int(labels[index]),)) for index in examples)]
