"""Trains the posts' presets on real pictures through the product's own commands and writes what came out.

``make results`` runs this. Each case is one ``import`` and one ``train --wait --json`` for each seed, in a data folder
of its own: exactly what a person would type. The pictures lie beside the checkout (``../shared/data``, or
``SHARED_PICTURES``); without them the command says so and ends with an error, because a table without numbers would
look like a result.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.domain import metrics
from app.domain.best import NAME as BEST
from benchmarks.records import Record, machine, write

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Case:
    """One training on one set: the preset, what is changed, and what the post reports."""

    data: str
    preset: str
    post: str  # the post's own figure and data, in words
    changes: tuple[str, ...] = ()
    folds: int | None = None
    seeds: tuple[int, ...] = (0,)
    target: float | None = None  # of the first figure
    figures: tuple[str, ...] = field(default=("validation", "test"))
    title: str = ""  # in place of the name of the preset

    @property
    def name(self) -> str:
        """Of the set and the recipe."""
        return f"{self.data}, {self.title or self.preset}"


THREE = (0, 1, 2)
TESTED = ("test", "validation")
POST = {
    "wbc90": "post 000: validation .90, test 12 of 12",
    "wbc": "no post",
    "monkeys6": "post 002, 3,000 penguins: test .875",
    "cats_dogs": "post 004, 23,994 pictures: test .842, .909 improved",
    "cifar10_subset": "post 003, 50,000 pictures: test .7964",
}
# Of each set: the recipe of the post, its improved default, the pretrained network, and the choice of the page itself.
# Where a post trains for longer than anybody would wait here, the epochs are fewer, and the command shows it.
MAIN = (
    Case("wbc90", "wbc", POST["wbc90"], folds=5, seeds=THREE),
    Case("wbc90", "wbc-plus", POST["wbc90"], folds=5, seeds=THREE, target=0.92),
    Case("wbc90", "transfer-few", POST["wbc90"], folds=5, seeds=THREE),
    Case("wbc90", BEST, POST["wbc90"], seeds=THREE, target=0.95),
    Case("wbc", "wbc", POST["wbc"], changes=("folds=0", "epochs=30"), seeds=THREE, figures=TESTED),
    Case("wbc", "wbc-plus", POST["wbc"], changes=("folds=0", "epochs=30"), seeds=THREE, target=0.96, figures=TESTED),
    Case("wbc", "transfer", POST["wbc"], seeds=THREE, figures=TESTED),
    Case("wbc", BEST, POST["wbc"], seeds=THREE, target=0.98, figures=TESTED),
    Case("monkeys6", "penguins", POST["monkeys6"], changes=("epochs=60",), seeds=THREE, figures=TESTED),
    Case("monkeys6", "penguins-plus", POST["monkeys6"], seeds=THREE, target=0.80, figures=TESTED),
    Case("monkeys6", "transfer", POST["monkeys6"], seeds=THREE, figures=TESTED),
    Case("monkeys6", BEST, POST["monkeys6"], seeds=THREE, target=0.99, figures=TESTED),
    Case("cats_dogs", "deepconv", POST["cats_dogs"], seeds=THREE, figures=TESTED),
    Case("cats_dogs", "deepconv-plus", POST["cats_dogs"], seeds=THREE, target=0.80, figures=TESTED),
    Case("cats_dogs", "transfer", POST["cats_dogs"], seeds=THREE, figures=TESTED),
    Case("cats_dogs", BEST, POST["cats_dogs"], seeds=THREE, target=0.992, figures=TESTED),
    Case("cifar10_subset", "cifar", POST["cifar10_subset"], seeds=THREE, figures=TESTED),
    Case("cifar10_subset", "cifar-plus", POST["cifar10_subset"], seeds=THREE, target=0.72, figures=TESTED),
    Case("cifar10_subset", "transfer", POST["cifar10_subset"], seeds=THREE, figures=TESTED),
    Case("cifar10_subset", BEST, POST["cifar10_subset"], seeds=THREE, target=0.85, figures=TESTED),
)
# One seed each: other recipes of the posts, and right and wrong scaling of the pixels side by side.
MORE = (
    Case("monkeys6", "penguins-plain", "post 002, 3,000 penguins: test .636"),
    Case("monkeys6", "deepconv", "post 004, another set"),
    Case("cats_dogs", "penguins-plain", "post 002, another set: test .636"),
    Case("cats_dogs", "penguins", "post 002, another set: test .875", changes=("epochs=60",)),
    Case("wbc", "transfer-fine", "no post", figures=TESTED),
    Case(
        "monkeys6", "transfer", "post 002 fed its network like this", changes=("backbone_scaling=0", "image_size=128"),
        title="transfer, 128 px, scaled wrongly",
    ),
    Case("monkeys6", "transfer", "scaled as expected", changes=("image_size=128",), title="transfer, 128 px"),
)  # fmt: skip
# Whitened pixels beside plain ones, by what Keras calls epsilon: docs/training.md, *Scale of the pixels*.
SMALL = ("folds=0", "epochs=8", "image_size=32")
PIXELS = (
    Case("wbc", "wbc-plus", "no post", changes=SMALL, seeds=THREE, figures=TESTED, title="32 px, rescale"),
    *(
        Case(
            "wbc", "wbc-plus", "no post", changes=(*SMALL, "normalisation=zca", f"zca_epsilon={epsilon}"), seeds=THREE,
            figures=TESTED, title=f"32 px, zca, epsilon {epsilon}",
        )
        for epsilon in ("0.000001", "1", "10", "30")
    ),
)  # fmt: skip
CASES = (*MAIN, *MORE, *PIXELS)


def shared_data() -> Path:
    """The folder with the real pictures; ends the program when there is none."""
    folder = Path(os.environ.get("SHARED_PICTURES", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        sys.exit(f"There are no real pictures at {folder}: set SHARED_PICTURES to the folder with the sets.")
    return folder


def command(data_dir: Path, *arguments: str) -> dict[str, Any]:
    """Run one command of the product and return the JSON it printed."""
    environment = os.environ | {"MIWAKE_DATA_DIR": str(data_dir), "MIWAKE_LOG_LEVEL": "WARNING"}
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"python -m app {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def train_arguments(case: Case, seed: int) -> list[str]:
    """The words behind ``python -m app`` for one training."""
    words = ["train", case.data, "--seed", str(seed)]
    if case.preset != BEST:  # which is what somebody gets who names none
        words += ["--preset", case.preset]
    if case.folds:
        words += ["--folds", str(case.folds)]
    for change in case.changes:
        words += ["--set", change]
    return [*words, "--wait", "--json"]


def run_case(case: Case, data_dir: Path) -> list[Record]:
    """Train once for each seed; one record for each figure and one for the seconds."""
    answers = []
    for seed in case.seeds:
        begin = time.perf_counter()
        answers.append(command(data_dir, *train_arguments(case, seed)))
        print(f"{case.data} {case.preset} seed {seed}: {time.perf_counter() - begin:.0f} s", flush=True)
    words = "python -m app " + " ".join(train_arguments(case, case.seeds[0]))
    if len(case.seeds) > 1:
        words = words.replace(f"--seed {case.seeds[0]}", f"--seed {case.seeds[0]}..{case.seeds[-1]}")
    records = [_figure(case, role, answers, words) for role in case.figures if answers[0].get(role)]
    seconds = [answer["seconds"] for answer in answers]
    return [
        *records,
        Record(f"{case.name}: seconds", round(statistics.mean(seconds), 1), "s", command=words, note=_tried(answers)),
    ]


def _figure(case: Case, role: str, answers: Sequence[dict[str, Any]], words: str) -> Record:
    values = [float(answer[role]["accuracy"]) for answer in answers]
    images = int(answers[0][role]["images"])
    interval = metrics.wilson(statistics.mean(values) * images, images)
    target = case.target if role == case.figures[0] else None
    note = f"{case.post}; " + (f"seeds {' '.join(f'{value:.3f}' for value in values)}; " if len(values) > 1 else "")
    if interval:  # of one set of test images: other seeds are no other images
        note += f"95 % interval {interval.low:.3f} to {interval.high:.3f}"
    return Record(
        f"{case.name}: {role} accuracy",
        round(statistics.mean(values), 4),
        "",
        target=target,
        met=None if target is None else statistics.mean(values) >= target,
        command=words,
        note=note,
    )


def _tried(answers: Sequence[dict[str, Any]]) -> str:
    """Of a choice among recipes: which of them won, for each seed; the seconds are those of all trainings."""
    if "tried" not in answers[0]:
        return ""
    won = [f"{answer['recipe']['preset']} of {len(answer['tried'])}" for answer in answers]
    return f"chosen: {', '.join(won)}; seconds of all trainings together"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases, or those whose set or preset is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of sets, presets, SET/PRESET or titles; all cases without")
    parser.add_argument("--seeds", type=int, default=3, help="so many of the seeds of each case, at most")
    typed = parser.parse_args(arguments)
    only = set(typed.only)
    cases = [
        replace(case, seeds=case.seeds[: typed.seeds])
        for case in CASES
        if not only or only & {case.data, case.preset, f"{case.data}/{case.preset}", case.title}
    ]
    folder = shared_data()
    records: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="miwake-results-") as name:
        data_dir = Path(name)
        for data in dict.fromkeys(case.data for case in cases):
            place = folder / data
            command(data_dir, "import", data, str(place if place.is_dir() else place.with_suffix(".zip")), "--json")
        for case in cases:
            records += run_case(case, data_dir)
            write("results", records, machine(), keep=bool(only))
    return 0


if __name__ == "__main__":
    sys.exit(main())
