"""The worker's side of the process that answers at once: started early, asked, limited, and replaced when it fails."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext, SpawnProcess
from typing import Any

from app.config import Settings
from app.domain.errors import AppError
from worker import interactive_child
from worker.interactive_child import MEGABYTE, Reply
from worker.orders import PrepareOrder, Question

START_SECONDS = 120.0  # the import of TensorFlow on a slow disk
LOOK_SECONDS = 0.25
TRIES = 2
log = logging.getLogger(__name__)

Main = Callable[[Connection, int], None]


class Unanswered(AppError):
    """The process crashed over a question, or took too long. ``code`` and ``params`` say which."""


class _GaveUp(Exception):
    """Nobody wants the answer any more."""


class _Crashed(Exception):
    """The process ended without an answer."""


class _Process:
    """One process and the pipe to it; used by one thread at a time."""

    def __init__(self, context: ForkServerContext | SpawnContext, main: Main, memory_mb: int) -> None:
        self.pipe: Connection
        self.pipe, far_end = context.Pipe()
        self.process: ForkServerProcess | SpawnProcess = context.Process(
            target=main, args=(far_end, memory_mb), name="interactive", daemon=True
        )
        try:
            self.process.start()
        finally:
            far_end.close()

    def hear(self, seconds: float, go_on: Callable[[], bool]) -> Reply:
        """Wait for its next reply.

        Raises:
            _Crashed: it is gone. TimeoutError: it took longer than ``seconds``. _GaveUp: ``go_on`` said so.
        """
        deadline = time.monotonic() + seconds
        while True:
            ready = wait([self.pipe, self.process.sentinel], LOOK_SECONDS)
            if self.pipe in ready:
                try:
                    reply: Reply = self.pipe.recv()
                except (EOFError, OSError):
                    raise _Crashed from None
                return reply
            if ready:
                raise _Crashed
            if not go_on():
                raise _GaveUp
            if time.monotonic() > deadline:
                raise TimeoutError

    def end(self) -> int:
        """Kill it; return its exit code."""
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()
        return self.process.exitcode or 0


class Warm:
    """Answers questions through one process that stays; safe to use from several threads, one question at a time.

    With the setting ``warm`` of 0 nothing stays: a process is started for each question.

    Args:
        context: how the process starts.
        settings: ``warm``, ``warm_memory_mb``, ``answer_seconds``.
        main: what it runs; tests put programs here that crash or hang.
    """

    def __init__(
        self, context: ForkServerContext | SpawnContext, settings: Settings, main: Main = interactive_child.main
    ) -> None:
        self._context, self._settings, self._main = context, settings, main
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._closed = threading.Event()
        self._memory = 0
        self._restarts = 0

    @property
    def stays(self) -> bool:
        """True when a process is kept ready between questions."""
        return bool(self._settings.warm) and self._settings.worker_interactive_slots > 0

    def info(self) -> dict[str, Any]:
        """For the list of workers: whether the process is ready, its memory, and how often it was replaced."""
        megabytes = self._memory // MEGABYTE
        return {"ready": self._process is not None, "memory_mb": megabytes, "restarts": self._restarts}

    def prepare(self, order: PrepareOrder | None = None) -> None:
        """Start the process, in the background, and have it load the models of ``order``."""
        if self.stays and not self._closed.is_set():
            threading.Thread(target=self._prepare, args=(order,), name="warm", daemon=True).start()

    def ask(self, question: Question, go_on: Callable[[], bool]) -> Reply | None:
        """The answer, or None when ``go_on`` became false before there was one.

        A question over which the process crashes is asked once more.

        Raises:
            Unanswered: ``answer_crashed`` or ``answer_slow``.
        """
        while not self._lock.acquire(timeout=LOOK_SECONDS):
            if not go_on():
                return None
        try:
            return self._ask(question, go_on)
        except _GaveUp:
            self._drop()
            return None
        finally:
            if not self.stays:
                self._drop()
            self._lock.release()
            if self._process is None:
                self.prepare()

    def close(self) -> None:
        """End the process at once; no other is started."""
        self._closed.set()
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _prepare(self, order: PrepareOrder | None) -> None:
        try:
            with self._lock:
                if order is None:
                    self._running(lambda: not self._closed.is_set())
                else:
                    self._ask(order, lambda: not self._closed.is_set())
        except _GaveUp:
            log.info("The process for quick answers is not made ready any more: the worker ends.")
        except Unanswered as error:
            log.info("The process for quick answers is not ready (%s); the next question starts it.", error)
        except Exception:
            log.exception("The process for quick answers could not be prepared; the next question starts it.")

    def _ask(self, question: Question, go_on: Callable[[], bool]) -> Reply:
        exit_code = 0
        for _ in range(TRIES):
            try:
                process = self._running(go_on)
                process.pipe.send(question)
                reply = process.hear(self._settings.answer_seconds, go_on)
            except TimeoutError:
                self._drop()
                raise Unanswered("answer_slow", seconds=round(self._settings.answer_seconds)) from None
            except (_Crashed, OSError):
                exit_code = self._drop()
                log.warning("The process for quick answers ended with code %s.", exit_code)
                if self._closed.is_set():
                    raise _GaveUp from None
            else:
                self._measure(reply)
                return reply
        raise Unanswered("answer_crashed", signal=_name(exit_code))

    def _running(self, go_on: Callable[[], bool]) -> _Process:
        """The process, started and ready."""
        if self._process is not None:
            return self._process
        if self._closed.is_set():
            raise _GaveUp
        started = time.monotonic()
        process = _Process(self._context, self._main, self._settings.warm_memory_mb)
        try:
            self._memory = process.hear(START_SECONDS, go_on).memory
        except BaseException:
            process.end()
            raise
        if self._closed.is_set():
            process.end()
            raise _GaveUp
        self._process = process
        log.info("The process for quick answers is ready after %.1f s.", time.monotonic() - started)
        return process

    def _measure(self, reply: Reply) -> None:
        """Let the process go when it has become too large; the next question gets a new one."""
        self._memory = reply.memory
        if reply.memory > self._settings.warm_memory_mb * MEGABYTE:
            log.info("The process for quick answers has %s MB and is replaced.", reply.memory // MEGABYTE)
            self._drop()

    def _drop(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        self._restarts += 1
        return process.end()


def _name(exit_code: int) -> str:
    """The signal that ended a process, or its exit code."""
    with contextlib.suppress(ValueError):
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
