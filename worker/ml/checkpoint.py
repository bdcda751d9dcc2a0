"""The state of a training between two epochs as bytes, and back.

``dump`` gives a few named parts, so that best weights that have not changed since the last time need not be written
again. Nothing in a part is ever executed: JSON and raw numbers, whose shapes must be those of the recipe's network
before one is read. Everything that is not in a state (order of the pictures, augmentation) is drawn anew from the
recipe's seed, the fold and the epoch.
"""

import dataclasses
import io
import json
import secrets
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import stages
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from worker.ml import models, parts
from worker.ml.device import PRECISIONS
from worker.ml.keeper import Best, EpochResult, Kept
from worker.ml.network import Weights, generators
from worker.ml.optimizers import shapes_of

FORMAT = 1
STATE = "state"
MAX_JSON = 16 * 2**20
_EPOCH_TIME = (1980, 1, 1, 0, 0, 0)

Array = NDArray[Any]


@dataclass(frozen=True)
class State:
    """Where the training of one model is after a finished epoch.

    Attributes:
        recipe: of the training; ``classes``: number of outputs.
        precision: of ``device.PRECISIONS``.
        seconds: that the epochs so far took.
        weights: in the order of ``model.weights``.
        slots: of the optimiser, float32, variable by variable; ``step`` counts its updates.
        generators: states of the dropout layers, (2,) int64 each.
        kept: best states, patience and the numbers of all epochs.
    """

    fold: int
    recipe: Recipe
    classes: int
    precision: str
    seconds: float
    weights: Weights = field(repr=False)
    slots: Weights = field(repr=False)
    step: float
    generators: tuple[NDArray[np.int64], ...] = field(repr=False)
    kept: Kept = field(repr=False)

    @property
    def epoch(self) -> int:
        """The last finished one, counted from 1."""
        return self.kept.epochs[-1].epoch


def dump(state: State, known: Collection[str] = ()) -> dict[str, bytes]:
    """The parts by their names, without the best states that are ``known`` from an earlier call for the same fold.

    The bytes of each call are unique: whoever replaces a checkpoint may delete what it replaced.
    """
    bests = {_name(best): best for best in state.kept.bests.values()}
    # The best weights may be those of now, which are then not written twice; kept averages never are.
    current = "" if state.recipe.averaging else f"best-{state.epoch}"
    about = {
        "format": FORMAT,
        "token": secrets.token_hex(16),
        "fold": state.fold,
        "recipe": state.recipe.to_json(),
        "classes": state.classes,
        "precision": state.precision,
        "seconds": state.seconds,
        "step": state.step,
        "epochs": [dataclasses.astuple(result) for result in state.kept.epochs],
        "mark": state.kept.mark,
        "waited": state.kept.waited,
        "bests": {monitor: _name(best) for monitor, best in state.kept.bests.items()},
        "weights": current if current in bests else STATE,
    }
    own = {} if current in bests else _named("weights", state.weights)
    parts = {
        name: _pack({"token": secrets.token_hex(16)}, _named("weights", best.weights) | {"said": best.probabilities})
        for name, best in bests.items()
        if name not in known
    }
    arrays = own | _named("slots", state.slots) | _named("generators", state.generators)
    return {STATE: _pack(about, arrays)} | parts


def names(state: State) -> set[str]:
    """The parts that make up ``state``."""
    return {STATE} | {_name(best) for best in state.kept.bests.values()}


