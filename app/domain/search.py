"""Searching for good settings of a recipe: what may vary, the draws, who goes on, and the luck of the best.

Random search (Bergstra and Bengio 2012) draws every trial anew. Successive halving (Jamieson and Talwalkar 2016) begins
with many short trainings, and only the best third of them is trained three times as long, and so on. Everything follows
from the seed and the number of the trial, so that a search that was interrupted goes on as if nothing had happened.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import metrics
from app.domain.recipe import FIELDS, Recipe
from app.domain.recipe_fields import MOST_SHIFT

READY, RANDOM, HALVING = METHODS = ("ready", "random", "halving")
ETA = 3  # of the trainings of a round one in so many goes on, so many times longer
MOST_TRIALS, MOST_MINUTES = 100, 1440
ROUNDS = 1000  # of the bootstrap
STRENGTH = "strength"  # of all changes of pictures together; no field of a recipe
_FACTORS = ("rotation", "shear", "channel_shift", "blur", "noise", "erase", "mixup", "cutmix")
_SHIFTS = ("width_shift", "height_shift")
_LARGEST_PART = 0.99
_PAIRS = ("zoom", "brightness", "contrast")


@dataclass(frozen=True)
class Dimension:
    """What varies: between ``low`` and ``high`` (on the scale of the logarithm with ``log``), or one of ``choices``."""

    field: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def draw(self, rng: np.random.Generator) -> Any:
        """One value; numbers with three digits."""
        if self.choices:
            return self.choices[int(rng.integers(len(self.choices)))]
        if self.log:
            return float(f"{math.exp(rng.uniform(math.log(self.low), math.log(self.high))):.3g}")
        return float(f"{rng.uniform(self.low, self.high):.3g}")


def dimensions(recipe: Recipe) -> dict[str, Dimension]:
    """What may vary around ``recipe``, by name; only what makes a difference to it."""
    spec, rate = FIELDS["learning_rate"], recipe.learning_rate
    found = [
        Dimension("learning_rate", max(rate / 10, spec.low), min(rate * 10, spec.high), log=True),
        Dimension("batch_size", choices=(8, 16, 32, 64, 128)),
        Dimension("label_smoothing", 0.0, 0.2),
        Dimension("optimizer", choices=("rmsprop", "adam", "adamw", "lion")),
    ]
    if recipe.optimizer in ("adamw", "lion"):
        found.append(Dimension("weight_decay", 1e-4, 0.1, log=True))
    if recipe.all_changes.active and (not recipe.pretrained or recipe.feature_copies or recipe.unfrozen_blocks):
        found.append(Dimension(STRENGTH, 0.0, 1.5))
    if recipe.pretrained:
        found.append(Dimension("head_dropout", 0.0, 0.6))
    if recipe.begin:  # its weights fit this network only
        return {one.field: one for one in found}
    if recipe.pretrained:
        found.append(Dimension("head_units", choices=(0, 64, 256)))
    elif recipe.architecture.endswith("-plus"):
        networks = ("conv2-plus", "conv3-plus", "conv4-plus", "deepconv-plus")
        found += [Dimension("architecture", choices=networks), Dimension("image_size", choices=(64, 96, 128))]
    return {one.field: one for one in found}


def strengthened(recipe: Recipe, factor: float) -> Recipe:
    """All changes of pictures made weaker or stronger, those of single classes too.

    0 is none of those with a size, 1 as they are; mirroring and copies stay.
    """
    values = {name: _stronger(name, value, factor) for name, value in asdict(recipe.augmentation).items()}
    own = {
        of: {name: _stronger(name, value, factor) for name, value in one.items()}
        for of, one in recipe.class_changes.items()
    }
    common = {f"augmentation.{name}": value for name, value in values.items()}
    return recipe.updated({**common, "class_augmentation": own})


def _stronger(name: str, value: Any, factor: float) -> Any:
    if name in _SHIFTS:
        return _shift(value, factor)
    pair = name.removesuffix("_low").removesuffix("_high") in _PAIRS
    if not pair and name not in _FACTORS:
        return value
    spec = FIELDS[f"augmentation.{name}"]
    return min(max(1 + (value - 1) * factor if pair else value * factor, spec.low), spec.high)


def _shift(shift: float, factor: float) -> float:
    """A part of the side stays one, and a number of pixels too: below one of them is nothing."""
    moved = shift * factor
    if shift < 1:
        return min(moved, _LARGEST_PART)
    return 0.0 if moved < 1 else min(moved, MOST_SHIFT)


def trial(recipe: Recipe, varied: Sequence[Dimension], seed: int, number: int) -> Recipe:
    """The recipe of a trial; number 0 is ``recipe`` itself, so that the search is never worse than not searching.

    Raises:
        Invalid: values that cannot be used together.
    """
    if number == 0:
        return recipe
    rng = np.random.default_rng((seed, number))
    drawn = {one.field: one.draw(rng) for one in varied}
    factor = drawn.pop(STRENGTH, None)
    made = recipe.updated({**drawn, "preset": ""})
    return made if factor is None else strengthened(made, factor)


def rounds(trials: int, epochs: int) -> list[tuple[int, int]]:
    """(trainings, epochs of each) of the rounds of successive halving; the last one has all epochs."""
    count = 0
    while trials // ETA ** (count + 1) >= 1 and epochs // ETA ** (count + 1) >= 1:
        count += 1
    return [(max(trials // ETA**step, 1), max(epochs // ETA ** (count - step), 1)) for step in range(count + 1)]


def ranked(scores: Mapping[int, tuple[float, float]]) -> list[int]:
    """The numbers of trials, the best first, by (accuracy, loss); the loss decides between equals."""
    return sorted(scores, key=lambda number: (-scores[number][0], scores[number][1], number))


@dataclass(frozen=True)
class Honest:
    """What to expect of the chosen trial: ``accuracy`` with 95 % limits; ``seen`` is what it has on its face."""

    accuracy: float
    low: float
    high: float
    seen: float

    @property
    def optimism(self) -> float:
        """How much the best of all looks better than it is."""
        return self.seen - self.accuracy


def honest(right: NDArray[np.bool_], losses: NDArray[np.float64], seed: int = 0) -> Honest | None:
    """The accuracy of the best trial without the luck of having been chosen.

    Bootstrap bias correction (Tsamardinos, Greasidou and Borboudakis 2018): the best trial is chosen on pictures that
    are drawn with replacement, and judged on those that were not drawn, a thousand times.

    Args:
        right: (trials, pictures) whether a trial says the right class of a validation picture.
        losses: (trials, pictures) its losses, which decide between equal accuracies.

    Returns:
        None for fewer than two trials or ten pictures.
    """
    trials, pictures = right.shape
    if trials < 2 or pictures < 10:
        return None
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(ROUNDS):
        times = np.bincount(rng.integers(0, pictures, pictures), minlength=pictures)
        out = times == 0
        if out.any():
            best = np.lexsort((losses @ times, -(right @ times)))[0]
            found.append(right[best, out].mean())
    seen = np.lexsort((losses.sum(axis=1), -right.sum(axis=1)))[0]
    low, high = np.quantile(found, (0.025, 0.975))
    mean = float(np.mean(found))
    # Where everything is right there is nothing to draw from: the interval is never narrower than that of one model.
    if (alone := metrics.wilson(mean * pictures, pictures)) is not None:
        low, high = min(low, alone.low), max(high, alone.high)
    return Honest(mean, float(low), float(high), float(right[seen].mean()))
