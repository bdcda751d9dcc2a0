"""The compiled steps of a stage with what they are given; made once, used by all folds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.recipe import Recipe
from app.domain.stages import Stage, stages
from worker.ml import data, frozen, mirrored, parts
from worker.ml.frozen import Indices, Source
from worker.ml.network import Network
from worker.ml.steps import Steps

_CHUNK_BYTES = 8 * 2**20  # that are handed to TensorFlow at a time; the set itself is never copied
_VERSIONS = 4  # as the other numbers of ``train``: which copy of a picture an epoch shows


@dataclass(frozen=True)
class Running:
    """One stage. ``given``: pictures (n, size, size, 3) uint8, or features (n, 1 + copies, …) float16."""

    stage: Stage
    steps: Steps
    given: Any

    @property
    def most(self) -> int:
        """Pictures, or what stands for them, that are handed over at a time."""
        part, size = self.steps.part, self.stage.recipe.image_size
        each = 3 * size * size if part.shape is None else 2 * int(np.prod(part.shape))
        return max(1, _CHUNK_BYTES // each)

    def versions(self, count: int, fold: int, epoch: int) -> NDArray[np.int64]:
        """Which copy of each of so many training pictures this epoch shows; 0 is the picture as it is."""
        if not self.stage.copies:
            return np.zeros(count, np.int64)
        rng = np.random.default_rng((self.stage.recipe.seed, fold, _VERSIONS, epoch))
        return rng.integers(0, 1 + self.stage.copies, count)

    def rows(self, places: Indices, versions: NDArray[np.int64] | int = 0) -> Any:
        """What the steps are given for the pictures at ``places``."""
        return data.taken(self.given, places, *([np.broadcast_to(versions, len(places))] if self.stage.cached else []))


class Stages:
    """The network of a recipe and its stages.

    Args:
        recipe, classes, precision, batch_size: see ``Network`` and ``Steps``.
        source: of the pictures.
        devices: that share each batch; a pretrained network takes one only.
    """

    def __init__(
        self, recipe: Recipe, classes: int, precision: str, batch_size: int, source: Source, devices: tuple[str, ...]
    ) -> None:
        self._recipe, self._batch_size, self._source, self._precision = recipe, batch_size, source, precision
        self._made: dict[int, Running] = {}
        self._aside: dict[int, frozen.Rows] = {}  # what a stage is given, as far as an earlier one has computed it
        self.all = stages(recipe)
        if len(devices) > 1 and not recipe.pretrained:
            self.network, steps = mirrored.build(recipe, classes, precision, batch_size, devices)
            self._made[1] = Running(self.all[0], steps, source.pictures)
        else:
            self.network = Network(recipe, classes, precision, source.weights)

    def running(self, number: int, tell: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Running:
        """The stage of this number (from 1), made when it is asked for the first time.

        Call it when the network has the weights with which the stage begins; its frozen layers are used.

        Raises:
            Stopped: ``should_stop`` said so before it was ready.
        """
        if number not in self._made:
            stage = self.all[number - 1]
            part = parts.make(self.network.model, stage, self._precision)
            given = self._features(stage, part, tell, should_stop) if stage.cached else self._source.pictures
            self._made[number] = Running(stage, Steps(self.network, stage.recipe, self._batch_size, part), given)
        return self._made[number]

    def _features(
        self, stage: Stage, part: parts.Part, tell: Callable[[int, int], None], should_stop: Callable[[], bool]
    ) -> frozen.Features:
        if part.below is None or part.shape is None:
            raise ValueError("a stage whose features are kept has frozen layers")
        rows = self._aside.pop(stage.number, None) or frozen.Rows.room(self._source, stage.copies, part.shape)
        # What the whole pretrained network gives is of use to others too.
        source = self._source if stage.number == 1 else replace(self._source, cache=frozen.Nothing())
        below, aside = self._with_next(stage, part) or (part.below, None)
        base = frozen.Base(below, self.network.normalise, self._recipe)
        frozen.compute(base, source, rows, tell, should_stop, aside)
        return rows.given

    def _with_next(self, stage: Stage, part: parts.Part) -> tuple[Callable[..., Any], frozen.Rows] | None:
        """The layers that also give what the next stage takes, and room for that; None: it takes pictures."""
        later = self.all[stage.number] if stage.number < len(self.all) else None
        if stage.copies or later is None or not later.cached or later.number in self._made:
            return None
        second = parts.make(self.network.model, later)
        self._aside[later.number] = rows = frozen.Rows.room(self._source, later.copies, second.shape or ())
        return parts.both(self.network.model, part, second, self._precision), rows
