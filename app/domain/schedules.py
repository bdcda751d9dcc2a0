"""How the learning rate changes from step to step: pure arithmetic, shared by the training and the drawn curve.

* ``constant``: as it is.
* ``cosine``: falls along half a cosine to nearly 0 at the last step of the last epoch (Loshchilov and Hutter 2016,
  without restarts).
* ``step``: times ``decay_factor`` after every ``decay_epochs`` epochs.
* ``one-cycle``: rises from a 25th along a cosine during the first three tenths of the training, then falls to a
  10,000th of the top (Smith and Topin 2017, as PyTorch's ``OneCycleLR`` does it).
* ``plateau``: times ``decay_factor`` when the watched value has not improved for ``decay_epochs`` epochs, and again
  after as many more (Keras' ``ReduceLROnPlateau``).

Before any but ``one-cycle``, which has its own, the rate rises linearly during ``warmup_epochs``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.recipe import Recipe

RISE = 0.3  # part of a one-cycle training in which the rate rises
FIRST, LAST = 25.0, 1e4  # the top of a one-cycle against its first rate, and its first against its last
PLATEAU_DELTA = 1e-4  # an improvement of the watched value by less is none, as in Keras

Float64 = NDArray[np.float64]


def rates(recipe: Recipe, epoch: int, per_epoch: int, watched: Sequence[float] = ()) -> NDArray[np.float32]:
    """The rate of each step of an epoch.

    Args:
        recipe: rate, schedule and its settings, number of epochs.
        epoch: counted from 1.
        per_epoch: steps of an epoch.
        watched: for each earlier epoch the value that ``plateau`` looks at, smaller is better.

    Returns:
        (per_epoch,) float32.
    """
    steps = np.arange((epoch - 1) * per_epoch, epoch * per_epoch)
    factors = _FACTORS[recipe.schedule](recipe, steps, per_epoch, watched)
    warmup = recipe.warmup_epochs * per_epoch
    if warmup and recipe.schedule != "one-cycle":
        factors = factors * np.minimum(1.0, (steps + 1) / warmup)
    return (recipe.learning_rate * factors).astype(np.float32)


def curve(recipe: Recipe, points: int = 10) -> NDArray[np.float32]:
    """The rate over the whole training, (epochs, points), as far as it is known before it.

    ``plateau`` is drawn as if every epoch improved.
    """
    return np.stack([rates(recipe, epoch, points) for epoch in range(1, recipe.epochs + 1)])


def _constant(_recipe: Recipe, steps: NDArray[np.int64], _per_epoch: int, _watched: Sequence[float]) -> Float64:
    return np.ones(len(steps))


def _cosine(recipe: Recipe, steps: NDArray[np.int64], per_epoch: int, _watched: Sequence[float]) -> Float64:
    return 0.5 * (1 + np.cos(np.pi * steps / (recipe.epochs * per_epoch)))


def _step(recipe: Recipe, steps: NDArray[np.int64], per_epoch: int, _watched: Sequence[float]) -> Float64:
    return np.asarray(recipe.decay_factor ** (steps // (per_epoch * recipe.decay_epochs)), dtype=np.float64)


def _one_cycle(recipe: Recipe, steps: NDArray[np.int64], per_epoch: int, _watched: Sequence[float]) -> Float64:
    last = max(recipe.epochs * per_epoch - 1, 1)
    top = max(RISE * (last + 1) - 1, 1.0)
    rise = _between(1 / FIRST, 1.0, steps / top)
    fall = _between(1.0, 1 / (FIRST * LAST), (steps - top) / max(last - top, 1.0))
    return np.where(steps <= top, rise, fall)


def _between(start: float, end: float, part: NDArray[np.floating]) -> Float64:
    """From ``start`` to ``end`` along half a cosine."""
    return np.asarray(end + (start - end) * 0.5 * (1 + np.cos(np.pi * np.clip(part, 0, 1))), dtype=np.float64)


def _plateau(recipe: Recipe, steps: NDArray[np.int64], _per_epoch: int, watched: Sequence[float]) -> Float64:
    return np.full(len(steps), recipe.decay_factor ** _plateaus(watched, recipe.decay_epochs))


def _plateaus(watched: Sequence[float], patience: int) -> int:
    """How often the value stood still for ``patience`` epochs."""
    best, waited, found = np.inf, 0, 0
    for value in watched:
        if value < best - PLATEAU_DELTA:
            best, waited = value, 0
            continue
        waited += 1
        if waited >= patience:
            found, waited = found + 1, 0
    return found


_FACTORS = {
    "constant": _constant,
    "cosine": _cosine,
    "step": _step,
    "one-cycle": _one_cycle,
    "plateau": _plateau,
}
