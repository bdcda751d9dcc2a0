"""A short training in which the learning rate grows with every step, and the loss of each step."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from app.domain.augment import Draws
from app.domain.recipe import Recipe
from worker.ml import balance, data, device, models, standard
from worker.ml.changing import Changes
from worker.ml.folds import Begin
from worker.ml.frozen import Nothing, Source, Stopped
from worker.ml.reporting import Reporter, Silent
from worker.ml.running import Running, Stages


def losses(
    pictures: data.Pictures | data.OnDemand,
    labels: NDArray[np.int64],
    recipe: Recipe,
    class_names: Sequence[str],
    rates: Sequence[float] | NDArray[np.float64],
    reporter: Reporter | None = None,
    begin: Begin | None = None,
) -> Iterator[float]:
    """The mean loss of each step from the weights of ``begin``, with changes of pictures and dropout as in a training.

    Only the stage is tried whose rate is ``learning_rate``. The caller stops asking when the training diverges; it ends
    by itself when ``should_stop`` says so.

    Args:
        pictures: (n, size, size, 3) uint8, all of them learned from.
        labels: (n,) positions in ``class_names``.
        recipe: its rate and schedule are not used.
        class_names: names of the outputs.
        rates: of each step.
        reporter: progress of features, and stop; silent by default.
        begin: weights, cache, folders and devices; states are not used.
    """
    told = reporter or Silent()
    try:
        now = _ready(pictures, labels, recipe, tuple(class_names), told, begin or Begin())
    except Stopped:
        return
    changes = Changes(recipe, labels, tuple(class_names))
    parts = _batches(changes, np.arange(len(labels)), now.steps.batch_size, now.stage.recipe)
    for rate, (order, draws, epoch) in zip(rates, parts, strict=False):
        if told.should_stop():
            return
        given = now.rows(order, now.versions(len(order), 0, epoch))
        total, _ = now.steps.train(given, labels[order], np.array([rate], np.float32), draws)
        yield total / len(order)


def _ready(
    pictures: data.Pictures | data.OnDemand,
    labels: NDArray[np.int64],
    recipe: Recipe,
    names: tuple[str, ...],
    told: Reporter,
    begin: Begin,
) -> Running:
    """The first stage with its first weights, as for the first model of a training."""
    places = np.arange(len(labels))
    cache = begin.cache if begin.start is None else Nothing()  # as in ``train``: its layers may have changed
    source = Source(pictures, labels, names, places, places, cache, begin.scratch, begin.weights)
    precision = begin.precision or models.resolve_precision(recipe)
    size = min(recipe.batch_size, len(labels))
    stages = Stages(recipe, len(names), precision, size, source, begin.devices or device.cards())
    network = stages.network
    network.set_statistics(standard.fit(recipe, pictures, places))
    network.initialise((recipe.seed, 0))
    if begin.start is not None:
        network.begin_with(begin.start.weights, outputs=begin.start.class_names == names)
    now = stages.running(1, told.features, told.should_stop)
    now.steps.set_class_weights(balance.class_weights(labels, len(names)))
    now.steps.optimizer.reset()
    network.hold_still(now.steps.part.variables)
    return now


def _batches(
    changes: Changes, places: NDArray[np.int64], most: int, recipe: Recipe
) -> Iterator[tuple[NDArray[np.int64], Draws, int]]:
    """Whole batches without end: (positions, draws, number of the pass)."""
    for epoch in count(1):
        shown = changes.epoch(places, 0, epoch, recipe)
        size = min(most, len(shown.order))
        for start in range(0, len(shown.order) - size + 1, size):
            part = slice(start, start + size)
            yield shown.order[part], shown.draws.part(part), epoch
