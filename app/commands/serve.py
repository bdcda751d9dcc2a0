"""``python -m app serve``: web pages and a worker with one command. This process itself only watches the two."""

import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from types import FrameType

from app.commands import folder, logs, ports
from app.commands.children import Child
from app.commands.common import Exit, opened, put, say
from app.config import Settings, child_environment

WATCH_SECONDS = 0.1
WEB_GRACE = 8.0
WORKER_GRACE = 20.0


class Stops:
    """How often somebody asked this process to end: once is in good order, twice is at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.at_once = threading.Event()

    def listen(self) -> None:
        """Take over Ctrl-C and SIGTERM."""
        signal.signal(signal.SIGINT, self._hear)
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        (self.at_once if self.asked.is_set() else self.asked).set()


def run(settings: Settings, *, when_ready: Callable[[str], None] | None = None) -> int:
    """Serve until Ctrl-C. ``when_ready`` is called with the address, in a thread, once the pages answer.

    Raises:
        AddressError: the port cannot be used.
        FolderError: the data folder cannot be used, or another server uses it.
    """
    logs.set_up(settings.log_level, settings.log_format, settings.masked)
    folder.prepare(settings.data_dir)
    with ports.listen(settings.host, settings.port) as listener, folder.held(settings.data_dir):
        with opened(settings):
            pass  # the migrations run once, before two processes would both begin them
        return _serve(listener, when_ready)


def _serve(listener: socket.socket, when_ready: Callable[[str], None] | None) -> int:
    stops = Stops()
    stops.listen()
    web = ["-m", "app", "web", "--fd", str(listener.fileno()), "--end-with-parent"]
    children = [
        Child("web", web, child_environment(), WEB_GRACE, (listener.fileno(),)),
        Child("worker", ["-m", "worker", "--end-with-parent"], child_environment(), WORKER_GRACE),
    ]
    for child in children:
        child.start()
    address = ports.address(listener)
    threading.Thread(target=_announce, args=(address, stops, when_ready), daemon=True).start()
    code = _watch(children, stops)
    _stop(children, stops)
    return code


def _watch(children: Sequence[Child], stops: Stops) -> int:
    while not stops.asked.wait(WATCH_SECONDS):
        for child in children:
            if not child.keep_alive():
                return Exit.FAILED
    return Exit.OK


def _stop(children: Sequence[Child], stops: Stops) -> None:
    say("Stopping; press Ctrl-C again to stop at once.")
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait_or_kill(stops.at_once)
    say("Stopped.")


def _announce(address: str, stops: Stops, when_ready: Callable[[str], None] | None) -> None:
    while not _answers(address):
        if stops.asked.wait(WATCH_SECONDS):
            return
    put(f"Miwake is ready: {address}   (Ctrl-C stops it)")
    if when_ready is not None:
        try:
            when_ready(address)
        except Exception as error:
            say(f"The sample could not be made: {error}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        time.sleep(WATCH_SECONDS)
        return False


def work(settings: Settings) -> int:
    """``python -m app worker``: a worker alone, in this terminal."""
    logs.set_up(settings.log_level, settings.log_format, settings.masked)
    with opened(settings):
        pass
    stops = Stops()
    stops.listen()
    child = Child("worker", ["-m", "worker", "--end-with-parent"], child_environment(), WORKER_GRACE)
    child.start()
    code = _watch([child], stops)
    _stop([child], stops)
    return code
