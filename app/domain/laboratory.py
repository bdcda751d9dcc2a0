"""The laboratory of post 004: what changing the pictures of one class, of another and of both does to each class.

Pure functions: the recipes of the arms, and paired differences over seeds.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.domain import matrix
from app.domain.errors import Invalid
from app.domain.metrics import Interval
from app.domain.recipe import Augmentation, Recipe
from app.domain.stats import beta

MOST_CLASSES = 6  # that have an arm of their own
MOST_SEEDS = 20
LEVEL = 0.05
_SAME = 1e-9  # differences that are closer than this are the same but for rounding


@dataclass(frozen=True)
class Arm:
    """One way to change pictures: ``classes`` whose pictures are changed, none for no change, None for all."""

    classes: frozenset[str] | None

    @property
    def plain(self) -> bool:
        """True for the arm that changes nothing."""
        return self.classes is not None and not self.classes


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences over seeds: interval and p of the paired t test.

    None of a single seed, and where all seeds differ by the same amount: shares of few pictures often do, and that
    they do not scatter at all proves nothing.
    """

    mean: float
    interval: Interval | None
    p: float | None


def arm_of(recipe: Recipe) -> Arm:
    """The arm that a recipe belongs to."""
    if not recipe.all_changes.active:
        return Arm(frozenset())
    return Arm(recipe.chosen_classes or None)


def recipes(recipe: Recipe, classes: Sequence[str], seeds: int) -> list[tuple[Arm, Recipe]]:
    """The recipes of all arms, seed after seed: no changes, each class alone, all classes of ``classes`` together.

    Args:
        recipe: its changes of pictures are those that are tried.
        classes: names, at least two, as the project has them.
        seeds: of each arm; the same for all arms, so that they can be compared in pairs.

    Raises:
        Invalid: ``vary_no_augmentation``, ``laboratory_classes``, ``laboratory_seeds`` or ``backbone_changes_all``.
    """
    if not recipe.all_changes.active:
        raise Invalid("vary_no_augmentation")
    if recipe.pretrained:
        raise Invalid("backbone_changes_all")
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise Invalid("laboratory_classes", count=len(classes), most=MOST_CLASSES)
    if not 1 <= seeds <= MOST_SEEDS:
        raise Invalid("laboratory_seeds", most=MOST_SEEDS)
    arms = [Arm(frozenset()), *(Arm(frozenset([name])) for name in classes), Arm(frozenset(classes))]
    return [(arm, _of_arm(recipe, arm, recipe.seed + number)) for number in range(seeds) for arm in arms]


def refuse_unchanged(made: Sequence[tuple[Arm, Recipe]]) -> None:
    """Refuse arms of ``recipes`` in which no picture is changed: they would be taken for the one without changes.

    Raises:
        Invalid: ``vary_class_unchanged``.
    """
    if names := {name for arm, one in made if not one.all_changes.active for name in arm.classes or ()}:
        raise matrix.unchanged(names)


def _of_arm(recipe: Recipe, arm: Arm, seed: int) -> Recipe:
    if arm.plain:
        return replace(recipe, augmentation=Augmentation(), augmented_classes="", class_augmentation="", seed=seed)
    return recipe.updated(
        {"augmented_classes": json.dumps(sorted(arm.classes or ()), ensure_ascii=False), "seed": seed}
    )


def over_seeds(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Second minus first, pair by pair: the paired t test of Student.

    The seeds are what was drawn; the pictures stay the same.
    """
    gaps = np.asarray(second, float) - np.asarray(first, float)
    mean = float(gaps.mean())
    if len(gaps) < 2:
        return Difference(mean, None, None)
    error, free = float(gaps.std(ddof=1)) / math.sqrt(len(gaps)), len(gaps) - 1
    if error < _SAME:
        return Difference(mean, None, None)
    half = _t_quantile(free) * error
    return Difference(mean, Interval(mean - half, mean + half), _t_chance(mean / error, free))


def _t_chance(t: float, free: int) -> float:
    """The two-sided p of Student's t: I_x(free / 2, 1 / 2) with x = free / (free + t²)."""
    return beta.incomplete(free / 2, 0.5, free / (free + t * t))


def _t_quantile(free: int) -> float:
    x = beta.quantile(free / 2, 0.5, LEVEL)
    return math.sqrt(free * (1 / x - 1))
