"""What a training is asked for, fold by fold, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.ml.checkpoint import State
from worker.ml.frozen import Cache, Indices, Nothing
from worker.ml.keeper import Best, EpochResult
from worker.ml.saving import SavedModel


@dataclass(frozen=True)
class FoldPlan:
    """Which pictures one model learns from, is validated on and asked about at its end, as positions."""

    fold: int
    train: Indices
    validation: Indices  # may be empty
    test: Indices = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class FoldResult:
    """A trained model.

    Attributes:
        model: weights of the best epoch by the recipe's monitor, ready to be saved.
        best: that epoch's numbers.
        probabilities: (validation pictures, classes) of that epoch, in the order of the plan.
        tested: (test pictures, classes) in the order of the plan, for the epoch of each of ``bests``.
        stop_reason: ``epochs`` (all were trained), ``early`` (patience ran out) or ``stopped`` (``should_stop``).
        bests: the best state by ``val_loss`` and by ``val_accuracy``; without validation the last one; and where there
            are two stages, that with which the first one ended as "stage 1".
    """

    fold: int
    model: SavedModel
    best: EpochResult
    probabilities: NDArray[np.float32]
    tested: dict[int, NDArray[np.float32]]
    stop_reason: str
    epochs: tuple[EpochResult, ...]
    bests: dict[str, Best]
    seconds: float


@dataclass(frozen=True)
class Begin:
    """Where a training begins that is not a new one, or only a part of one.

    Attributes:
        states: for each fold the state to go on from; the others begin with new weights.
        precision: of ``device.PRECISIONS``; "" leaves it to the recipe and this machine.
        most: training pictures in the largest fold of the whole run, where ``plans`` are not all of them; it limits
            the batch size, which must be the same for all folds wherever they are trained.
        devices: names such as ``GPU:0`` that share each batch; empty: all graphics cards where there are several.
        cache: features of a pretrained network that others have computed, and will use.
        start: a model whose weights all folds begin with in place of new ones; where its classes are others, its last
            layer is new all the same.
        scratch: folder for features that do not fit into memory; ``weights``: that with files of weights.
    """

    states: Mapping[int, State] = field(default_factory=dict)
    precision: str = ""
    most: int = 0
    devices: tuple[str, ...] = ()
    cache: Cache = field(default_factory=Nothing)
    start: SavedModel | None = None
    scratch: Path | None = None
    weights: Path | None = None
