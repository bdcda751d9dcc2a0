"""The parts of a worker process, put together in one place."""

import multiprocessing
import os
import socket
import sys
import threading
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

from app.config import Settings
from app.db.session import Database
from app.domain.errors import AppError
from app.services import weight_places
from app.services.jobs import Able
from app.storage import Store, open_store
from worker import devices, limits, presence
from worker.devices import Devices
from worker.interactive import Warm
from worker.slots import Slots

PRELOAD = ["worker.warm"]
Context = ForkServerContext | SpawnContext


@dataclass(frozen=True)
class Parts:
    """What tasks, keeper and supervisor share. ``stopping`` is set once, ``wake`` whenever a place became free."""

    settings: Settings
    database: Database
    store: Store
    name: str
    slots: Slots
    context: Context
    stopping: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    unpacked: threading.Event = field(default_factory=threading.Event)  # a run is done: see worker.packing
    devices: Devices = field(default_factory=lambda: Devices((), 1))
    warm: Warm = field(init=False)  # the process that answers at once; not started yet

    def __post_init__(self) -> None:
        object.__setattr__(self, "warm", Warm(self.context, self.settings))

    @property
    def host(self) -> str:
        """The name of this machine, as the needs of a job name it."""
        return self.settings.worker_host or socket.gethostname()

    @property
    def able(self) -> Able:
        """Which jobs this worker may take."""
        return Able(self.host, gpu=bool(self.devices.cards))

    def info(self) -> dict[str, object]:
        """What the worker says of itself with each sign of life."""
        return {
            "host": self.host,
            "pid": os.getpid(),
            "process": presence.mark(),
            "slots": {str(lane): size for lane, size in self.slots.sizes.items()},
            "start_method": self.context.get_start_method(),
            "warm": self.warm.info(),
            "job_memory": limits.for_training(self.settings.job_memory_mb, self.settings.worker_gpu_slots),
            "available": limits.free_memory(),
            weight_places.TOLD: weight_places.told(self.settings.weights_folder),
            **self.devices.info(),
        }


def assemble(settings: Settings) -> Parts:
    """The parts of a worker with these settings; training processes can be started at once afterwards."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported, in the processes below
    context = process_context(settings.start_method)
    return Parts(
        settings=settings,
        database=Database(settings.database),
        store=open_store(settings.patient_store_address),
        name=f"{settings.worker_host or socket.gethostname()}:{os.getpid()}",
        slots=Slots(settings.worker_gpu_slots, settings.worker_cpu_slots, settings.worker_interactive_slots),
        context=context,
        devices=devices.find(context, settings.worker_gpu_slots),
    )


def process_context(wanted: str) -> Context:
    """How training processes start.

    ``forkserver`` imports TensorFlow once and is then copied for each job; that is only safe as long as no TensorFlow
    operation has run in it, so nothing that is preloaded may run one. With a GPU each process starts from nothing.

    Raises:
        AppError: ``wanted`` is neither "forkserver", "spawn" nor "".
    """
    if wanted not in ("", "forkserver", "spawn"):
        raise AppError("setting_invalid", name="MIWAKE_START_METHOD", value=wanted, kind="forkserver, spawn")
    graphics = Path("/dev/nvidiactl").exists()
    if wanted == "spawn" or (not wanted and (sys.platform != "linux" or graphics)):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    forkserver.ensure_running()  # the first job would wait for the import otherwise
    return context
