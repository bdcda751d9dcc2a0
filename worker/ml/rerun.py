"""What the program of a run needs to train it again: its images out of an exported data set, and a comparison."""

import hashlib
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import backbones, imaging
from app.domain.errors import AppError, NotFound
from app.domain.recipe import Recipe
from worker.ml import backbones as networks
from worker.ml import data, saving, train
from worker.ml.keeper import EpochResult

Expected = Mapping[int, Mapping[str, Any]]  # fold -> "epoch", "metrics", "weights_sha256", perhaps "stopped_after"
_LAST = "stopped_after"
_NONE = -1
_SHOWN = 5
_MISSING = {
    "backbone_file_missing": (
        "The network {name} needs the file of weights {file}, which is not in the folder {folder}. Put it there, or "
        "name the folder that has it after the data set."
    ),
    "begin_file_missing": (
        "The run began with the weights of another run, which are not in the folder {folder}. Download them on the "
        "page of that run (SHA-256 {digest}) and put the file there, or name the folder that has it after the data set."
    ),
}


@dataclass(frozen=True)
class Items:
    """The images of a run in its order; all have the same length. ``folds`` is -1 for an image of no fold."""

    files: list[str]
    copies: list[str]
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    folds: NDArray[np.int64]


def read_items(text: str) -> Items:
    """The table of a program: hash of the file, hash of the copy, class, split and fold of each image."""
    rows = [line.split(" ") for line in text.splitlines()]
    return Items(
        [row[0] for row in rows],
        [row[1] for row in rows],
        np.array([int(row[2]) for row in rows], np.int64),
        np.array([row[3] for row in rows]),
        np.array([_NONE if row[4] == "-" else int(row[4]) for row in rows], np.int64),
    )


def plans(items: Items, folds: int) -> list[train.FoldPlan]:
    """The models of the run: which images each learns from and which it is validated with."""
    test = items.splits == "test"
    cross = bool((items.folds != _NONE).any())
    made = []
    for fold in range(folds):
        held = items.folds == fold if cross else items.splits == "validation"
        made.append(train.FoldPlan(fold, np.flatnonzero(~held & ~test), np.flatnonzero(held)))
    return made


def turns(made: Sequence[train.FoldPlan], expected: Expected) -> list[list[train.FoldPlan]]:
    """The models that the run has, or all if it has none; a stopped one comes alone, because a stop ends all."""
    known = [plan for plan in made if plan.fold in expected or not expected]
    stopped = [plan for plan in known if _LAST in expected.get(plan.fold, {})]
    whole = [plan for plan in known if plan not in stopped]
    return [*([whole] if whole else []), *([plan] for plan in stopped)]


def weights(recipe: Recipe, folder: str | Path) -> Path:
    """``folder``, once it is sure that the network's file of weights is in it and right, where it needs one.

    Raises:
        AppError: ``backbone_file_missing`` or ``weights_broken``.
    """
    path = Path(folder).absolute()
    if recipe.pretrained and not backbones.KNOWN[recipe.architecture].packaged:
        networks.checked(recipe.architecture, path)
    return path


def start(digest: str, folder: Path, classes: Sequence[str] = ()) -> saving.SavedModel | None:
    """The model that the run began with, found in ``folder`` by its hash; None for a run that began anew.

    It is a file that was downloaded from the page of the earlier run, or the ``weights.zip`` in it. ``classes``: the
    names of this run's classes where the model has the same ones, whatever they were called then.

    Raises:
        AppError: ``begin_file_missing``.
    """
    if not digest:
        return None
    for path in sorted(folder.glob("*.zip")):
        for content in (path.read_bytes(), _inside(path)):
            if hashlib.sha256(content).hexdigest() == digest:
                model = saving.load(content)
                return replace(model, class_names=tuple(classes)) if classes else model
    raise AppError("begin_file_missing", digest=digest, folder=str(folder))


