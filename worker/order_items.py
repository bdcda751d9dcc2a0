"""The images of an order; see ``worker.orders``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Known = dict[str, dict[str, tuple[str, int]]]
"""Features that others have left: by method, for each hash of a picture, hash of an array and row in it."""


@dataclass(frozen=True)
class Items:
    """The images of a run in the order of their rows; all arrays and lists have the same length."""

    ids: NDArray[np.int64]
    digests: list[str]
    labels: NDArray[np.int32]
