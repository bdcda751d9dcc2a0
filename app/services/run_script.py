"""A run as a program that trains it again with ``worker.ml``, from an exported data set, and compares the result."""

import pprint
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from app.db.run_models import Run
from app.domain.recipe import Recipe
from app.services import manifest, progress

HEAD = """\
# One run as a program: it trains the same models again and compares them with those of the run.
#
# 1. Export the data set as folders (page "Export") and copy this file into the folder of the program.
# 2. Type:  python THIS_FILE EXPORTED_ZIP_OR_FOLDER [FOLDER_OF_WEIGHTS]
#
# The folder of weights is that with the file of a pretrained network; by default it is the one of the settings. A run
# that began with the weights of another one needs the file of those in it: the page of that run has it to download.
# A model that was stopped by hand is stopped after the same epoch, and one that was never trained is left out.
# It ends with 0 when all numbers are the same, and with 1 when they are not. With "deterministic" in the recipe the
# weights are the same to the last bit on one kind of processor; without it the numbers differ a little each time. With
# ZCA whitening type  OPENBLAS_NUM_THREADS=1 python …  as its last bits depend on that; a worker has 1 thread too.

import sys

from app.config import Settings
from app.domain.recipe import Recipe
from worker.ml import device, rerun, train

"""
BODY = """

def main(place: str, weights: str = "") -> int:
    recipe = Recipe.from_json(RECIPE)
    folder = rerun.weights(recipe, weights or Settings.from_env().weights_folder)
    device.prepare(deterministic=recipe.deterministic)
    items = rerun.read_items(IMAGES)
    pictures = rerun.load(place, items, recipe)
    made = rerun.plans(items, FOLDS)
    start, most = rerun.start(START, folder, START_CLASSES), max((len(plan.train) for plan in made), default=0)
    begin = train.Begin(precision=PRECISION, most=most, weights=folder, start=start)
    check = rerun.Check(EXPECTED)
    for plans in rerun.turns(made, EXPECTED):
        for result in train.fit_folds(pictures, items.labels, plans, recipe, CLASSES, rerun.Told(EXPECTED), begin):
            check.add(result)
    return check.end()


if __name__ == "__main__":
    sys.exit(rerun.carry_out(main, sys.argv[1:]))
"""


def lines(session: Session, run: Run) -> Iterator[str]:
    """The program in pieces; what people wrote stands in it as Python's own literals only."""
    yield HEAD
    environment = run.environment
    values: dict[str, Any] = {
        "RUN": run.number,
        "CLASSES": [item.name for item in run.classes],
        "FOLDS": len(run.folds),
        "START": (run.origin or {}).get("weights_sha256", ""),
        "START_CLASSES": [item.name for item in run.classes] if (run.origin or {}).get("outputs") == "kept" else [],
        "PRECISION": environment.get("precision", ""),
        "RECIPE": Recipe.from_json(run.recipe).readable(),
        "EXPECTED": _expected(session, run),
    }
    for name, value in values.items():
        yield f"{name} = {pprint.pformat(value, width=110, sort_dicts=False)}\n"
    yield "# hash of the file, hash of the copy that is trained with, position of the class, split, fold\n"
    yield 'IMAGES = """\\\n'
    for item in manifest.items(session, run.id):
        yield item.line() + "\n"
    yield '"""\n'
    yield BODY


def _expected(session: Session, run: Run) -> dict[int, dict[str, Any]]:
    """What the run left of each model; of one that was stopped by hand its last epoch, too."""
    stopped = {fold.fold for fold in run.folds if fold.stop_reason == "stopped"}
    last = {row.fold: row.epoch for row in progress.epochs(session, run) if row.fold in stopped}
    return {
        fold.fold: {"epoch": fold.best_epoch, "metrics": fold.metrics, "weights_sha256": fold.weights_sha256}
        | ({"stopped_after": last[fold.fold]} if fold.fold in last else {})
        for fold in run.folds
        if fold.weights_sha256
    }
