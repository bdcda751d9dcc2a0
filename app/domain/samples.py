"""The two sample sets, made offline: blood cells that our own generator draws, and scikit-learn's handwritten digits.

The cells are **drawn, not photographed**, and every file name says so. They look like a stained blood smear seen
through a microscope and vary in stain, light, sharpness and shape so far that a small network makes some mistakes.
"""

import csv
import gzip
import importlib.util
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from app.domain.cells import CELL_KINDS, draw_cell
from app.domain.errors import AppError
from app.domain.text import N_

CELLS_PER_CLASS = (30, 4)  # train, test
DIGIT_SCALE = 8
DIGIT_TEST_SHARE = 0.2
SEED = 1
DIGIT_COLORS = "#0072b2 #d55e00 #009e73 #cc79a7 #56b4e9 #e69f00 #7a5195 #8c564b #5f7d1f #666666".split()  # noqa: SIM905


@dataclass(frozen=True)
class SampleClass:
    """A class of a sample set: its name, also the name of its folder, and its colour."""

    name: str
    color: str


@dataclass(frozen=True)
class SampleSet:
    """What is shown of a sample set before it is made. ``title`` and ``description`` are sentences to translate."""

    name: str
    title: str
    description: str
    classes: tuple[SampleClass, ...]
    count: int


SAMPLES = {
    "cells": SampleSet(
        "cells",
        N_("Blood cells (drawn)"),
        N_(
            "102 pictures of white blood cells in 3 classes, 100 x 100 pixels. They are drawn by a program to look "
            "like a stained blood smear; they are not real cells and mean nothing in medicine."
        ),
        (
            SampleClass("好中球 Neutrophil", "#0072b2"),
            SampleClass("好酸球 Eosinophil", "#d55e00"),
            SampleClass("単球 Monocyte", "#009e73"),
        ),
        len(CELL_KINDS) * sum(CELLS_PER_CLASS),
    ),
    "digits": SampleSet(
        "digits",
        N_("Handwritten digits"),
        N_(
            "1,797 real handwritten digits in 10 classes from the UCI repository as scikit-learn ships them, 8 x 8 "
            "pixels enlarged to 64 x 64. A fifth of them is the pinned test set."
        ),
        tuple(SampleClass(str(digit), color) for digit, color in enumerate(DIGIT_COLORS)),
        1797,
    ),
}


def files(name: str, seed: int = SEED) -> Iterator[tuple[str, bytes]]:
    """Path and PNG bytes of every picture of a set, the same for the same seed.

    Paths are ``train/<class>/<file>`` and ``test/<class>/<file>``.
    """
    return _cells(seed) if name == "cells" else _digits(seed)


def _cells(seed: int) -> Iterator[tuple[str, bytes]]:
    for index, (kind, sample_class) in enumerate(zip(CELL_KINDS, SAMPLES["cells"].classes, strict=True)):
        for number in range(1, sum(CELLS_PER_CLASS) + 1):
            split = "train" if number <= CELLS_PER_CLASS[0] else "test"
            picture = draw_cell(kind, np.random.default_rng([seed, index, number]))
            yield f"{split}/{sample_class.name}/drawn_{kind.name}_{number:03d}.png", _png(picture)


def _digits(seed: int) -> Iterator[tuple[str, bytes]]:
    """Grey levels 0 to 16 become 0 to 255, each pixel a square of 8 x 8; the test part is a fifth of each digit."""
    pixels, digits = _read_digits()
    rng = np.random.default_rng(seed)
    test = np.zeros(len(digits), dtype=bool)
    for digit in range(10):
        places = np.flatnonzero(digits == digit)
        test[rng.permutation(places)[: round(len(places) * DIGIT_TEST_SHARE)]] = True
    levels = np.rint(pixels * (255.0 / 16.0)).astype(np.uint8)
    for number, (grey, digit) in enumerate(zip(levels, digits, strict=True)):
        large = grey.repeat(DIGIT_SCALE, axis=0).repeat(DIGIT_SCALE, axis=1)
        split = "test" if test[number] else "train"
        yield f"{split}/{digit}/digit_{number:04d}.png", _png(large)


@cache
def _read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797, 8, 8) in 0..16 and digits (1797,), from the data file of the installed scikit-learn.

    The package is found but not imported: importing it costs 100 MiB and a second.

    Raises:
        AppError: scikit-learn is not installed or lacks the file.
    """
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise AppError("sample_missing")
    with gzip.open(path, "rt", encoding="ascii") as file:
        table = np.array([[int(float(value)) for value in row] for row in csv.reader(file)], dtype=np.int64)
    return table[:, :64].reshape(-1, 8, 8), table[:, 64]


def _png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()
