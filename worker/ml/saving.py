"""A trained model as bytes: a zip of ``model.json`` and one file of float32 numbers for each weight.

Nothing in it is ever executed: no pickle, no Keras configuration. The network is built again from the recipe, and
the shapes in ``model.json`` must be those of that network before a single number is read.
"""

import io
import json
import platform
import zipfile
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from app.domain.recipe_fields import ZCA
from worker.ml import device, models
from worker.ml.standard import Statistics

FORMAT = 1
MAX_BYTES = 2 * 2**30
MAX_JSON = 2**20
_ROOT = "statistics/root.f4"
_EPOCH_TIME = (1980, 1, 1, 0, 0, 0)  # equal models give equal bytes


@dataclass(frozen=True)
class SavedModel:
    """Everything that is needed to predict again.

    Attributes:
        recipe: builds the network.
        class_names: of the outputs, in order.
        weights: float32 arrays in the order of ``models.build(...).weights``.
        statistics: for a normalisation of ``FITTED``, else None.
        precision: of ``device.PRECISIONS``, in which it is asked; see ``models.asked_in``.
        epoch: after which the weights were taken, counted from 1.
        metrics: loss, accuracy, val_loss, val_accuracy of that epoch.
        versions: of the libraries that made it.
    """

    recipe: Recipe
    class_names: tuple[str, ...]
    weights: tuple[NDArray[np.float32], ...] = field(repr=False)
    statistics: Statistics | None
    precision: str
    epoch: int
    metrics: dict[str, float | None]
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """Of the libraries a model depends on."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def dump(saved: SavedModel) -> bytes:
    """The model as bytes; equal models give equal bytes."""
    about = {
        "format": FORMAT,
        "recipe": saved.recipe.to_json(),
        "classes": list(saved.class_names),
        "statistics": _fitted(saved.statistics) if saved.statistics else None,
        "precision": saved.precision,
        "epoch": saved.epoch,
        "metrics": saved.metrics,
        "versions": saved.versions,
        "shapes": [list(weight.shape) for weight in saved.weights],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("model.json", _EPOCH_TIME), json.dumps(about, ensure_ascii=False, indent=1))
        for number, weight in enumerate(saved.weights):
            archive.writestr(zipfile.ZipInfo(_name(number), _EPOCH_TIME), weight.astype("<f4").tobytes())
        if saved.statistics is not None and saved.statistics.root is not None:
            archive.writestr(zipfile.ZipInfo(_ROOT, _EPOCH_TIME), saved.statistics.root.astype("<f4").tobytes())
    return buffer.getvalue()


def load(content: bytes) -> SavedModel:
    """The model that ``dump`` wrote.

    Raises:
        AppError: ``model_broken`` when the bytes are not such a model, or not one this version can build.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            about = _about(archive)
            recipe = Recipe.from_json(about["recipe"])
            names = tuple(str(name) for name in about["classes"])
            shapes = _checked_shapes(about["shapes"], recipe, len(names))
            weights = tuple(_numbers(archive, _name(number), shape) for number, shape in enumerate(shapes))
            statistics = _statistics(archive, about["statistics"], recipe)
        return SavedModel(
            recipe, names, weights, statistics, str(about["precision"]), int(about["epoch"]), dict(about["metrics"]),
            dict(about["versions"]),
        )  # fmt: skip
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, Invalid) as error:
        raise AppError("model_broken", reason=str(error)[:200]) from error


def _name(number: int) -> str:
    return f"weights/{number:03d}.f4"


def _about(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo("model.json").file_size > MAX_JSON:
        raise ValueError("model.json is too large")
    about = json.loads(archive.read("model.json"))
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError("unknown format")
    if about.get("precision") not in device.PRECISIONS:
        raise ValueError("unknown precision")
    return about


def _checked_shapes(shapes: Any, recipe: Recipe, classes: int) -> list[tuple[int, ...]]:
    if not 2 <= classes <= 10_000:
        raise ValueError(f"{classes} classes")
    expected = [tuple(weight.shape) for weight in models.build(recipe, classes).weights]
    if [tuple(shape) for shape in shapes] != expected:
        raise ValueError("the shapes are not those of the network")
    return expected


def _numbers(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    info = archive.getinfo(name)
    if info.file_size != 4 * int(np.prod(shape)) or info.file_size > MAX_BYTES:
        raise ValueError(f"{info.filename} has the wrong size")
    return np.frombuffer(archive.read(info), "<f4").reshape(shape).astype(np.float32)


def _fitted(statistics: Statistics) -> dict[str, Any]:
    known: dict[str, Any] = {"mean": statistics.mean, "std": statistics.std}
    return known if statistics.root is None else {**known, "directions": statistics.root.shape[1]}


def _statistics(archive: zipfile.ZipFile, values: Any, recipe: Recipe) -> Statistics | None:
    if not recipe.fitted_step:
        return None
    mean, std = _triple(values["mean"]), _triple(values["std"])
    if recipe.fitted_step != ZCA:
        return Statistics(mean, std)
    width, directions = 3 * recipe.image_size**2, int(values["directions"])
    if not 1 <= directions <= width:
        raise ValueError("the directions are not those of the pictures")
    return Statistics(mean, std, _numbers(archive, _ROOT, (width, directions)))


def _triple(values: Any) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
