"""Processes that measure pictures, some at a time. One that dies is replaced, and costs the picture it died of."""

import contextlib
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from app.domain.picture_facts import Facts, measure
from worker.parts import Context

WAIT_SECONDS = 300.0  # for what it is given at a time; each was decoded once already, but not beside a training


def serve(connection: Connection) -> None:
    """Answer pictures with their facts, None for what cannot be read, until the other side is gone."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)  # a training or a person goes first
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send([_facts(data) for data in connection.recv()])


def _facts(data: bytes) -> Facts | None:
    try:
        return measure(data)
    except (OSError, ValueError, SyntaxError, MemoryError):  # what Pillow raises for broken data
        return None


class Measurer:
    """One process; used by one thread at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def measure(self, pictures: Sequence[bytes]) -> list[Facts | None]:
        """The facts of each picture; None for one that cannot be read, or that its process dies of or hangs at."""
        found = self._together(pictures)
        if found is not None:
            return found
        if len(pictures) == 1:
            return [None]
        return [facts for data in pictures for facts in self.measure([data])]

    def _together(self, pictures: Sequence[bytes]) -> list[Facts | None] | None:
        connection = self._connected()
        try:
            connection.send(pictures)
            if connection.poll(WAIT_SECONDS):
                found: list[Facts | None] = connection.recv()
                return found
        except (EOFError, OSError):
            pass
        self.close()
        return None

    def _connected(self) -> Connection:
        if self._process is not None and not self._process.is_alive():  # ended by somebody while it had nothing to do
            self.close()
        if self._connection is None:
            ours, theirs = self._context.Pipe()
            self._process = self._context.Process(target=serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
            self._connection = ours
        return self._connection

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None
