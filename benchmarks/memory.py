"""Peak memory of a training with many pictures: ``python -m benchmarks.memory [--quick]``.

24,000 pictures of 80 pixels (post 004) and 100,000 of 160 pixels. Each is a process of its own that reads its pictures
one by one, as the worker's does, trains one epoch and says the largest resident memory that the system counted for it
(``VmHWM``), and how much of it was its own and not a file of the disk (the peak of ``RssAnon``). Pictures beyond the
limit of memory lie in a mapped file, whose pages the system may take back whenever it needs them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app.config import child_environment
from app.domain.presets import PRESETS
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.memory"
CASES = {"24,000 pictures of 80 px": (24_000, 80, 1.0), "100,000 pictures of 160 px": (100_000, 160, None)}
KINDS = 200  # different pictures; the others are the same again
LOOK_SECONDS = 0.05


def child(count: int, size: int) -> None:
    """Read, train one epoch, print what it took."""
    from worker.ml import data, device, train  # noqa: PLC0415 - only the child may load TensorFlow

    device.prepare()
    rng = np.random.default_rng(0)
    files = []
    for _ in range(KINDS):
        coarse = rng.integers(0, 256, (size // 4, size // 4, 3), dtype=np.uint8)
        held = BytesIO()
        Image.fromarray(coarse).resize((size, size)).save(held, "JPEG")
        files.append(held.getvalue())
    recipe = replace(PRESETS["deepconv"].recipe, image_size=size, epochs=1, patience=0, architecture="conv2-plus")
    own, ended = [0], threading.Event()
    threading.Thread(target=_watch, args=(own, ended), daemon=True).start()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pictures = data.load(count, lambda place: files[place % KINDS], recipe, folder=Path(folder))
        read = time.perf_counter() - started
        plan = train.FoldPlan(0, np.arange(count), np.arange(0))
        list(train.fit_folds(pictures, np.arange(count) % 2, [plan], recipe, ["a", "b"]))
    ended.set()
    took = time.perf_counter() - started - read
    answer = {"peak": _status("VmHWM"), "own": own[0], "read": read, "trained": took, "set": count * size * size * 3}
    print(json.dumps(answer), flush=True)


def _watch(own: list[int], ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        own[0] = max(own[0], _status("RssAnon"))


def _status(name: str) -> int:
    """Bytes of a line of the status of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def measured(title: str, count: int, size: int, target: float | None) -> list[Record]:
    """Peaks of one case in GiB."""
    words = [sys.executable, "-m", "benchmarks.memory", "--child", str(count), str(size)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=child_environment())
    told = json.loads(done.stdout.splitlines()[-1])
    peak, own, whole = (round(told[name] / 2**30, 2) for name in ("peak", "own", "set"))
    note = f"the set itself has {whole} GiB; read in {told['read']:.0f} s, one epoch in {told['trained']:.0f} s"
    limit = target or 1.5
    found = peak if target else own
    kind = "peak memory" if target else "peak memory without pages of the mapped file"
    more = "" if target else f"; with them {peak} GiB at most, as long as nobody else wants them"
    return [Record(f"{title}: {kind}", found, "GiB", limit, found <= limit, COMMAND, note + more)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/memory.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the pictures, nothing is written")
    parser.add_argument("--child", nargs=2, type=int, help=argparse.SUPPRESS)
    typed = parser.parse_args(arguments)
    if typed.child:
        child(*typed.child)
        return 0
    records: list[Record] = []
    for title, (count, size, target) in CASES.items():
        records += measured(title, count // 10 if typed.quick else count, size, target)
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}", flush=True)
    if not typed.quick:
        write("memory", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
