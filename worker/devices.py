"""What this machine has to compute with, and which of it a training gets.

Graphics cards are asked for by a process of its own, because whoever asks TensorFlow for them keeps a part of their
memory, and the worker itself must stay able to fork.
"""

import contextlib
import functools
import importlib.metadata
import logging
import os
import platform
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from typing import Any

from worker import limits

PROBE_SECONDS = 120.0  # a driver can take long to wake up, and a broken one never answers
LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "pillow", "celery")
_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
_QUERY = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
log = logging.getLogger(__name__)

Context = ForkServerContext | SpawnContext


@dataclass(frozen=True)
class Card:
    """A graphics card as TensorFlow sees it; ``memory`` in bytes, 0 when nobody says."""

    name: str
    memory: int


class Devices:
    """The cards of this machine, shared out between the trainings that run at the same time.

    Args:
        cards: of the machine, in the order of their numbers.
        places: trainings that may run at the same time in this worker.
    """

    def __init__(self, cards: tuple[Card, ...], places: int) -> None:
        self.cards = cards
        self._users = dict.fromkeys(range(len(cards)), 0)
        self._each = max(1, len(cards) // max(places, 1))
        self._lock = threading.Lock()

    def info(self) -> dict[str, object]:
        """Cards, processors, memory, load and versions, as the worker reports them."""
        return {
            "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": limits.machine_memory(),
            "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "gpus": [{"name": card.name, "memory": card.memory} for card in self.cards],
            "versions": {"python": platform.python_version(), **_versions()},
        }

    @contextlib.contextmanager
    def lent(self) -> Iterator[str | None]:
        """Cards for one training, as CUDA_VISIBLE_DEVICES; None where there are none.

        The cards are divided by the places, one at least; where there are more trainings than cards, two share one.
        """
        if not self.cards:
            yield None
            return
        with self._lock:
            chosen = sorted(self._users, key=lambda number: (self._users[number], number))[: self._each]
            for number in chosen:
                self._users[number] += 1
        try:
            yield ",".join(str(number) for number in sorted(chosen))
        finally:
            with self._lock:
                for number in chosen:
                    self._users[number] -= 1


def find(context: Context, places: int) -> Devices:
    """The devices of this machine; where no driver is loaded there are no cards, and nobody has to be asked."""
    if not any(driver.exists() for driver in _DRIVERS):
        return Devices((), places)
    return Devices(probe(context), places)


def probe(context: Context) -> tuple[Card, ...]:
    """Ask a process that ends afterwards; no cards when it fails, which is said in the log."""
    near, far = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(far,), name="probe", daemon=True)
    process.start()
    far.close()
    try:
        if near.poll(PROBE_SECONDS):
            return tuple(near.recv())
        log.warning("The graphics cards did not answer within %s s; trainings use the processor.", PROBE_SECONDS)
    except EOFError:
        log.warning("The process that looks for graphics cards failed; trainings use the processor.")
    finally:
        process.kill()
        process.join()
        near.close()
    return ()


def _report(pipe: Connection) -> None:
    import tensorflow as tf  # noqa: PLC0415 - must not be imported in the worker, see the top

    found = tf.config.list_physical_devices("GPU")
    named = [tf.config.experimental.get_device_details(card) for card in found]
    pipe.send(_cards(named, _from_driver()))


def _cards(named: Sequence[Mapping[str, Any]], driver: list[Card]) -> list[Card]:
    """TensorFlow knows which cards it can use, the driver how much memory they have."""
    if len(driver) == len(named):
        return driver
    return [Card(str(details.get("device_name", "GPU")), 0) for details in named]


def _from_driver() -> list[Card]:
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rpartition(",") for line in done.stdout.splitlines() if line.strip()]
    return [
        Card(name.strip(), int(memory) * limits.MEGABYTE if memory.strip().isdigit() else 0) for name, _, memory in rows
    ]


@functools.cache
def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
