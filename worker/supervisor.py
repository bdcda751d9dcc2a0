"""One child process for one job: started, listened to, and ended when somebody says so.

The child may crash, hang or be killed by the system; here that is one job that failed, with a reason.
"""

import contextlib
import ctypes
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from typing import Any

from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from app.services.jobs import LeaseLost
from worker import child, limits
from worker.lease import Lease, Word
from worker.orders import Done, Failed, FoldEnd, Message, Order, Progress, TrainOrder
from worker.parts import Parts
from worker.rate_orders import RateOrder
from worker.sharing import Share
from worker.tail import Tail

LOOK_SECONDS = 0.2
STOP_GRACE_SECONDS = 30.0  # for the training to leave its loop after it was told to keep the best
RETRY_SECONDS = 0.5
MOST_AT_ONCE = 200
NO_MEMORY = ("bad_alloc", "out of memory", "Out of memory", "RESOURCE_EXHAUSTED")  # of C++ code that gave up
log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How the work on a job ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SHARED = "shared"  # the own part is done; children do the rest
    RELEASED = "released"  # this worker shuts down; another one shall begin again
    LOST = "lost"  # the job is not ours any more: nothing may be written


@dataclass(frozen=True)
class End:
    """The outcome with the reason of a failure."""

    outcome: Outcome
    code: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    trace: str | None = None


class Supervisor:
    """Runs one order to its end.

    Args:
        parts: of this worker.
        lease: of the job; it is held by somebody else (``Lease.watched``).
        order: what the child does.
        write: stores messages in one transaction; may raise LeaseLost, or a database error, which is tried again.
        share: with which somebody may give folds of the order away while the child works.
    """

    def __init__(
        self,
        parts: Parts,
        lease: Lease,
        order: Order,
        write: Callable[[Sequence[Message]], None],
        share: Share | None = None,
    ) -> None:
        self._parts, self._lease, self._order, self._write = parts, lease, order, write
        context = parts.context
        self._controls = child.Controls(
            context.Value(ctypes.c_double, lease.until, lock=False), context.Value(ctypes.c_int, 0, lock=False), share
        )
        lease.on_renewed = self._extend
        self._pipe, self._far_end = context.Pipe(duplex=False)
        self._tail = Tail(context)
        self._last: Done | Failed | None = None
        self._told_to_stop: float | None = None
        self._training = True

    def run(self) -> End:
        """Start the child and stay with it until it has ended."""
        # Heat maps leave the graphics cards to the trainings.
        trains = isinstance(self._order, TrainOrder | RateOrder)
        lent = self._parts.devices.lent() if trains else contextlib.nullcontext("")
        with lent as cards:
            self._start(cards)
            try:
                ended = self._listen()
            finally:
                self._kill()
                self._pipe.close()
                written = self._tail.close()
        return ended or self._verdict(written)

    def _start(self, cards: str | None) -> None:
        settings = self._parts.settings
        memory = limits.for_training(settings.job_memory_mb, settings.worker_gpu_slots)
        surroundings = child.Surroundings(self._tail.far_end, memory, cards)
        arguments = (self._far_end, self._order, self._controls, surroundings)
        self._process = self._parts.context.Process(target=child.main, args=arguments, name="job", daemon=False)
        self._process.start()
        self._far_end.close()
        self._tail.listen()

    def _listen(self) -> End | None:
        """Until the child has ended by itself (None), or had to be ended."""
        while True:
            ready = wait([self._process.sentinel, self._pipe], LOOK_SECONDS)
            ended = self._process.sentinel in ready  # asked before the pipe is read, so that the last message is seen
            try:
                more = self._receive(self._pipe)
            except LeaseLost:
                return End(Outcome.LOST)
            if ended and not more:
                return None
            if (end := self._obey(self._lease.word)) is not None:
                return end

    def _receive(self, pipe: Connection) -> bool:
        """Take what has come, at most ``MOST_AT_ONCE`` messages; False when nothing more can come."""
        messages: list[Message] = []
        try:
            while len(messages) < MOST_AT_ONCE and pipe.poll():
                messages.append(pipe.recv())
        except EOFError:
            # The child has closed its end; without this its sentinel and the end of file would keep us in a busy loop.
            self._process.join(1.0)
        self._take(messages)
        return bool(messages)

    def _take(self, messages: Sequence[Message]) -> None:
        """Write messages in one transaction: small pictures can give hundreds of epochs in a second."""
        results = [message for message in messages if not isinstance(message, Progress | Failed)]
        progress = [message for message in messages if isinstance(message, Progress)][-1:]
        for message in messages:
            if isinstance(message, Done | Failed):
                self._last = message
            elif isinstance(message, FoldEnd):
                self._training = False
            elif isinstance(message, Progress):
                self._training = message.phase in ("load", "features", "train")
        if results:
            self._store([*results, *progress])
        elif progress:
            self._store_once(progress)

    def _store_once(self, messages: Sequence[Message]) -> None:
        try:
            self._write(messages)
        except SQLAlchemyError as error:
            log.warning("Progress was not written: %s", error)

    def _store(self, messages: Sequence[Message]) -> None:
        """Results must not get lost: try until the database takes them, or the lease is over.

        What it refuses for what they are, it will refuse again: that ends the job with the reason.
        """
        while True:
            try:
                self._write(messages)
            except (IntegrityError, ProgrammingError):
                raise
            except SQLAlchemyError as error:
                log.warning("Results were not written, trying again: %s", error)
                if self._lease.word is Word.LOST:
                    raise LeaseLost("lease_lost") from error
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _obey(self, word: Word) -> End | None:
        if word is Word.LOST:
            return End(Outcome.LOST)
        if word is Word.CANCEL:
            return End(Outcome.CANCELLED)
        if self._parts.stopping.is_set():
            return End(Outcome.RELEASED)
        if word is Word.KEEP_BEST:
            return self._ask_to_stop()
        return None

    def _extend(self, until: float) -> None:
        self._controls.deadline.value = until

    def _ask_to_stop(self) -> End | None:
        now = time.monotonic()
        if self._told_to_stop is None:
            self._told_to_stop = now
            self._controls.stop.value = 1
        overdue = now - self._told_to_stop > STOP_GRACE_SECONDS and self._training
        return End(Outcome.CANCELLED) if overdue else None

    def _kill(self) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def _verdict(self, written: str) -> End:
        if isinstance(self._last, Done):
            return End(Outcome.DONE)
        if isinstance(self._last, Failed):
            trace = "\n".join(part for part in (self._last.trace, written) if part)
            return End(Outcome.FAILED, self._last.code, self._last.params, trace or None)
        return died(self._process.exitcode or 0, self._order.recipe, written)


def died(exit_code: int, recipe: dict[str, Any], written: str = "") -> End:
    """The reason of a child that ended without a last word; ``written`` is the end of what it wrote."""
    if exit_code in (child.EXIT_LEASE, child.EXIT_ORPHAN):
        return End(Outcome.LOST)
    sizes = {"batch_size": recipe["batch_size"], "image_size": recipe["image_size"]}
    trace = written or None
    if exit_code == -signal.SIGKILL:
        return End(Outcome.FAILED, "killed", sizes, trace)
    if exit_code == -signal.SIGABRT and any(word in written for word in NO_MEMORY):
        return End(Outcome.FAILED, "out_of_memory", sizes, trace)
    if exit_code < 0:
        return End(Outcome.FAILED, "crashed", {"signal": signal.Signals(-exit_code).name}, trace)
    return End(Outcome.FAILED, "internal", {"error": f"exit code {exit_code}"}, trace)
