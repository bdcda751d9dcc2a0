"""How many jobs of each lane run at the same time in this worker."""

import threading

from app.domain.enums import Lane


class Slots:
    """Counts free places by lane; safe for threads."""

    def __init__(self, gpu: int, cpu: int, interactive: int) -> None:
        self.sizes = {Lane.GPU: gpu, Lane.CPU: cpu, Lane.INTERACTIVE: interactive}
        self._free = dict(self.sizes)
        self._lock = threading.Lock()

    def take(self, lane: Lane) -> bool:
        """Take a place if there is one."""
        with self._lock:
            if not self._free[lane]:
                return False
            self._free[lane] -= 1
            return True

    def give(self, lane: Lane) -> None:
        """Give a place back."""
        with self._lock:
            self._free[lane] += 1

    def free(self, lane: Lane) -> int:
        """Places that are free at this moment."""
        return self._free[lane]
