"""What is made of all models of a run together: their mean on the test set, and heat maps of what went wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain import architectures
from app.domain.enums import PredictionRole
from app.domain.explaining import OF_PIXELS, suited
from app.domain.recipe import Recipe
from app.storage import Store
from worker import heat_maps
from worker.ml import explain, saving
from worker.ml.data import Pictures
from worker.orders import Message, Predictions, Progress, TrainOrder

MEAN = -1  # the fold of what all models say together
RIGHT_EXAMPLES = 24  # correctly classified images that get a heat map too, for comparison

Send = Callable[[Message], None]
Chosen = list[tuple[int, tuple[int, ...]]]  # (place, classes) of the heat maps of one model


@dataclass(frozen=True)
class Judged:
    """Predictions of one model, or of the mean, for the images at ``places``; probabilities (places, classes)."""

    fold: int
    places: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def predictions(order: TrainOrder, judged: Judged, role: PredictionRole) -> Predictions:
    """As a message with the ids of the images."""
    return Predictions(judged.fold, role, order.items.ids[judged.places], judged.probabilities)


def mean_of(order: TrainOrder, tested: Mapping[int, NDArray[np.float32]]) -> Judged:
    """What the models of a run together say of the test set; of a hold-out run its only model.

    The folds are added in their order, so that it does not matter where and when they were trained.
    """
    fold = 0 if len(order.plans) == 1 else MEAN
    return Judged(fold, order.test, np.mean([tested[key] for key in sorted(tested)], axis=0, dtype=np.float32))


def wanted(order: TrainOrder, judged: Sequence[Judged]) -> list[tuple[int, Chosen]]:
    """Heat maps to make: of every mistake for the class it was taken for and the one it has, and of some right ones."""
    return [(one.fold, chosen) for one in judged if (chosen := _chosen(order, one))]


def make_maps(
    order: TrainOrder,
    asked: Sequence[tuple[int, Chosen]],
    models: Mapping[int, saving.SavedModel],
    pictures: Callable[[NDArray[np.int64]], Pictures],
    store: Store,
    send: Send,
) -> None:
    """Make and report the heat maps of ``asked``; ``pictures`` gives those at some places.

    Where they are slow, because the network has no convolution, only those of the surest mistakes are made now.
    """
    folds = sorted(models)
    method = suited(architectures.seen(Recipe.from_json(order.recipe), len(order.class_names)))
    explainers = dict(zip(folds, explain.turns([models[fold] for fold in folds], None, method), strict=True))
    if method in OF_PIXELS:
        asked = [(fold, chosen[: heat_maps.MOST_SLOW]) for fold, chosen in asked]
    done, total, many = 0, sum(len(chosen) for _, chosen in asked), heat_maps.at_once(method)
    for fold, chosen in asked:
        used = list(explainers.values()) if fold == MEAN else [explainers[fold]]
        for start in range(0, len(chosen), many):
            send(Progress("explain", done, total, {"folds": len(order.plans)}))
            part = chosen[start : start + many]
            places = np.array([place for place, _ in part])
            classes = [positions for _, positions in part]
            send(heat_maps.make(used, pictures(places), order.items.ids[places], classes, fold, store))
            done += len(part)


def _chosen(order: TrainOrder, judged: Judged) -> Chosen:
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
