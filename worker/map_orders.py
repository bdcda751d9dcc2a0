"""What a child process is told about the map of a run, and what it answers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import StoreAddress


@dataclass(frozen=True)
class EmbedOrder:
    """What the models of a run make of pictures before they answer; ``weights``: hashes of the saved models."""

    storage: StoreAddress
    recipe: dict[str, Any]
    weights: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Embedded:
    """The pictures that could be read, as places (n,) in the order, and their leading directions (n, few)."""

    places: NDArray[np.int64]
    few: NDArray[np.float32]
