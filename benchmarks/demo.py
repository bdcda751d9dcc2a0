"""How long ``make demo`` takes in an environment that is installed: from the command to the finished review page."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.records import Record, machine, write

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python -m benchmarks.demo"
LIMIT_SECONDS = 300.0
FIRST_PAGE, REVIEW_PAGE = 10.0, 60.0  # targets, seconds


class Demo:
    """``python -m app demo`` in a new data folder, with the addresses it prints."""

    def __init__(self, data_dir: str) -> None:
        environment = {**os.environ, "MIWAKE_DATA_DIR": data_dir, "PYTHONUNBUFFERED": "1"}
        self.begin = time.perf_counter()
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "demo", "--port", "0"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait(self, look: Callable[[], str | None]) -> tuple[str, float]:
        """What ``look`` finds, and the seconds since the command was given."""
        while time.perf_counter() - self.begin < LIMIT_SECONDS and self.process.poll() is None:
            if found := look():
                return found, time.perf_counter() - self.begin
            time.sleep(0.1)
        sys.exit("The demo did not get that far:\n" + "\n".join(self.lines[-30:]))

    def address(self) -> str | None:
        """The page of the training, once it was printed."""
        matches = (re.search(r"Its 5-fold training: (\S+)", line) for line in list(self.lines))
        return next((found.group(1) for found in matches if found), None)


def page(url: str) -> str:
    """The text of a page; empty when it does not answer with 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def main(_arguments: Sequence[str] | None = None) -> int:
    """Measure once and write the figures."""
    with tempfile.TemporaryDirectory(prefix="miwake-demo-") as folder:
        demo = Demo(folder)
        try:
            run_page, first = demo.wait(demo.address)
            review = f"{run_page}/review"
            demo.wait(lambda: "done" if "state-done" in page(run_page) else None)
            _, whole = demo.wait(lambda: page(review)[:1] or None)
        finally:
            demo.process.send_signal(signal.SIGINT)
            demo.process.wait(60)
    records = [
        Record(
            "Sample project and its run are on the page", round(first, 1), "s", FIRST_PAGE, first <= FIRST_PAGE, COMMAND
        ),
        Record("Review page of the 5-fold training", round(whole, 1), "s", REVIEW_PAGE, whole <= REVIEW_PAGE, COMMAND),
    ]
    write("demo", records, machine())
    print(f"run page {first:.1f} s, review page {whole:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
