"""The images of an order; see ``worker.orders``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Items:
    """The images of a run in the order of their rows; all arrays and lists have the same length."""

    ids: NDArray[np.int64]
    digests: list[str]
    labels: NDArray[np.int32]
