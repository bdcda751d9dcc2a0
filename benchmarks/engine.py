"""Speed of the engine beside the posts' own programs: ``python -m benchmarks.engine [--quick]``.

Both sides run in one process and take turns, epoch by epoch, so that whatever else the machine does hits both alike.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from benchmarks.post_programs import Program
from benchmarks.records import Record, machine, write
from worker.ml import explain, saving, train
from worker.ml.device import FLOAT32
from worker.ml.keeper import EpochResult
from worker.ml.network import Network

COMMAND = "python -m benchmarks.engine"
TRAINED = {"wbc": 3, "penguins": 6}  # preset: classes
EXPLAINED = {"wbc": 3, "keras-blog": 2, "penguins": 6, "cifar": 10, "deepconv": 2}
FASTER, FOLDS_FASTER, CAM_MS = 5.0, 3.5, 10.0


def pictures_of(count: int, size: int, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Smooth noise; speed does not depend on what is on a picture."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, size // 4 + 1, size // 4 + 1, 3), dtype=np.uint8)
    pictures = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]
    return np.ascontiguousarray(pictures), np.arange(count, dtype=np.int64) % classes


class Turns(train.Silent):
    """After each epoch of ours, one epoch of the peer."""

    def __init__(self, peer: Callable[[], float]) -> None:
        self._peer = peer
        self.ours: list[float] = []
        self.theirs: list[float] = []

    def epoch(self, fold: int, result: EpochResult) -> None:
        self.ours.append(result.seconds)
        self.theirs.append(self._peer())


def epochs(preset: str, classes: int, count: int, rounds: int) -> list[Record]:
    """Training pictures a second, ours and the post's."""
    recipe = replace(PRESETS[preset].recipe, epochs=rounds + 1, patience=0)
    pictures, labels = pictures_of(count, recipe.image_size, classes)
    turns = Turns(Program(recipe, classes, pictures, labels).epoch)
    plan = train.FoldPlan(0, np.arange(count), np.arange(0))
    list(train.fit_folds(pictures, labels, [plan], recipe, [str(i) for i in range(classes)], turns))
    # The first epoch of both compiles.
    ours, theirs = turns.ours[1:], turns.theirs[1:]
    ratio = statistics.median(theirs) / statistics.median(ours)
    best = min(theirs) / min(ours)
    note = f"best epochs: {count / min(ours):.0f} and {count / min(theirs):.0f} pictures/s, {best:.2f} x"
    name = f"post {PRESETS[preset].post}, {preset}"
    return [
        Record(f"{name}: training", round(count / statistics.median(ours)), "pictures/s", command=COMMAND),
        Record(f"{name}: the post's program", round(count / statistics.median(theirs)), "pictures/s", command=COMMAND),
        Record(
            f"{name}: median epoch, ours against the post's",
            round(ratio, 2),
            "x",
            FASTER,
            ratio >= FASTER,
            COMMAND,
            note,
        ),
    ]


def folds(rounds: int, count: int = 10) -> list[Record]:
    """Five folds of post 000, ``count`` epochs each, with validation and everything that is compiled on the way."""
    recipe = replace(PRESETS["wbc"].recipe, epochs=count, patience=0)
    pictures, labels = pictures_of(90, recipe.image_size, 3)
    fold = np.arange(90) // 3 % 5
    plans = [train.FoldPlan(k, np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
    program = Program(recipe, 3, pictures, labels)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            theirs.append(program.folds(plans, count, Path(folder)))
            started = time.perf_counter()
            list(train.fit_folds(pictures, labels, plans, recipe, ["a", "b", "c"]))
            ours.append(time.perf_counter() - started)
    ratio = statistics.median(theirs) / statistics.median(ours)
    note = "rounds: " + ", ".join(f"{a:.1f} s and {b:.1f} s" for a, b in zip(ours, theirs, strict=True))
    title = f"post 000, five folds of {count} epochs"
    return [
        Record(f"{title}", round(statistics.median(ours), 2), "s", command=COMMAND),
        Record(f"{title}: the post's program", round(statistics.median(theirs), 2), "s", command=COMMAND),
        Record(
            f"{title}: ours against the post's",
            round(ratio, 2),
            "x",
            FOLDS_FASTER,
            ratio >= FOLDS_FASTER,
            COMMAND,
            note,
        ),
    ]


def grad_cam(preset: str, classes: int, repeats: int) -> list[Record]:
    """Milliseconds for the maps of all classes of one picture, alone and among 32."""
    recipe: Recipe = PRESETS[preset].recipe
    net = Network(recipe, classes, FLOAT32)
    names = tuple(str(i) for i in range(classes))
    explainer = explain.Explainer(saving.SavedModel(recipe, names, net.weights(), None, FLOAT32, 1, {}, {}))
    pictures, _ = pictures_of(32, recipe.image_size, classes)

    def milliseconds(count: int) -> float:
        explainer.maps(pictures[:count])
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            explainer.maps(pictures[:count])
            times.append((time.perf_counter() - started) / count * 1000)
        return statistics.median(times)

    one, many = milliseconds(1), milliseconds(32)
    return [
        Record(
            f"post {PRESETS[preset].post}, {preset}: Grad-CAM of all {classes} classes", round(one, 2), "ms a picture",
            CAM_MS, one <= CAM_MS, COMMAND, f"one picture at a time; {many:.2f} ms in batches of 32",
        )
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/engine.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures and rounds, nothing is written")
    quick = parser.parse_args(arguments).quick
    records: list[Record] = []
    for preset, classes in TRAINED.items():
        records += epochs(preset, classes, 96 if quick else 480, 3 if quick else 12)
    records += folds(1 if quick else 3, 3 if quick else 10)
    for preset, classes in EXPLAINED.items():
        records += grad_cam(preset, classes, 5 if quick else 40)
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}", flush=True)
    if not quick:  # a quick run shows that the program works; its figures are not kept
        write("engine", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
