"""What a child process is told about judging a run with several views, and what it answers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import StoreAddress
from app.domain.enums import PredictionRole


@dataclass(frozen=True)
class JudgePart:
    """Pictures of one role that the same models judge: hashes of the weights, ids of the items, their files."""

    role: PredictionRole
    weights: tuple[str, ...]
    ids: NDArray[np.int64]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class JudgeOrder:
    """Ask models about several views of pictures; ``views`` is one of ``app.domain.views.SEVERAL``."""

    storage: StoreAddress
    recipe: dict[str, Any]
    views: str
    parts: tuple[JudgePart, ...]


@dataclass(frozen=True)
class JudgePiece:
    """What the models of a part say together of some of its pictures.

    ``plain``: positions of the classes that they say of the pictures as they are, (n,); ``probabilities``: the mean
    over all views, (n, classes); seconds: for the pictures as they are, and for all views.
    """

    role: PredictionRole
    ids: NDArray[np.int64]
    plain: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    plain_seconds: float
    seconds: float
