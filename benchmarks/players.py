"""Processes that work in turns: one does a piece of work while the others wait, so that all see the same machine.

Each side of a comparison is a process of its own, because TensorFlow and PyTorch keep threads that would be in each
other's way within one.
"""

import contextlib
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from app.config import child_environment
from benchmarks.processes import ROOT
from benchmarks.turns import GO, MARK

LAST_CHARACTERS = 3000  # of what a process wrote before it failed
END_SECONDS = 30.0


@dataclass(frozen=True)
class Turn:
    """What one piece of work took: seconds, and seconds of processor time of all threads. ``value``: what it says."""

    seconds: float
    cpu: float
    value: float


class Player:
    """One process that works in turns."""

    def __init__(self, process: "subprocess.Popen[str]", log: IO[str]) -> None:
        self._process, self._log = process, log

    def turn(self) -> Turn:
        """Let it work, and wait for its end.

        Raises:
            RuntimeError: the process has ended; with the last of what it wrote.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(GO + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(MARK):
                return Turn(*json.loads(line.removeprefix(MARK)))
        code = self._process.wait()
        self._log.seek(0)
        raise RuntimeError(f"{self._process.args!r} ended with {code}:\n{self._log.read()[-LAST_CHARACTERS:]}")

    def end(self) -> None:
        """There will be no other turn."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()


@contextlib.contextmanager
def player(words: Sequence[str]) -> Iterator[Player]:
    """A process, started in the folder of the checkout, that ends with this context."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            list(words), cwd=ROOT, env=child_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        with process:
            made = Player(process, log)
            try:
                yield made
            finally:
                made.end()


def rounds(players: Mapping[str, Player], count: int, warm: int = 1) -> dict[str, list[Turn]]:
    """Turns of all, one after the other, each round beginning with another; the first ``warm`` rounds do not count."""
    names = list(players)
    found: dict[str, list[Turn]] = {name: [] for name in names}
    for number in range(warm + count):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            turn = players[name].turn()
            if number >= warm:
                found[name].append(turn)
    return found


def median(turns: Sequence[Turn]) -> float:
    """Seconds of the middle turn."""
    return statistics.median(turn.seconds for turn in turns)


def quickest(turns: Sequence[Turn]) -> float:
    """Seconds of the best turn."""
    return min(turn.seconds for turn in turns)


def cpu(turns: Sequence[Turn]) -> float:
    """Seconds of processor time of the middle turn."""
    return statistics.median(turn.cpu for turn in turns)
