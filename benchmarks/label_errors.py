"""Planted label errors, found by our confident learning and by cleanlab from the same probabilities.

``python -m benchmarks.label_errors [cache]``: of each set 10 % of the labels are changed to another class, drawn with
ten seeds. Out-of-fold probabilities come from the small logistic head on features of the offline network, learned from
the changed labels. ``cache`` is a folder for the features.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.domain import confident, linear_head, samples
from app.domain.recipe import Recipe
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks label_errors"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("wbc", "monkeys6", "digits")
SHARE, SEEDS, FIRST = 0.1, range(10), 50


def pictures(name: str) -> list[tuple[str, bytes]]:
    """(class, bytes) of every picture of a set."""
    if name == "digits":
        return [(path.split("/")[-2], data) for path, data in samples.files("digits")]
    files = sorted(path for path in (SHARED / name).glob("*/*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [(path.parent.name, path.read_bytes()) for path in files]


def features(name: str, cache: Path | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features (n, 1280) of length 1 and labels of a set."""
    kept = cache / f"{name}.npz" if cache else None
    if kept is None or not kept.exists():
        rows, labels = _computed(name)
        if kept is None:
            return rows, labels
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, rows=rows, labels=labels)
    with np.load(kept) as file:
        return file["rows"], file["labels"]


def _computed(name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    from worker.ml import data, device  # noqa: PLC0415 - TensorFlow
    from worker.ml import features as network  # noqa: PLC0415 - as above

    device.prepare()
    found = pictures(name)
    recipe = Recipe(image_size=network.SIZE)
    squares = np.stack([data.square(content, recipe) for _, content in found])
    rows = network.Extractor().features(squares)
    rows -= rows.mean(axis=0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    names = sorted({label for label, _ in found})
    return rows, np.array([names.index(label) for label, _ in found], np.int64)


def planted(labels: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The labels with a tenth of them changed to another class, and which those are."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(labels), bool)
    wrong[rng.choice(len(labels), round(SHARE * len(labels)), replace=False)] = True
    other = (labels + rng.integers(1, labels.max() + 1, len(labels))) % (labels.max() + 1)
    return np.where(wrong, other, labels), wrong


def found_by_cleanlab(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Places of the labels that cleanlab suspects with its usual settings, the most suspect first."""
    from cleanlab.filter import find_label_issues  # noqa: PLC0415 - only the benchmark and tests have it

    ranked: NDArray[np.int64] = find_label_issues(
        labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return ranked


def scores(found: NDArray[np.int64], wrong: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Precision and recall of what was found, and precision of its first ones: what somebody sees who stops there."""
    right = wrong[found]
    return float(right.mean()), float(right.sum() / wrong.sum()), float(right[:FIRST].mean())


def measure(name: str, cache: Path | None) -> list[Record]:
    """The figures of one set: means over the seeds."""
    rows, labels = features(name, cache)
    classes = int(labels.max()) + 1
    ours, theirs, estimated = [], [], []
    for seed in SEEDS:
        noisy, wrong = planted(labels, seed)
        probabilities = linear_head.out_of_fold(rows, noisy, classes, seed=seed)
        found = confident.suspicions(noisy, probabilities)
        ours.append(scores(found.places, wrong))
        theirs.append(scores(found_by_cleanlab(noisy, probabilities), wrong))
        estimated.append(found.share)
    note = f"{len(labels)} pictures, {classes} classes, {len(SEEDS)} seeds"
    records = []
    words = ("precision", "recall", f"precision of the first {FIRST}")
    for word, mine, other in zip(words, np.mean(ours, axis=0), np.mean(theirs, axis=0), strict=True):
        # Both are printed with three digits; a difference behind them is one picture in thousands.
        met = round(float(mine), 3) >= round(float(other), 3)
        records.append(
            Record(
                f"{name}: {word}",
                round(float(mine), 3),
                "",
                round(float(other), 3),
                met,
                COMMAND,
                f"target: cleanlab; {note}",
            )
        )
    share = round(100 * float(np.mean(estimated)), 1)
    records.append(Record(f"{name}: estimated share of wrong labels", share, "%", None, None, COMMAND, "planted: 10 %"))
    return records


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all sets that are there."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    cache = Path(given[0]) if given else None
    records = []
    for name in SETS:
        if name != "digits" and not (SHARED / name).exists():
            print(f"NOT MEASURED: {SHARED / name} is missing")
            continue
        records += measure(name, cache)
        for record in records[-4:]:
            print(f"{record.name}: {record.value} (cleanlab {record.target})", flush=True)
    write("label_errors", records, machine(), keep=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
