"""The rounds of a fault: each is counted, a failed one does not keep the others from being run, and all are recorded.

``CHAOS=full`` (``make chaos``) runs all rounds; otherwise a short form is run. With ``CHAOS_RECORDS`` the figures are
appended to that file as lines of JSON, from which ``benchmarks.chaos`` makes the table of docs/results.md.
"""

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

FULL = os.environ.get("CHAOS") == "full"
only_full = pytest.mark.skipif(not FULL, reason="only in the full form: make test-all")


def record(name: str, rounds: int, passed: int, seconds: float, note: str = "") -> None:
    """Print the figure of a fault, and append it to the file of ``CHAOS_RECORDS``; ``seconds`` are of all rounds."""
    print(f"\nFAULT {name}: {passed} of {rounds}, {seconds:.1f} s. {note}", file=sys.stderr, flush=True)
    if path := os.environ.get("CHAOS_RECORDS"):
        values = {"name": name, "rounds": rounds, "passed": passed, "seconds": round(seconds, 1), "note": note}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


class Tally:
    """Counts the rounds of one fault; see ``tally``."""

    def __init__(self) -> None:
        self.rounds = self.passed = 0
        self.failures: list[str] = []
        self.figures: dict[str, list[float]] = {}
        self.note = ""

    def figure(self, name: str, value: float) -> None:
        """Something measured in this round; the note of the record shows the middle and the greatest of all rounds."""
        self.figures.setdefault(name, []).append(value)

    @contextlib.contextmanager
    def round(self, name: str = "") -> Iterator[None]:
        """One round: what goes wrong in it is told at the end, after the other rounds."""
        self.rounds += 1
        try:
            yield
        except Exception:
            self.failures.append(f"round {self.rounds} {name}\n{traceback.format_exc()}")
            print(f"\nround {self.rounds} {name} FAILED", file=sys.stderr, flush=True)
        else:
            self.passed += 1

    def words(self) -> str:
        """The note with the figures."""
        parts = [self.note] if self.note else []
        for name, values in self.figures.items():
            middle = sorted(values)[len(values) // 2]
            parts.append(f"{name} {middle:.3g} (at most {max(values):.3g})")
        return "; ".join(parts)


@contextlib.contextmanager
def tally(name: str) -> Iterator[Tally]:
    """Run rounds of the fault ``name``; its record is written in any case, and a failed round fails the test."""
    made = Tally()
    begin = time.perf_counter()
    try:
        yield made
    except BaseException:
        made.rounds = max(made.rounds, made.passed + 1)
        raise
    finally:
        record(name, made.rounds, made.passed, time.perf_counter() - begin, made.words())
    assert not made.failures, f"{len(made.failures)} of {made.rounds} rounds failed\n" + "\n".join(made.failures)


def rounds(short: int, full: int) -> range:
    """How often a fault is tried here."""
    return range(full if FULL else short)
