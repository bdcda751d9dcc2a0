"""What repeatability and checkpoints cost: ``python -m benchmarks.safety [--quick]``.

Each way runs in a process of its own, because a process is deterministic as a whole; the ways take turns, so that
whatever else the machine does hits all alike. Seconds of the processor are stated beside those of the clock.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.presets import PRESETS
from app.storage import LocalStore
from benchmarks.records import Record, machine, write
from benchmarks.turns import pictures_of
from worker.ml import device, train
from worker.ml.checkpoint import State
from worker.orders import Checkpointed, Message
from worker.saved_states import States

COMMAND = "python -m benchmarks.safety"
PRESETS_TRIED = {"wbc": (3, 96), "cifar": (10, 512)}  # preset: classes, pictures
PLAIN, REPEATABLE, KEPT = "plain", "repeatable", "checkpoints"
WAYS = (PLAIN, REPEATABLE, KEPT)


class Clocks(train.Silent):
    """Seconds of each epoch; keeps states in a store as a worker does when it has one."""

    def __init__(self, store: LocalStore | None) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []
        self.sizes: list[int] = []
        self._states = States(store, self._heard) if store else None
        self._at = (time.perf_counter(), time.process_time())

    def _heard(self, message: Message) -> None:
        if isinstance(message, Checkpointed):
            self.sizes.append(message.size)

    def epoch(self, fold: int, result: train.EpochResult) -> None:
        now = (time.perf_counter(), time.process_time())
        self.wall.append(now[0] - self._at[0])
        self.processor.append(now[1] - self._at[1])
        self._at = now

    def wants_state(self, fold: int) -> bool:
        return self._states is not None and self._states.wanted(fold)

    def state(self, state: State) -> None:
        assert self._states is not None
        self._states.take(state)


def one(preset: str, way: str, epochs: int) -> dict[str, Any]:
    """Train in this process; seconds of the epochs but the first, which compiles."""
    device.prepare(deterministic=way == REPEATABLE)
    classes, count = PRESETS_TRIED[preset]
    recipe = replace(PRESETS[preset].recipe, epochs=epochs + 1, patience=0, deterministic=way == REPEATABLE)
    pictures, labels = pictures_of(count, recipe.image_size, classes)
    plan = train.FoldPlan(0, np.arange(count - count // 8), np.arange(count - count // 8, count))
    with tempfile.TemporaryDirectory() as folder:
        clocks = Clocks(LocalStore(Path(folder)) if way == KEPT else None)
        list(train.fit_folds(pictures, labels, [plan], recipe, [str(i) for i in range(classes)], clocks))
    return {"wall": clocks.wall[1:], "processor": clocks.processor[1:], "sizes": clocks.sizes}


def measure(preset: str, epochs: int, rounds: int) -> list[Record]:
    """The ways in turns."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            words = [sys.executable, "-m", "benchmarks.safety", "--one", preset, way, str(epochs)]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    trained = PRESETS_TRIED[preset][1] * 7 // 8
    made = []
    for way in WAYS:
        # Means over the epochs, because a checkpoint comes only after some of them; the best round, as others work too.
        wall, own = (min(statistics.mean(run[kind]) for run in found[way]) for kind in ("wall", "processor"))
        sizes = [size for run in found[way] for size in run["sizes"]]
        note = f"{own * 1000:.0f} ms of the processor for an epoch"
        if sizes:
            note += (
                f"; {len(sizes)} checkpoints of {statistics.median(sizes) / 2**20:.1f} MB in {rounds * epochs} epochs"
            )
        made.append(
            Record(f"{preset}, {way}: training", round(trained / wall), "pictures/s", command=COMMAND, note=note)
        )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/safety.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few epochs, nothing is written")
    parser.add_argument("--one", nargs=3, metavar=("PRESET", "WAY", "EPOCHS"), help="train in this process only")
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(one(options.one[0], options.one[1], int(options.one[2]))))
        return 0
    records: list[Record] = []
    for preset in PRESETS_TRIED:
        records += measure(preset, 10 if options.quick else 60, 1 if options.quick else 3)
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} ({record.note})", flush=True)
    if not options.quick:
        write("safety", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
