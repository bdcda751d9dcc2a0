"""Peak memory of a training with many pictures: ``python -m benchmarks.memory [--quick]``.

24,000 pictures of 80 pixels with the network of post 004, and 100,000 of 160 pixels. Each is a process of its own that
reads its pictures one by one, as the worker's does, trains one epoch with validation on a tenth of them, and says the
largest resident memory that the system counted for it (``VmHWM``), the files that it has mapped included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app.config import child_environment
from app.domain.presets import PRESETS
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.memory"
KINDS = 200  # different pictures; the others are the same again


@dataclass(frozen=True)
class Case:
    """So many pictures of a size, a network, and the most memory in GiB."""

    count: int
    size: int
    architecture: str
    limit: float


CASES = {
    "24,000 pictures of 80 px": Case(24_000, 80, "deepconv", 1.0),
    "100,000 pictures of 160 px": Case(100_000, 160, "conv2-plus", 2.0),
}


def child(count: int, size: int, architecture: str) -> None:
    """Read, train one epoch, print what it took."""
    import worker.warm  # noqa: F401, PLC0415 - as the process of a job; only the child may load TensorFlow
    from worker.ml import data, device, train  # noqa: PLC0415 - as above

    device.prepare()
    files = _files(size)
    loaded = _status("VmRSS")
    recipe = replace(PRESETS["deepconv"].recipe, image_size=size, epochs=1, patience=0, architecture=architecture)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pictures = data.load(count, lambda place: files[place % KINDS], recipe, folder=Path(folder))
        read, after = time.perf_counter() - started, _status("VmHWM")
        plan = train.FoldPlan(0, np.arange(count // 10, count), np.arange(count // 10))
        list(train.fit_folds(pictures, np.arange(count) % 2, [plan], recipe, ["a", "b"]))
    trained = time.perf_counter() - started - read
    peaks = {"libraries": loaded, "reading": after, "peak": _status("VmHWM"), "set": pictures.nbytes}
    print(json.dumps(peaks | {"read": read, "trained": trained}), flush=True)


def _files(size: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    files = []
    for _ in range(KINDS):
        coarse = rng.integers(0, 256, (size // 4, size // 4, 3), dtype=np.uint8)
        held = BytesIO()
        Image.fromarray(coarse).resize((size, size)).save(held, "JPEG")
        files.append(held.getvalue())
    return files


def _status(name: str) -> int:
    """Bytes of a line of the status of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def measured(title: str, case: Case, count: int) -> Record:
    """Peak of one case in GiB."""
    given = [str(count), str(case.size), case.architecture]
    words = [sys.executable, "-m", "benchmarks.memory", "--child", *given]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=child_environment())
    told = json.loads(done.stdout.splitlines()[-1])
    peak, whole, libraries, reading = (
        round(told[name] / 2**30, 2) for name in ("peak", "set", "libraries", "reading")
    )  # fmt: skip
    note = (
        f"the set has {whole} GiB; {libraries} once TensorFlow is loaded, {reading} while reading; "
        f"read in {told['read']:.0f} s, one epoch of {case.architecture} in {told['trained']:.0f} s"
    )
    return Record(f"{title}: peak memory of the process", peak, "GiB", case.limit, peak <= case.limit, COMMAND, note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/memory.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the pictures, nothing is written")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    typed = parser.parse_args(arguments)
    if typed.child:
        child(int(typed.child[0]), int(typed.child[1]), typed.child[2])
        return 0
    records = []
    for title, case in CASES.items():
        records.append(measured(title, case, case.count // 10 if typed.quick else case.count))
        print(f"{records[-1].name}: {records[-1].value} {records[-1].unit} {records[-1].note}", flush=True)
    if not typed.quick:
        write("memory", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
