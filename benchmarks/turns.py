"""What a process needs that works in turns with others (``benchmarks.players``), whatever library it uses.

Needs nothing but NumPy, because one of them runs on another interpreter.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

GO = "go"
MARK = "turn: "  # begins the lines that are for the parent; libraries write what they like
CONVOLUTIONS = ((32, 56, 64), (32, 28, 128), (32, 14, 256))  # pictures, side, channels in and out; 3 x 3
PRODUCTS = (1024, 2048)  # side of two square matrices
TRIES = 3


class Clock:
    """Waits until the process is told to work, and says what it took: all that happens between word and answer."""

    def wait(self) -> None:
        """Until the parent says so; the process ends when there will be no other turn."""
        if sys.stdin.readline().strip() != GO:
            sys.exit(0)
        self._cpu, self._begun = time.process_time(), time.perf_counter()

    def tell(self, value: float = 0.0) -> None:
        """The turn is over; ``value`` is told with its times."""
        took, cpu = time.perf_counter() - self._begun, time.process_time() - self._cpu
        print(MARK + json.dumps([took, cpu, value]), flush=True)

    def work(self, turn: Callable[[], float]) -> None:
        """Do ``turn`` as often as the parent wants."""
        while True:
            self.wait()
            self.tell(turn())


def pictures_of(count: int, size: int, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Smooth noise; speed does not depend on what is on a picture."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, size // 4 + 1, size // 4 + 1, 3), dtype=np.uint8)
    pictures = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]
    return np.ascontiguousarray(pictures), np.arange(count, dtype=np.int64) % classes


def best_rate(made: Sequence[tuple[float, Callable[[], Any]]]) -> float:
    """Most operations a second of some pieces of work, each given with its number of operations."""
    found = 0.0
    for work, run in made:
        for _ in range(TRIES):
            started = time.perf_counter()
            run()
            found = max(found, work / (time.perf_counter() - started))
    return found
