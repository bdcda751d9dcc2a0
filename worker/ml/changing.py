"""Which pictures an epoch goes through, and what is done to each of them.

On the fly, every picture is changed anew in each epoch. With added copies the originals stay as they are, and beside
them stand copies that were changed once, the same in all epochs (the doubling of post 004). Which of both, and what is
changed, may differ from class to class; the pictures of a class that is not changed are shown as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain import augment
from app.domain.class_draws import ClassDraws
from app.domain.recipe import Recipe
from worker.ml import balance

Indices = NDArray[np.int64]
_ORDER, _DRAWS, _COPIES = 1, 2, 3  # so that one seed does not draw the same numbers for two purposes


@dataclass(frozen=True)
class Epoch:
    """Positions in their order, (n,), and what happens to each."""

    order: Indices
    draws: augment.Draws


class Changes:
    """The changes of pictures of one recipe.

    Args:
        recipe: added copies, classes that are changed, seed and class balance are used.
        labels: of all pictures.
        names: of the classes.
    """

    def __init__(self, recipe: Recipe, labels: Indices, names: tuple[str, ...]) -> None:
        self._recipe, self._labels, self._names = recipe, labels, names
        self._copies = np.array([recipe.copies_of(name) for name in names])

    def count(self, train: Indices) -> int:
        """Pictures of an epoch, copies included."""
        return len(train) + int(self._copies[self._labels[train]].sum())

    def epoch(self, train: Indices, fold: int, epoch: int, stage: Recipe) -> Epoch:
        """What one epoch goes through; the changes are those of the recipe of the ``stage``."""
        seed, even = self._recipe.seed, self._recipe.class_balance == "batches"
        draws, places = ClassDraws(stage, self._names), self._places(train)
        rng = np.random.default_rng((seed, fold, _ORDER, epoch))
        chosen = balance.order(np.arange(len(places)), self._labels[places], rng, even=even)
        order = places[chosen]
        anew = draws.draw(self._labels[order], np.random.default_rng((seed, fold, _DRAWS, epoch)))
        if not self._copies.any():
            return Epoch(order, anew)
        fixed = draws.draw(self._labels[places], np.random.default_rng((seed, fold, _COPIES)))
        fixed = fixed.only(np.arange(len(places)) >= len(train)).at(chosen)
        return Epoch(order, fixed.or_else(anew, self._copies[self._labels[order]] > 0))

    def _places(self, train: Indices) -> Indices:
        """The training pictures, and behind them the copies of each: first copies, second ones and so on."""
        wanted = self._copies[self._labels[train]]
        return np.concatenate([train, *(train[wanted > copy] for copy in range(wanted.max(initial=0)))])
