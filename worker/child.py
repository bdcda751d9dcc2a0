"""The process in which one job computes. It knows an order, the store and a pipe; neither the database nor Celery.

Nothing of TensorFlow is imported at the top of this file: the supervisor imports it too, and must stay able to fork.
"""

import contextlib
import errno
import faulthandler
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from app.domain.errors import AppError
from worker import limits
from worker.altering_orders import AlterOrder
from worker.judging_orders import JudgeOrder
from worker.map_orders import EmbedOrder
from worker.orders import AskOrder, Done, Failed, FeatureOrder, Message, Order, Question, TrainOrder
from worker.rate_orders import RateOrder
from worker.sharing import Share

NAME = "miwake-job"
EXIT_ORPHAN = 70
EXIT_LEASE = 71
TRACE_CHARACTERS = 20_000
WATCH_SECONDS = 0.1


@dataclass(frozen=True)
class Controls:
    """Numbers in shared memory: ``deadline`` (monotonic seconds until which the lease holds) and ``stop`` (0 or 1)."""

    deadline: Any
    stop: Any
    share: Share | None = None  # which folds are begun here

    def begins(self, fold: int) -> bool:
        """True when a fold shall be trained here, and was not given to another job."""
        return self.share is None or self.share.begins(fold)

    def stopping(self) -> bool:
        """True when the training shall end with the best so far."""
        return bool(self.stop.value)


@dataclass(frozen=True)
class Surroundings:
    """What the process is given.

    Attributes:
        output: takes what is written to the standard outputs, so that a crash leaves its last lines.
        memory: bytes of data that the process may hold; 0 sets no limit.
        cards: numbers of the graphics cards it may see, as CUDA_VISIBLE_DEVICES; None: all there are.
    """

    output: Connection
    memory: int = 0
    cards: str | None = None


def main(pipe: Connection, order: Order, controls: Controls, surroundings: Surroundings) -> None:
    """Carry the order out and say how it ended; the last message is always ``Done`` or ``Failed``."""
    _settle_in(surroundings)
    _guard(controls)
    started = time.perf_counter()
    lock = threading.Lock()

    def send(message: Message) -> None:
        with lock:  # states are reported from a thread beside the training
            pipe.send(message)

    try:
        earlier = _carry_out(order, send, controls)
        last: Message = Done(time.perf_counter() - started + earlier)
    except Exception as error:
        last = failure(error, order)
    send(last)


def _settle_in(surroundings: Surroundings) -> None:
    with contextlib.suppress(OSError):  # the name that ps and top show, where the system has one
        Path("/proc/self/comm").write_text(NAME, encoding="ascii")
    if surroundings.cards is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = surroundings.cards
    for number in (1, 2):
        os.dup2(surroundings.output.fileno(), number)
    surroundings.output.close()
    faulthandler.enable(file=2, all_threads=True)  # a segmentation fault says where it was
    if surroundings.memory:
        limits.hold_to(surroundings.memory)


def _carry_out(order: Order, send: Callable[[Message], None], controls: Controls) -> float:
    import worker.warm  # noqa: F401, PLC0415 - imports TensorFlow, see the top; done already in a copy of the fork server
    from worker import altering, embedding, explaining, featuring, judging, sweeping, training  # noqa: PLC0415 - as above

    if isinstance(order, TrainOrder):
        return training.run(order, send, controls.stopping, controls.begins)
    if isinstance(order, RateOrder):
        sweeping.run(order, send)
    elif isinstance(order, FeatureOrder):
        featuring.run(order, send)
    elif isinstance(order, AskOrder):
        featuring.ask(order, send)
    elif isinstance(order, AlterOrder):
        altering.run(order, send)
    elif isinstance(order, EmbedOrder):
        embedding.run(order, send)
    elif isinstance(order, JudgeOrder):
        judging.run(order, send)
    else:
        explaining.run(order, send)
    return 0.0


def failure(error: Exception, order: Order | Question) -> Failed:
    """The reason of an error as a code with parameters; what nobody foresaw keeps its trace."""
    if isinstance(error, AppError):
        return Failed(error.code, dict(error.params))
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        recipe = order.recipe
        return Failed("out_of_memory", {"batch_size": recipe["batch_size"], "image_size": recipe["image_size"]})
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failed("disk_full", {"folder": str(error.filename or "")})
    trace = "".join(traceback.format_exception(error))[-TRACE_CHARACTERS:]
    return Failed("internal", {"error": f"{type(error).__name__}: {error}"[:300]}, trace)


def _guard(controls: Controls) -> None:
    """End with the worker and with the lease, and be the first to go when the machine runs out of memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the worker, which ends this process
    # Where it is not Linux, or not allowed, the kernel chooses by size, which mostly means this process too.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    parent = parent_process()

    def watch() -> None:
        while True:
            if parent is not None and wait([parent.sentinel], WATCH_SECONDS):
                os._exit(EXIT_ORPHAN)
            if time.monotonic() > controls.deadline.value:
                os._exit(EXIT_LEASE)

    threading.Thread(target=watch, name="guard", daemon=True).start()
