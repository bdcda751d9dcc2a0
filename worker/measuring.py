"""Processes that measure pictures. One that dies, whatever of, costs the picture it worked on, and is replaced."""

import contextlib
import os
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from app.domain.picture_facts import Facts, measure
from worker.parts import Context

WAIT_SECONDS = 300.0  # for one picture, which was decoded once already within less, but not beside a training


def serve(connection: Connection) -> None:
    """Answer each picture with its facts, or None, until the other side is gone."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)  # a training or a person goes first
    with contextlib.suppress(EOFError, OSError):
        while True:
            data = connection.recv_bytes()
            try:
                found: Facts | None = measure(data)
            except (OSError, ValueError, SyntaxError, MemoryError):  # what Pillow raises for broken data
                found = None
            connection.send(found)


class Measurer:
    """One process; used by one thread at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def measure(self, data: bytes) -> Facts | None:
        """The facts of a picture; None when it cannot be read or its process dies or hangs."""
        connection = self._connected()
        try:
            connection.send_bytes(data)
            if connection.poll(WAIT_SECONDS):
                found: Facts | None = connection.recv()
                return found
        except (EOFError, OSError):
            pass
        self.close()
        return None

    def _connected(self) -> Connection:
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
