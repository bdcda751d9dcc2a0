"""What a child process is told about a test on changed pictures, and what it answers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import StoreAddress


@dataclass(frozen=True)
class AlterPart:
    """Pictures that the same models judge: hashes of the weights, and for each picture its id, bytes and size."""

    weights: tuple[str, ...]
    ids: NDArray[np.int64]
    digests: tuple[str, ...]
    sizes: NDArray[np.int64]  # (n, 2) width and height


@dataclass(frozen=True)
class AlterOrder:
    """Ask models about pictures as they are and changed; ``alteration`` as of ``app.domain.alterations``."""

    storage: StoreAddress
    recipe: dict[str, Any]
    parts: tuple[AlterPart, ...]
    alteration: dict[str, Any]


@dataclass(frozen=True)
class Altered:
    """What models said before and after, (n, classes) each, the mean where there are many."""

    ids: NDArray[np.int64]
    before: NDArray[np.float32]
    after: NDArray[np.float32]
