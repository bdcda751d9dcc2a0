"""A cable between the product and a server: it can be pulled out, go dead, and become slow."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from enum import StrEnum

CHUNK = 65_536
SLOW_SECONDS = 0.5  # before each chunk that goes to the server


class State(StrEnum):
    """What the cable does with what is sent."""

    OPEN = "open"
    AWAY = "away"  # connections are refused, and those that were open are broken
    DEAD = "dead"  # connections are taken, and nothing comes through
    SLOW = "slow"


class Wire:
    """Listens on ``port`` and passes on to ``target``, as long as its state lets it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open = threading.Event()
        self._state = State.OPEN
        self._ends: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._open.set()

    @contextlib.contextmanager
    def broken(self, how: State) -> Iterator[None]:
        """Break it in a way, and mend it."""
        self._state = how
        if how is State.AWAY:
            self.close()
        if how is State.DEAD:
            self._open.clear()
        try:
            yield
        finally:
            self._state = State.OPEN
            self._open.set()
            if how is State.AWAY:
                self._listener = self._listen(self.port)

    def close(self) -> None:
        """Break all connections and take no new ones."""
        for end in (self._listener, *self._ends.copy()):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _listen(self, port: int) -> socket.socket:
        made = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(made,), daemon=True).start()
        return made

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends |= {near, far}
                for source, sink, slows in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass_on, args=(source, sink, slows), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, slows: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._open.wait()
                if slows and self._state is State.SLOW:
                    time.sleep(SLOW_SECONDS)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends -= {source, sink}


@contextlib.contextmanager
def wire(target: int) -> Iterator[Wire]:
    """A cable to ``target``, a port of this machine."""
    made = Wire(target)
    try:
        yield made
    finally:
        made.close()
