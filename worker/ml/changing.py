"""Which pictures an epoch goes through, and what is done to each of them.

On the fly, every picture is changed anew in each epoch. With added copies the originals stay as they are, and beside
them stand copies that were changed once, the same in all epochs (the doubling of post 004). Either way the pictures of
some classes alone can be changed; the others are shown as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain import augment
from app.domain.recipe import Augmentation, Recipe
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
        self._recipe, self._labels = recipe, labels
        chosen = recipe.chosen_classes
        self._changed = np.array([not chosen or name in chosen for name in names])
        self._copies = recipe.added_copies if recipe.augmentation.active else 0

    def count(self, train: Indices) -> int:
        """Pictures of an epoch, copies included."""
        return len(train) + self._copies * int(np.count_nonzero(self._changed[self._labels[train]]))

    def epoch(self, train: Indices, fold: int, epoch: int, augmentation: Augmentation) -> Epoch:
        """What one epoch goes through; ``augmentation`` is that of the stage."""
        seed, size = self._recipe.seed, self._recipe.image_size
        even = self._recipe.class_balance == "batches"
        rng = np.random.default_rng((seed, fold, _ORDER, epoch))
        if not self._copies:
            order = balance.order(train, self._labels, rng, even=even)
            drawn = augment.draw(augmentation, len(order), size, np.random.default_rng((seed, fold, _DRAWS, epoch)))
            return Epoch(order, drawn if self._changed.all() else drawn.only(self._changed[self._labels[order]]))
        copied = train[self._changed[self._labels[train]]]
        places = np.concatenate([train, *([copied] * self._copies)])
        drawn = augment.draw(augmentation, len(places), size, np.random.default_rng((seed, fold, _COPIES)))
        drawn = drawn.only(np.arange(len(places)) >= len(train))
        chosen = balance.order(np.arange(len(places)), self._labels[places], rng, even=even)
        return Epoch(places[chosen], drawn.at(chosen))
