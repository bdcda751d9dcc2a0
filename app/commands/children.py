"""The processes that ``serve`` starts, watches, restarts and stops."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from app.commands.common import say

STEADY_SECONDS = 60.0  # a child that lived so long starts again at once when it ends
LONGEST_PAUSE = 30.0
MOST_RESTARTS = 6


class Child:
    """One process in a session of its own: Ctrl-C in the terminal reaches only the parent, which then stops it.

    Its standard input is a pipe that nothing is written to: when the parent dies, the child reads the end of it.
    """

    def __init__(
        self, name: str, words: Sequence[str], environment: Mapping[str, str], grace: float, fds: tuple[int, ...] = ()
    ) -> None:
        self.name, self.grace = name, grace
        self._words, self._environment, self._fds = [sys.executable, *words], dict(environment), fds
        self._restarts = 0
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and pass its lines on, each with the name in front."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own module with our own arguments
            self._words,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self._fds,
        )
        assert self._process.stdout is not None
        threading.Thread(target=self._pass_on, args=(self._process.stdout,), daemon=True).start()

    def _pass_on(self, lines: IO[bytes]) -> None:
        # A program that reads JSON lines must find nothing in front of them.
        before = "" if self._environment.get("MIWAKE_LOG_FORMAT") == "json" else f"{self.name:>6} | "
        for line in lines:
            say(before + line.decode(errors="replace").rstrip())

    def alive(self) -> bool:
        """True while the process runs."""
        return self._process is not None and self._process.poll() is None

    def keep_alive(self) -> bool:
        """Start the process again when it has ended, later each time; False when it ends again and again."""
        if self.alive() or self._process is None:
            return True
        lived = time.monotonic() - self._started
        if lived > STEADY_SECONDS:
            self._restarts = 0
        if lived < min(2.0**self._restarts, LONGEST_PAUSE) - 1:
            return True
        if self._restarts >= MOST_RESTARTS:
            say(f"{self.name:>6} | ended {self._restarts} times in a row; giving up.")
            return False
        self._restarts += 1
        say(f"{self.name:>6} | ended with code {self._process.returncode}; starting it again.")
        self.start()
        return True

    def ask_to_stop(self) -> None:
        """SIGTERM: the process ends what it is doing in good order."""
        if self._process is not None and self.alive():
            self._process.terminate()

    def wait_or_kill(self, at_once: threading.Event) -> None:
        """Wait for the end as long as the grace time, or not at all once ``at_once`` is set; then kill."""
        end = time.monotonic() + self.grace
        while self.alive() and time.monotonic() < end and not at_once.is_set():
            time.sleep(0.05)
        if self._process is not None:
            if self.alive():
                self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()
