"""Celery's in-memory transport without its pause: the thread that waits for a message is woken by the message.

The original looks into its queues, sleeps, and looks again: the sleep is a delay of each job, or work without end.
"""

import threading
import time
from queue import Empty
from typing import Any

from kombu.transport import memory

LONGEST_WAIT = 1.0  # after which the queues are looked at anyway
_arrived = threading.Condition()
_count = 0  # of messages that have arrived
_ending = threading.Event()


class Channel(memory.Channel):  # type: ignore[misc]
    """Announces each message to the thread that waits."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        _announce()

    def _put_fanout(self, exchange: str, message: Any, routing_key: str | None = None, **kwargs: Any) -> None:
        super()._put_fanout(exchange, message, routing_key, **kwargs)
        _announce()


class Transport(memory.Transport):  # type: ignore[misc]
    """``broker_transport`` of a worker whose broker is ``memory://``."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Deliver one message.

        Raises:
            TimeoutError: none came within ``timeout`` seconds, or the worker ends.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = _count  # read before the queues: what arrives meanwhile is not slept through
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = LONGEST_WAIT if deadline is None else min(deadline - time.monotonic(), LONGEST_WAIT)
                if left <= 0 or _ending.is_set():
                    raise TimeoutError from None
                with _arrived:
                    _arrived.wait_for(lambda: _count != seen, left)  # noqa: B023 - called before the next round
            else:
                return


def end() -> None:
    """Let nobody wait any more, so that the worker that is told to end does so at once; safe in a signal handler."""
    _ending.set()
    _announce()


def _announce() -> None:
    global _count  # noqa: PLW0603 - the queues of this transport belong to the whole process too
    with _arrived:
        _count += 1
        _arrived.notify_all()
