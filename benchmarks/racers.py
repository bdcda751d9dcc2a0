"""The sides of ``benchmarks.peers`` that use TensorFlow; each is a process that works in turns (``benchmarks.turns``).

``python -m benchmarks.racers ours|post RACE CLASSES PICTURES VALIDATION EPOCHS`` trains some epochs in each turn,
``rate`` finds out how fast the machine can multiply, ``logistic`` or ``head`` learn from cached features.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.domain.presets import PRESETS
from benchmarks.post_programs import Program
from benchmarks.raced import recipe_of
from benchmarks.turns import CONVOLUTIONS, PRODUCTS, Clock, best_rate, pictures_of
from worker.ml import data, device, train
from worker.ml.keeper import EpochResult

MOST_EPOCHS = 1000
KEEP = ("wbc", "penguins")  # posts that write their best weights into a file
LEARNED, ASKED, WIDTH = 2000, 600, 1280  # as many pictures as cats_dogs, features of the offline network


class Waiting(train.Silent):
    """Trains some epochs when it is told to. What is done after an epoch, to keep its weights, is part of its time."""

    def __init__(self, clock: Clock, epochs: int) -> None:
        self._clock, self._epochs = clock, epochs

    def epoch(self, fold: int, result: EpochResult) -> None:
        if result.epoch % self._epochs == 0:
            self._clock.tell(result.loss)
            self._clock.wait()


def ours(name: str, classes: int, count: int, more: int, epochs: int) -> None:
    """Epochs of our training, changes of the pictures included where there are any; ``more`` for validation."""
    recipe = replace(recipe_of(name), epochs=MOST_EPOCHS, patience=0)
    pictures, labels = pictures_of(count + more, recipe.image_size, classes)
    plan = train.FoldPlan(0, np.arange(count), np.arange(count, count + more))
    clock = Clock()
    clock.wait()
    names = [str(i) for i in range(classes)]
    list(train.fit_folds(pictures, labels, [plan], recipe, names, Waiting(clock, epochs)))


def post(name: str, classes: int, count: int, more: int, epochs: int) -> None:
    """Epochs of the post's own program; the thread that makes its pictures ends with each turn."""
    recipe = recipe_of(name)
    pictures, labels = pictures_of(count + more, recipe.image_size, classes)
    program = Program(recipe, classes, pictures[:count], labels[:count])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "best.weights.h5"
        keeper = keras.callbacks.ModelCheckpoint(file, save_best_only=True, save_weights_only=True)
        keepers = [keeper] if name in KEEP else []
        Clock().work(lambda: program.epochs((pictures[count:], labels[count:]), epochs, keepers))


def rate() -> None:
    """Operations a second of the quickest large product or convolution in bfloat16 or float32."""
    made: list[tuple[float, Callable[[], Any]]] = []
    for kind in (tf.bfloat16, tf.float32):
        for batch, side, channels in CONVOLUTIONS:
            maps = tf.cast(tf.random.normal((batch, side, side, channels)), kind)
            kernel = tf.cast(tf.random.normal((3, 3, channels, channels)), kind)
            work = 2.0 * batch * side * side * 9 * channels * channels
            made.append((work, _call(lambda maps, kernel: tf.nn.conv2d(maps, kernel, 1, "SAME"), maps, kernel)))
        for side in PRODUCTS:
            values = tf.cast(tf.random.normal((side, side)), kind)
            made.append((2.0 * side**3, _call(tf.matmul, values, values)))
    Clock().work(lambda: best_rate(made))


def _call(function: Callable[..., Any], *given: Any) -> Callable[[], Any]:
    compiled = tf.function(function, autograph=False)

    def run() -> Any:
        return tf.reshape(compiled(*given), (-1,))[0].numpy()  # a number says that all of them are there

    return run


class Known:
    """Features that are there already."""

    def __init__(self, rows: NDArray[np.float16]) -> None:
        self._rows = rows

    def known(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """All of them."""
        return places, self._rows[places]

    def keep(self, places: NDArray[np.int64], features: NDArray[np.float16]) -> None:
        """Nothing is new."""


def _clouds() -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Two classes that overlap a little in some of many directions."""
    rng = np.random.default_rng(0)
    labels = np.arange(LEARNED + ASKED, dtype=np.int64) % 2
    rows = rng.normal(0, 1, (len(labels), WIDTH))
    rows[:, :40] += labels[:, None] * 0.7
    return np.abs(rows).astype(np.float16), labels


def head() -> None:
    """All epochs of our head on cached features, the building of the network included; says the accuracy."""
    rows, labels = _clouds()
    recipe = PRESETS["transfer"].recipe
    given = data.OnDemand(len(labels), _never, recipe)
    plan = train.FoldPlan(0, np.arange(LEARNED), np.arange(LEARNED, LEARNED + ASKED))

    def turn() -> float:
        begin = train.Begin(cache=Known(rows))
        (result,) = train.fit_folds(given, labels, [plan], recipe, ["a", "b"], None, begin)
        return float((result.probabilities.argmax(1) == labels[LEARNED:]).mean())

    Clock().work(turn)


def logistic() -> None:
    """scikit-learn's logistic regression on the same features; says the accuracy."""
    rows, labels = _clouds()

    def turn() -> float:
        scaler = StandardScaler().fit(rows[:LEARNED].astype(np.float32))
        model = LogisticRegression(C=0.01, max_iter=300)
        model.fit(scaler.transform(rows[:LEARNED].astype(np.float32)), labels[:LEARNED])
        answered = model.predict(scaler.transform(rows[LEARNED:].astype(np.float32)))
        return float((answered == labels[LEARNED:]).mean())

    Clock().work(turn)


def _never(_place: int) -> bytes:
    raise RuntimeError("every picture has features: none is read")


def main(words: Sequence[str]) -> None:
    """Be the side that is named."""
    device.prepare()
    if words[0] in ("ours", "post"):
        {"ours": ours, "post": post}[words[0]](words[1], *map(int, words[2:]))
    else:
        {"rate": rate, "head": head, "logistic": logistic}[words[0]]()


if __name__ == "__main__":
    main(sys.argv[1:])
