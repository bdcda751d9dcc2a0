"""``python -m worker.ml FOLDER --recipe recipe.json``: train on a folder of class folders and print the result."""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import imaging, splits
from app.domain.errors import AppError, Invalid
from app.domain.presets import PRESETS
from app.domain.recipe import ARCHITECTURES, Recipe
from worker.ml import check, data, device, models, predict, saving, train
from worker.ml.keeper import EpochResult

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Folder:
    """Pictures of a folder: (n, size, size, 3), labels, and for each the split it lies in."""

    names: list[str]
    pictures: data.Pictures
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it worked, 1 with one sentence on standard error when it did not."""
    parser = argparse.ArgumentParser(prog="python -m worker.ml", description="Train without the web pages.")
    parser.add_argument("folder", nargs="?", type=Path, help="holds train/CLASS/FILE, also validation/ and test/")
    parser.add_argument("--recipe", type=Path, help="recipe as JSON (all values, or those that differ)")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="a ready recipe")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one value")
    parser.add_argument("--folds", type=int, help="K-fold cross-validation")
    parser.add_argument("--save", type=Path, help="folder for the trained models")
    parser.add_argument("--smoke", action="store_true", help="check every network on noise and end")
    options = parser.parse_args(arguments)
    device.prepare()
    if options.smoke:
        return _smoke()
    if options.folder is None:
        parser.error("name a folder, or use --smoke")
    try:
        answer = _train(options.folder, _recipe(options), options.save)
    except (AppError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1) + "\n")
    return 0


def _smoke() -> int:
    checks = [check.check_recipe(Recipe(architecture=name, image_size=64)) for name in ARCHITECTURES]
    answer = [dataclasses.asdict(item) | {"passed": item.passed} for item in checks]
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")
    return 0 if all(item.passed for item in checks) else 1


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = PRESETS[options.preset].recipe if options.preset else Recipe()
    if options.recipe:
        recipe = Recipe.from_json(json.loads(options.recipe.read_text(encoding="utf-8")))
    values = dict(item.partition("=")[::2] for item in options.set)
    if options.folds is not None:
        values["folds"] = options.folds
    return recipe.updated(values)


def _read(folder: Path, recipe: Recipe) -> Folder:
    paths = sorted(path for split in SPLITS for path in (folder / split).glob("*/*") if path.is_file())
    names = sorted({path.parent.name for path in paths})
    if len(names) < 2:
        raise Invalid("too_few_classes", count=len(names), needed=2, name=names[0] if names else "")
    pictures = data.load(len(paths), lambda i: imaging.decode(paths[i].read_bytes()).canonical, recipe)
    labels = np.array([names.index(path.parent.name) for path in paths], dtype=np.int64)
    return Folder(names, pictures, labels, np.array([path.parent.parent.name for path in paths]))


def _plans(content: Folder, recipe: Recipe) -> list[train.FoldPlan]:
    own = np.flatnonzero(content.splits == "train")
    given = np.flatnonzero(content.splits == "validation")
    if recipe.folds:
        own = np.sort(np.concatenate([own, given]))
        fold = splits.kfold(content.labels[own], recipe.folds, recipe.seed, recipe.stratified)
        return [train.FoldPlan(k, own[fold != k], own[fold == k]) for k in range(recipe.folds)]
    if recipe.use_validation_folder and len(given):
        return [train.FoldPlan(0, own, given)]
    own = np.sort(np.concatenate([own, given]))
    aside = splits.holdout(content.labels[own], recipe.validation_share, recipe.seed, recipe.stratified)
    return [train.FoldPlan(0, own[~aside], own[aside])]


class _Progress(train.Silent):
    """One line on standard error for each epoch."""

    def epoch(self, fold: int, result: EpochResult) -> None:
        numbers = " ".join(f"{name} {value:.4f}" for name, value in result.metrics().items() if value is not None)
        sys.stderr.write(f"fold {fold + 1} epoch {result.epoch}: {numbers} ({result.seconds:.2f} s)\n")


def _train(folder: Path, recipe: Recipe, save: Path | None) -> dict[str, Any]:
    content = _read(folder, recipe)
    started = time.perf_counter()
    test = np.flatnonzero(content.splits == "test")
    folds, probabilities = [], []
    plans = _plans(content, recipe)
    for result in train.fit_folds(content.pictures, content.labels, plans, recipe, content.names, _Progress()):
        folds.append(_fold_answer(result))
        if len(test):
            probabilities.append(predict.probabilities(result.model, content.pictures[test]))
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
            (save / f"fold{result.fold + 1}.miwake").write_bytes(saving.dump(result.model))
    answer: dict[str, Any] = {"classes": content.names, "folds": folds, "recipe": recipe.to_json()}
    if probabilities:
        right = np.mean(probabilities, axis=0).argmax(axis=1) == content.labels[test]
        answer["test"] = {"images": len(test), "right": int(right.sum()), "accuracy": float(right.mean())}
    environment = device.describe(recipe.precision) | {"precision": models.resolve_precision(recipe)}
    return answer | {"seconds": round(time.perf_counter() - started, 2), "environment": environment}


def _fold_answer(result: train.FoldResult) -> dict[str, Any]:
    about = {"fold": result.fold + 1, "best_epoch": result.best.epoch, "epochs": len(result.epochs)}
    return about | result.best.metrics() | {"stop_reason": result.stop_reason, "seconds": round(result.seconds, 2)}


if __name__ == "__main__":
    sys.exit(main())
