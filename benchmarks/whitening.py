"""Time and memory of fitting ZCA whitening: ``python -m benchmarks.whitening``.

Each case is a process of its own. Its pictures are smooth ones with noise, drawn anew each, so that no direction is
empty.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from app.config import child_environment
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.whitening"
CASES = ((90, 100), (1000, 32), (1000, 96), (20_000, 32))
COARSE = 8  # pixels of what is smooth


def child(count: int, size: int) -> None:
    """Fit once; print processor seconds, bytes of memory beside the pictures, and directions."""
    from worker.ml import whitening  # noqa: PLC0415 - only the child's memory is measured

    rng = np.random.default_rng(0)
    pictures = np.empty((count, size, size, 3), np.uint8)
    for place in range(count):
        smooth = np.kron(
            rng.integers(0, 200, (-(-size // COARSE), -(-size // COARSE), 3)), np.ones((COARSE, COARSE, 1))
        )
        pictures[place] = smooth[:size, :size] + rng.integers(0, 56, (size, size, 3))
    mean = pictures.mean(axis=(0, 1, 2), dtype=np.float64) / 255
    before, begun = _peak(), time.process_time()
    root = whitening.root(pictures, np.arange(count), (mean[0], mean[1], mean[2]), 10.0)
    print(json.dumps({"seconds": time.process_time() - begun, "bytes": _peak() - before, "kept": root.shape[1]}))


def _peak() -> int:
    """The largest memory that this process had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(count: int, size: int) -> list[Record]:
    """The figures of one case."""
    words = [sys.executable, "-m", "benchmarks.whitening", str(count), str(size)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=child_environment())
    told = json.loads(done.stdout)
    name, note = f"{count:,} pictures of {size} px", f"{told['kept']:,} directions kept"
    return [
        Record(f"{name}: processor time to fit", round(told["seconds"], 2), "s", command=COMMAND, note=note),
        Record(f"{name}: memory beside the pictures", round(told["bytes"] / 1e6), "MB", command=COMMAND),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all cases and write the figures; with two numbers, be the process that is measured."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        child(int(words[0]), int(words[1]))
        return 0
    found = [record for case in CASES for record in measured(*case)]
    write("whitening", found, machine())
    for record in found:
        print(f"{record.name}: {record.value} {record.unit} {record.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
