"""Training on a frozen network: 30 epochs beside a peer that asks the network in each of them, and a set of files.

``python -m benchmarks.transfer``. The peer is what most programs do: Keras' ``fit`` on a network with frozen layers.
Each of its epochs is the same work, so two are measured and counted thirty times. VGG16 gets random weights in
a file as Keras' are: nothing is downloaded, and the time does not depend on them. The files are those of
``../shared/data/cats_dogs``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format
from numpy.typing import NDArray

from app.domain import backbones, weight_files
from app.domain.recipe import Recipe
from benchmarks.records import Record, machine, write
from worker.ml import backbones as networks
from worker.ml import device, models, train

COMMAND = "python -m benchmarks.transfer"
FILES = Path(os.environ.get("SHARED_PICTURES", Path(__file__).resolve().parents[2] / "shared" / "data")) / "cats_dogs"
EPOCHS, MEASURED, PICTURES = 30, 2, 512
RECIPES = {
    "VGG16, 128 px": Recipe(architecture="vgg16", image_size=128, epochs=EPOCHS, patience=0),
    "EfficientNet-Lite0, 160 px": Recipe(architecture="efficientnet-lite0", image_size=160, epochs=EPOCHS, patience=0),
}


def weights_of_vgg16(folder: Path) -> None:
    """A file of random weights in ``folder`` that this process takes for the real one."""
    about = backbones.KNOWN["vgg16"]
    file = folder / about.file
    with warnings.catch_warnings(), h5py.File(file, "w") as group:
        warnings.simplefilter("ignore")  # of Keras, where it writes
        legacy_h5_format.save_weights_to_hdf5_group(group, keras.applications.VGG16(include_top=False, weights=None))
    digest = weight_files.digest(file, about)
    backbones.KNOWN["vgg16"] = replace(about, digest=digest)


def ours(recipe: Recipe, pictures: NDArray[np.uint8], labels: NDArray[np.int64], folder: Path) -> float:
    """Seconds of a whole training: building, features, all epochs."""
    plan = train.FoldPlan(0, np.arange(len(labels)), np.zeros(0, np.int64))
    started = time.perf_counter()
    list(train.fit_folds(pictures, labels, [plan], recipe, ["a", "b"], None, train.Begin(weights=folder)))
    return time.perf_counter() - started


def peer(recipe: Recipe, pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    """Seconds of all epochs, from those of some after the first one, in which everything is compiled."""
    model = models.build(recipe, 2)
    for layer in networks.of(model):
        layer.trainable = False
    model.compile(keras.optimizers.Adam(recipe.learning_rate), "sparse_categorical_crossentropy")
    given = pictures.astype(np.float32)
    model.fit(given[:64], labels[:64], batch_size=recipe.batch_size, verbose=0)
    started = time.perf_counter()
    model.fit(given, labels, batch_size=recipe.batch_size, epochs=MEASURED, verbose=0)
    return (time.perf_counter() - started) / MEASURED * recipe.epochs


def frozen_epochs() -> list[Record]:
    """Ratios of both networks, each measured in one go."""
    rng = np.random.default_rng(0)
    labels = np.arange(PICTURES) % 2
    found = []
    with tempfile.TemporaryDirectory() as name:
        weights_of_vgg16(Path(name))
        for title, recipe in RECIPES.items():
            size = recipe.image_size
            pictures = rng.integers(0, 256, (PICTURES, size, size, 3), dtype=np.uint8)
            own, theirs = ours(recipe, pictures, labels, Path(name)), peer(recipe, pictures, labels)
            note = (
                f"{PICTURES} pictures: {own:.1f} s with building and features, the network in each epoch {theirs:.0f} s"
            )
            target = 20.0 if recipe.architecture == "vgg16" else None
            ratio = round(theirs / own, 1)
            met = None if target is None else ratio >= target
            found.append(Record(f"{EPOCHS} frozen epochs, {title}", ratio, "x", target, met, COMMAND, note))
    return found


def files_to_classifier() -> list[Record]:
    """Seconds from files to a tested model, by the command that anybody can type, TensorFlow's start included."""
    if not FILES.is_dir():
        print(f"The folder {FILES} is missing: this figure is left out.", file=sys.stderr)
        return []
    started = time.perf_counter()
    command = [sys.executable, "-m", "worker.ml", str(FILES), "--preset", "transfer"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = round(time.perf_counter() - started, 1)
    test = json.loads(done.stdout)["test"]
    note = f"reading, features, 60 epochs, test; {test['right']} of {test['images']} test pictures right"
    return [Record("2,600 files to a tested transfer classifier", seconds, "s", 90.0, seconds <= 90, COMMAND, note)]


def main() -> None:
    """Measure and write the figures."""
    device.prepare()
    records = frozen_epochs() + files_to_classifier()
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} ({record.note})", flush=True)
    write("transfer", records, machine())


if __name__ == "__main__":
    main()
