"""All faults of ``tests/chaos`` in full: ``python -m benchmarks.chaos``; ``make chaos`` then writes the page.

The figures go to the page whether all rounds passed or not; the exit code says whether they did.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import FOLDER, Record, machine, write

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "make chaos"


def run_tests(lines: Path, more: Sequence[str]) -> int:
    """Run the tests, or those that ``more`` (words for pytest) chooses; the exit code of pytest."""
    words = [sys.executable, "-m", "pytest", "tests/chaos", "-q", "--timeout", "3600", *more]
    environment = {**os.environ, "CHAOS": "full", "CHAOS_RECORDS": str(lines)}
    return subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode


def to_record(values: dict[str, Any]) -> Record:
    """A line of ``tests/chaos/record.py`` as a figure of the page."""
    rounds, passed = values["rounds"], values["passed"]
    seconds = f"{values['seconds'] / max(rounds, 1):.1f} s for each round"
    note = f"{seconds}; {values['note']}" if values["note"] else seconds
    return Record(values["name"], passed, f"of {rounds}", rounds, passed == rounds, COMMAND, note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests and write benchmarks/results/chaos.json; a choice of tests leaves the other figures."""
    more = list(sys.argv[1:] if arguments is None else arguments)
    with tempfile.TemporaryDirectory(prefix="miwake-chaos-") as folder:
        lines = Path(folder) / "records"
        code = run_tests(lines, more)
        found = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] if lines.exists() else []
    if not found:
        print(f"No fault was tested; {FOLDER / 'chaos.json'} stays as it is.", file=sys.stderr)
        return code or 1
    write("chaos", [to_record(values) for values in found], machine(), keep=bool(more))
    return code


if __name__ == "__main__":
    sys.exit(main())
