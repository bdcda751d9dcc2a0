"""Speed of five folds beside the post's own program, and of heat maps: ``python -m benchmarks.engine [--quick]``.

The folds of both sides are trained in one process, in turns, so that whatever else the machine does hits both alike.
Epoch by epoch the four posts are compared by ``benchmarks.peers``.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from benchmarks.post_programs import Program
from benchmarks.records import Record, machine, write
from benchmarks.turns import pictures_of
from worker.ml import explain, saving, train
from worker.ml.device import FLOAT32
from worker.ml.network import Network

COMMAND = "python -m benchmarks.engine"
EXPLAINED = {"wbc": 3, "keras-blog": 2, "penguins": 6, "cifar": 10, "deepconv": 2}  # preset: classes
FOLDS_FASTER, CAM_MS = 6.0, 10.0


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
    records = folds(1 if quick else 3, 3 if quick else 10)
    for preset, classes in EXPLAINED.items():
        records += grad_cam(preset, classes, 5 if quick else 40)
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}", flush=True)
    if not quick:  # a quick run shows that the program works; its figures are not kept
        write("engine", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