def load(parts: Mapping[str, bytes], recipe: Recipe, classes: int, validation: int) -> State:
    """The state that ``dump`` wrote; ``parts`` must hold everything ``names`` gave.

    Args:
        parts: bytes by name.
        recipe: of the training that shall go on; the state must be of the same.
        classes: number of outputs.
        validation: number of validation pictures of the fold.

    Raises:
        AppError: ``checkpoint_broken`` when the parts are not a state of this training.
    """
    try:
        about = _about(parts[STATE], recipe, classes)
        epochs = tuple(EpochResult(*values) for values in about["epochs"])
        shapes = _Shapes.of(recipe, classes, validation, epochs[-1].stage)
        results = {result.epoch: result for result in epochs}
        bests = {name: _best(parts[name], name, results, shapes) for name in set(about["bests"].values())}
        source, state = about["weights"], parts[STATE]
        weights = bests[source].weights if source != STATE else _read(state, _like("weights", shapes.weights))
        kept = Kept(
            epochs, {monitor: bests[name] for monitor, name in about["bests"].items()}, float(about["mark"]),
            int(about["waited"]),
        )  # fmt: skip
        return State(
            int(about["fold"]), recipe, classes, str(about["precision"]), float(about["seconds"]), weights,
            _read(state, _like("slots", shapes.slots)), float(about["step"]),
            _read(state, _like("generators", shapes.generators), np.int64), kept,
        )  # fmt: skip
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, IndexError, Invalid) as error:
        raise AppError("checkpoint_broken", reason=str(error)[:200]) from error


def save_file(path: Path, state: State) -> None:
    """All parts in one file, for use without a store; the old file stays until the new one is whole."""
    new = path.with_name(path.name + ".new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as archive:
        for name, content in dump(state).items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH_TIME), content)
    new.replace(path)


def load_file(path: Path) -> dict[str, bytes]:
    """The parts that ``save_file`` wrote.

    Raises:
        AppError: ``checkpoint_broken``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise AppError("checkpoint_broken", reason=str(error)[:200]) from error


@dataclass(frozen=True)
class _Shapes:
    """What the arrays of a state must look like."""

    weights: list[tuple[int, ...]]
    slots: list[tuple[int, ...]]
    generators: list[tuple[int, ...]]
    said: tuple[int, ...]

    @classmethod
    def of(cls, recipe: Recipe, classes: int, validation: int, stage: int) -> "_Shapes":
        model = models.build(recipe, classes)
        learning = parts.make(model, stages.stages(recipe)[stage - 1]).variables
        trained = [tuple(variable.shape) for variable in learning]
        slots = shapes_of(recipe, trained)
        states: list[tuple[int, ...]] = [(2,) for _ in generators(model)]
        return cls([tuple(weight.shape) for weight in model.weights], slots, states, (validation, classes))


def _name(best: Best) -> str:
    return f"best-{best.result.epoch}"


def _named(kind: str, arrays: Sequence[Array]) -> dict[str, Array]:
    return {f"{kind}/{number:03d}": array for number, array in enumerate(arrays)}


def _like(kind: str, shapes: Sequence[tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {f"{kind}/{number:03d}": shape for number, shape in enumerate(shapes)}


def _pack(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("about.json", _EPOCH_TIME), json.dumps(about))
        for name, array in arrays.items():
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            archive.writestr(zipfile.ZipInfo(name, _EPOCH_TIME), plain.tobytes())
    return buffer.getvalue()


def _about(content: bytes, recipe: Recipe, classes: int) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if archive.getinfo("about.json").file_size > MAX_JSON:
            raise ValueError("about.json is too large")
        about = json.loads(archive.read("about.json"))
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError("unknown format")
    if about.get("precision") not in PRECISIONS:
        raise ValueError("unknown precision")
    if Recipe.from_json(about["recipe"]) != recipe or about["classes"] != classes:
        raise ValueError("it belongs to another training")
    return about


def _best(content: bytes, name: str, results: Mapping[int, EpochResult], shapes: _Shapes) -> Best:
    weights = _read(content, _like("weights", shapes.weights))
    (said,) = _read(content, {"said": shapes.said})
    return Best(results[int(name.removeprefix("best-"))], weights, said)


def _read(content: bytes, wanted: Mapping[str, tuple[int, ...]], kind: Any = np.float32) -> tuple[Array, ...]:
    """Arrays of a part, each of the shape that it must have."""
    number = np.dtype(kind).newbyteorder("<")
    found = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, shape in wanted.items():
            info = archive.getinfo(name)
            if info.file_size != number.itemsize * int(np.prod(shape)):
                raise ValueError(f"{name} has the wrong size")
            found.append(np.frombuffer(archive.read(info), number).reshape(shape).astype(kind))
    return tuple(found)
