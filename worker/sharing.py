"""Which folds a training still begins: agreed between the child that trains and the supervisor that shares them."""

import contextlib
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

NONE, ALL = -1, 2**31 - 1
LOCK_SECONDS = 1.0  # a child that was killed with the lock in its hand never gives it back


class Share:
    """Two numbers in shared memory: the newest fold that was begun, and the last one that may be begun.

    Folds are begun in the order of their numbers, so what is given away are always the last ones.
    """

    def __init__(self, context: ForkServerContext | SpawnContext) -> None:
        self._numbers: Any = context.Array("i", [NONE, ALL])

    def begins(self, fold: int) -> bool:
        """For the child: True when it shall train ``fold``; False when that one was given away."""
        with self._locked():
            if fold > self._numbers[1]:
                return False
            self._numbers[0] = fold
            return True

    def close(self) -> int:
        """For the supervisor: no other fold is begun from now on; the newest one that was, or -1.

        Raises:
            TimeoutError: the child does not answer.
        """
        with self._locked():
            self._numbers[1] = self._numbers[0]
            return int(self._numbers[1])

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._numbers.get_lock()
        if not lock.acquire(timeout=LOCK_SECONDS):
            raise TimeoutError
        try:
            yield
        finally:
            lock.release()