def _inside(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read("weights.zip") if "weights.zip" in archive.namelist() else b""


def load(place: str, items: Items, recipe: Recipe) -> data.Pictures:
    """The pictures of the run from an exported zip or folder, found by the hashes of their files.

    Raises:
        NotFound: ``rerun_images_missing`` when the data set has not all of them.
        AppError: ``rerun_image_differs`` when a file gives another copy than in the run.
    """
    with _Place(Path(place)) as found:
        missing = [digest for digest in items.files if digest not in found.names]
        if missing:
            raise NotFound("rerun_images_missing", count=len(missing), some=", ".join(missing[:_SHOWN]))

        def read(index: int) -> bytes:
            copy = imaging.decode(found.read(items.files[index])).canonical
            if hashlib.sha256(copy).hexdigest() != items.copies[index]:
                raise AppError("rerun_image_differs", name=found.names[items.files[index]])
            return copy

        return data.load(len(items.files), read, recipe)


class _Place:
    """A folder or a zip, its files by their hashes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path) if path.is_file() else None
        self.names = {hashlib.sha256(self._bytes(name)).hexdigest(): name for name in self._all()}

    def _all(self) -> Iterator[str]:
        if self._zip:
            yield from (info.filename for info in self._zip.infolist() if not info.is_dir())
        else:
            yield from (str(path.relative_to(self._path)) for path in self._path.rglob("*") if path.is_file())

    def _bytes(self, name: str) -> bytes:
        return self._zip.read(name) if self._zip else (self._path / name).read_bytes()

    def read(self, digest: str) -> bytes:
        """The bytes of the file with this hash."""
        return self._bytes(self.names[digest])

    def __enter__(self) -> "_Place":
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip:
            self._zip.close()


class Told(train.Silent):
    """One line for each epoch; a model that was stopped by hand in the run is stopped after the same epoch."""

    def __init__(self, expected: Expected) -> None:
        self._expected, self._ended = expected, False

    def should_stop(self) -> bool:
        return self._ended

    def epoch(self, fold: int, result: EpochResult) -> None:
        self._ended = result.epoch == self._expected.get(fold, {}).get(_LAST)
        numbers = " ".join(f"{name} {value:.4f}" for name, value in result.metrics().items() if value is not None)
        sys.stdout.write(f"model {fold + 1} epoch {result.epoch}: {numbers}\n")


@dataclass
class Check:
    """Compares what was trained with what the run left."""

    expected: Expected
    differ: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    def add(self, result: train.FoldResult) -> None:
        """Look at one model and say what came of it."""
        self.seen.append(result.fold)
        was = self.expected.get(result.fold)
        digest = hashlib.sha256(saving.dump(result.model)).hexdigest()
        sys.stdout.write(f"model {result.fold + 1}: best epoch {result.best.epoch}, weights {digest}\n")
        if was is None:
            sys.stdout.write("  the run has no such model to compare with\n")
            return
        if digest == was["weights_sha256"]:
            sys.stdout.write("  the same to the last bit as in the run\n")
            return
        self.differ.append(result.fold)
        sys.stdout.write(f"  in the run: best epoch {was['epoch']}, weights {was['weights_sha256']}\n")
        for name, value in result.best.metrics().items():
            sys.stdout.write(f"  {name}: {value} here, {was['metrics'].get(name)} in the run\n")

    def end(self) -> int:
        """0 when every model of the run was made again as it was; 1 when not, or when it has none."""
        if not self.expected:
            sys.stdout.write("The run has no model to compare with.\n")
            return 1
        same = not self.differ and set(self.expected) <= set(self.seen)
        sys.stdout.write("Same as the run.\n" if same else "Not the same as the run.\n")
        return 0 if same else 1


def carry_out(main: Callable[..., int], arguments: Sequence[str]) -> int:
    """Run ``main`` with the data set, and the folder of weights if one was named; a refusal is one line and 2."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("Name the exported zip or folder, and the folder of weights where it is another one.\n")
        return 2
    try:
        return main(*arguments)
    except AppError as error:
        clear = _MISSING.get(error.code)
        sys.stderr.write((clear.format_map(error.params) if clear else str(error)) + "\n")
    except (OSError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"{error}\n")
    return 2
