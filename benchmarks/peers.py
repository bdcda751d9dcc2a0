"""The engine beside scikit-learn on cached features, and its share of what this machine can compute at all.

``python -m benchmarks.peers [--quick]``. The attainable rate is that of one large convolution, forward and backward, of
the same library and number format, measured between the trainings. No training can reach it: small pictures, pooling,
the optimiser and the changes of the pictures are work too.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.domain.presets import PRESETS
from benchmarks.engine import pictures_of
from benchmarks.records import Record, machine, write
from worker.ml import data, device, models, train
from worker.ml.keeper import EpochResult

COMMAND = "python -m benchmarks.peers"
LEARNED, ASKED, WIDTH = 2000, 600, 1280  # as many pictures as cats_dogs, features of the offline network
SHARES = {"wbc": (3, 0.35), "penguins": (6, 0.65), "cifar": (10, 0.60), "deepconv": (2, 0.65)}  # classes, target
CHANNELS, SIDE, BATCH = 64, 56, 32  # of the large convolution


class Known:
    """Features that are there already."""

    def __init__(self, rows: NDArray[np.float16]) -> None:
        self._rows = rows

    def known(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """All of them."""
        return places, self._rows[places]

    def keep(self, places: NDArray[np.int64], features: NDArray[np.float16]) -> None:
        """Nothing is new."""


def clouds(seed: int = 0) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Two classes that overlap a little in some of many directions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(LEARNED + ASKED) % 2
    rows = rng.normal(0, 1, (len(labels), WIDTH))
    rows[:, :40] += labels[:, None] * 0.7
    return np.abs(rows).astype(np.float16), labels.astype(np.int64)


def logistic(rounds: int) -> list[Record]:
    """Seconds of the head on cached features, ours with everything that is built for it, beside logistic regression."""
    rows, labels = clouds()
    learned, asked = np.arange(LEARNED), np.arange(LEARNED, LEARNED + ASKED)
    recipe = PRESETS["transfer"].recipe
    given = data.OnDemand(len(labels), _never, recipe)
    plan = train.FoldPlan(0, learned, asked)
    ours, theirs, right = [], [], [0.0, 0.0]
    for _ in range(rounds):
        started = time.perf_counter()
        (result,) = train.fit_folds(given, labels, [plan], recipe, ["a", "b"], None, train.Begin(cache=Known(rows)))
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        scaler = StandardScaler().fit(rows[learned].astype(np.float32))
        model = LogisticRegression(C=0.01, max_iter=300)
        model.fit(scaler.transform(rows[learned].astype(np.float32)), labels[learned])
        theirs.append(time.perf_counter() - started)
        answered = model.predict(scaler.transform(rows[asked].astype(np.float32)))
        right = [
            float((result.probabilities.argmax(1) == labels[asked]).mean()),
            float((answered == labels[asked]).mean()),
        ]
    note = f"right of {ASKED}: {right[0]:.3f} ours, {right[1]:.3f} theirs; {recipe.epochs} epochs, each validated"
    title = f"{LEARNED} cached features"
    return [
        Record(f"{title}: our head, network built", round(statistics.median(ours), 2), "s", command=COMMAND, note=note),
        Record(
            f"{title}: scikit-learn's logistic regression", round(statistics.median(theirs), 2), "s", command=COMMAND
        ),
    ]


def _never(_place: int) -> bytes:
    raise RuntimeError("every picture has features: none is read")


def attainable(precision: str) -> float:
    """Operations a second of one large convolution, forward and backward."""
    kind = tf.bfloat16 if "bfloat16" in precision else tf.float32
    maps = tf.cast(tf.random.normal((BATCH, SIDE, SIDE, CHANNELS)), kind)
    kernel = tf.cast(tf.random.normal((3, 3, CHANNELS, CHANNELS)), kind)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(maps: Any, kernel: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((maps, kernel))
            found = tf.reduce_sum(tf.cast(tf.nn.conv2d(maps, kernel, 1, "SAME"), tf.float32))
        return tape.gradient(found, (maps, kernel))

    step(maps, kernel)
    times = []
    for _ in range(30):
        started = time.perf_counter()
        step(maps, kernel)[0].numpy()
        times.append(time.perf_counter() - started)
    return 3 * 2 * BATCH * SIDE * SIDE * 9 * CHANNELS * CHANNELS / min(times)


def operations(model: keras.Model) -> float:
    """Of one picture, forward and backward: the first layer needs no gradient of the picture."""
    total, first = 0.0, True
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            work = 2.0 * height * width * float(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            work = 2.0 * float(np.prod(layer.kernel.shape))
        else:
            continue
        total += work * (2 if first else 3)
        first = False
    return total


class Seconds(train.Silent):
    """Remembers how long each epoch took."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def epoch(self, fold: int, result: EpochResult) -> None:
        self.all.append(result.seconds)


def share(name: str, count: int, epochs: int) -> Record:
    """Best epoch of a post's network without changes of the pictures, as a share of the attainable rate."""
    classes, target = SHARES[name]
    recipe = PRESETS[name].recipe
    recipe = replace(recipe, epochs=epochs, patience=0, augmentation=type(recipe.augmentation)())
    precision = models.resolve_precision(recipe)
    pictures, labels = pictures_of(count, recipe.image_size, classes)
    told = Seconds()
    plan = train.FoldPlan(0, np.arange(count), np.arange(0))
    peak = attainable(precision)
    list(train.fit_folds(pictures, labels, [plan], recipe, [str(i) for i in range(classes)], told))
    peak = max(peak, attainable(precision))
    work = operations(models.build(recipe, classes, precision))
    rate = count / min(told.all[1:])
    found = round(100 * rate * work / peak, 1)
    note = f"{rate:.0f} pictures/s of {work / 1e6:.0f} million operations; attainable {peak / 1e9:.0f} billion a second"
    return Record(
        f"{name}: share of the attainable rate, {precision}", found, "%", 100 * target, found >= 100 * target, COMMAND,
        note,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/peers.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures and rounds, nothing is written")
    quick = parser.parse_args(arguments).quick
    device.prepare()
    records = logistic(1 if quick else 3)
    records += [share(name, 256 if quick else 1024, 3 if quick else 8) for name in SHARES]
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}", flush=True)
    if not quick:
        write("peers", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
