"""Draws for pictures of several classes, each with the changes of its class."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.domain import augment
from app.domain.recipe import Recipe


class ClassDraws:
    """What ``augment.draw`` draws for a recipe, class by class.

    Where no class has changes of its own the draws are those of ``augment.draw``. Where some have, the pictures of the
    other classes still get the same ones.

    Args:
        recipe: changes, those of single classes, the classes that are changed, and picture size are used.
        names: of the classes.
    """

    def __init__(self, recipe: Recipe, names: Sequence[str]) -> None:
        self._common, self._all, self._size = recipe.augmentation, recipe.all_changes, recipe.image_size
        chosen, own = recipe.chosen_classes, recipe.class_changes
        self._changed = np.array([not chosen or name in chosen for name in names])
        self._own = {
            label: replace(recipe.changes_of(name), mixup=0.0, cutmix=0.0)  # mixing is drawn for all
            for label, name in enumerate(names)
            if self._changed[label] and name in own
        }

    def draw(self, labels: NDArray[np.int64], rng: np.random.Generator) -> augment.Draws:
        """What happens to pictures of these classes, (n,) positions in the names; the same state, the same draws."""
        drawn = augment.draw(self._common, len(labels), self._size, rng)
        for label, own in self._own.items():
            mine = labels == label
            made = augment.draw(own, int(mine.sum()), self._size, rng)
            drawn.matrices[mine], drawn.pixels[mine] = made.matrices, made.pixels
        drawn = replace(drawn, augmentation=self._all)
        return drawn if self._changed.all() else drawn.only(self._changed[labels])
