"""Training beside the posts' own programs, beside PyTorch and scikit-learn, and beside what the machine can do at all.

``python -m benchmarks.peers [--quick] [PRESET ...]``. Each side is a process of its own, and all work in turns, epoch
by epoch (``benchmarks.players``). The time of an epoch is all that a side does for it. Beside the posts' programs,
which validate after each epoch and of which two keep their best weights in a file, we validate and keep too, with the
number of pictures that the post has, or a part of them where it has thousands; beside PyTorch and what can be attained
both sides only train.

Posts 000 and 002 change their pictures in every epoch; posts 003 and 004 do not, so that their programs are Keras'
``fit`` on an array: of post 004 in float64, which its ``/ 255`` makes. The generator that post 004 shows at its end is
raced with both networks as well (``benchmarks.raced``).

The attainable rate is that of the quickest of some large convolutions and matrix products, measured in each round with
TensorFlow, and with PyTorch where it is there. No training can reach it: small pictures, pooling, the optimiser and the
changes of the pictures are work too.

PyTorch is nothing that this project needs. To have it as a peer, put it into an environment outside of the checkout
(``python -m venv DIR``, then ``DIR/bin/pip install torch numpy``) and name its interpreter in the variable
``BENCH_TORCH_PYTHON``.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from app.domain import architectures
from benchmarks.players import Player, Turn, cpu, median, player, quickest, rounds
from benchmarks.raced import recipe_of, title_of
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.peers"
TORCH = "BENCH_TORCH_PYTHON"
FASTER, FASTER_BEST = 6.0, 3.5
ROUNDS, QUICK_ROUNDS = 12, 2
EPOCHS = 3  # whole ones, of a turn: one call of the post's ``fit``


@dataclass(frozen=True)
class Race:
    """Classes; pictures when only trained, and those of whole epochs beside the post with their validation.

    Targets: share of the attainable rate in per cent, times as fast as PyTorch; 0: raced with the post's program only.
    """

    classes: int
    pictures: int
    whole: tuple[int, int]
    share: float = 0.0
    torch: float = 0.0


RACES = {
    "wbc": Race(3, 480, (72, 18), 35.0, 3.0),
    "penguins": Race(6, 480, (480, 120), 65.0, 2.5),
    "cifar": Race(10, 3840, (3840, 427), 60.0, 1.5),
    "deepconv": Race(2, 1280, (1280, 320), 65.0, 1.7),
    "cifar-changed": Race(10, 3840, (3840, 427)),
    "deepconv-changed": Race(2, 1280, (1280, 320)),
}


def torch_python() -> str:
    """The interpreter that has PyTorch, or "".

    Raises:
        SystemExit: the one that is named in the environment has none.
    """
    named = os.environ.get(TORCH, "")
    if named and subprocess.run([named, "-c", "import torch"], capture_output=True, check=False).returncode:
        sys.exit(f"{TORCH} names {named}, which cannot import torch.")
    return named or (sys.executable if importlib.util.find_spec("torch") else "")


def _racer(stack: ExitStack, *words: str) -> Player:
    return stack.enter_context(player([sys.executable, "-m", "benchmarks.racers", *words]))


def _torch(stack: ExitStack, python: str, *words: str) -> Player:
    return stack.enter_context(player([python, "-m", "benchmarks.torch_loop", *words]))


def race(name: str, python: str, quick: bool) -> dict[str, list[Turn]]:
    """Turns of all sides: ``ours`` and ``post`` with whole epochs, ``train``, ``rate``; ``torch``, ``torch rate``."""
    plan = RACES[name]
    words = (name, str(plan.classes), str(plan.pictures // 4 if quick else plan.pictures))
    whole = (name, str(plan.classes), *map(str, plan.whole), str(EPOCHS))
    with ExitStack() as stack:
        sides = {
            "ours": _racer(stack, "ours", *whole),
            "post": _racer(stack, "post", *whole),
        }
        if plan.share:
            sides["train"] = _racer(stack, "ours", *words, "0", "1")
            sides["rate"] = _racer(stack, "rate")
        if plan.torch and python:
            sides["torch"] = _torch(stack, python, "train", *words)
            sides["torch rate"] = _torch(stack, python, "rate")
        return rounds(sides, QUICK_ROUNDS if quick else ROUNDS)


def operations(name: str) -> float:
    """Of one picture, forward and backward; the first layer needs no gradient of the picture."""
    total, first = 0.0, True
    for layer in architectures.layer_table(recipe_of(name), RACES[name].classes):
        if layer.kind not in ("Conv2D", "Dense"):
            continue
        places = layer.shape[0] * layer.shape[1] if layer.kind == "Conv2D" else 1
        work = 2.0 * places * (layer.parameters - layer.shape[-1])  # without the bias, of which each output has one
        total += work * (2 if first else 3)
        first = False
    return total


def against_post(name: str, turns: dict[str, list[Turn]]) -> list[Record]:
    """Pictures a second of both, and the ratios of middle epoch, best epoch and processor time."""
    ours, theirs = turns["ours"], turns["post"]
    pictures, more = RACES[name].whole
    count = pictures * EPOCHS
    title = title_of(name)
    found = []
    for side, which in ((title, ours), (f"{title}: the post's program", theirs)):
        note = f"best epoch {count / quickest(which):.0f}; {1e6 * cpu(which) / count:.0f} us of processor time each"
        found.append(Record(side, round(count / median(which)), "pictures/s", command=COMMAND, note=note))
    middle, best = median(theirs) / median(ours), quickest(theirs) / quickest(ours)
    words = f"{title}, ours against the post's"
    note = f"{len(ours)} turns of {EPOCHS} epochs of {pictures} pictures each, {more} others for validation"
    return [
        *found,
        Record(f"{words}: middle epoch", round(middle, 2), "x", FASTER, middle >= FASTER, COMMAND, note),
        Record(f"{words}: best epoch", round(best, 2), "x", FASTER_BEST, best >= FASTER_BEST, COMMAND),
        Record(f"{words}: processor time", round(cpu(theirs) / cpu(ours), 2), "x", command=COMMAND),
    ]


def share(name: str, count: int, turns: dict[str, list[Turn]], peak: float) -> Record:
    """Our middle epoch as a share of the attainable rate."""
    work, target = operations(name), RACES[name].share
    middle, best = (100 * work * count / seconds(turns["train"]) / peak for seconds in (median, quickest))
    note = f"best epoch {best:.0f} %; {work / 1e6:.0f} million operations a picture, {peak / 1e9:.0f} billion a second"
    title = f"{title_of(name)}: share of the attainable rate"
    return Record(title, round(middle, 1), "%", target, middle >= target, COMMAND, note)


def against_torch(name: str, count: int, turns: dict[str, list[Turn]]) -> Record:
    """How many times as fast we are in the middle epoch, or that nobody knows."""
    title, target = f"{title_of(name)}: ours against a loop in PyTorch", RACES[name].torch
    if "torch" not in turns:
        note = f"NOT MEASURED: PyTorch is not installed ({TORCH} names no interpreter that has it)"
        return Record(title, None, "", target, None, COMMAND, note)
    ratio = median(turns["torch"]) / median(turns["train"])
    speeds = f"{count / median(turns['torch']):.0f} pictures/s, best epoch {count / quickest(turns['torch']):.0f}"
    best = quickest(turns["torch"]) / quickest(turns["train"])
    note = f"PyTorch {speeds}; best epochs {best:.2f} x"
    return Record(title, round(ratio, 2), "x", target, ratio >= target, COMMAND, note)


def peak_of(races: Sequence[dict[str, list[Turn]]]) -> tuple[float, Record]:
    """The best rate of all rounds of all races."""
    rates = {
        side: max((turn.value for turns in races for turn in turns.get(side, [])), default=0.0)
        for side in ("rate", "torch rate")
    }
    note = f"TensorFlow {rates['rate'] / 1e9:.0f}, PyTorch {rates['torch rate'] / 1e9 or float('nan'):.0f}"
    peak = max(rates.values())
    title = "Attainable rate of this machine, bfloat16 or float32"
    return peak, Record(title, round(peak / 1e9), "billion operations/s", command=COMMAND, note=note)


def features(quick: bool) -> list[Record]:
    """Seconds of a head on cached features, ours with everything that is built for it, beside logistic regression."""
    with ExitStack() as stack:
        sides = {name: _racer(stack, name) for name in ("head", "logistic")}
        turns = rounds(sides, 1 if quick else 5)
    title = "2,000 cached features of 1,280 numbers"
    found = []
    for side, words in (("head", "our head, network built, 60 epochs"), ("logistic", "scikit-learn's regression")):
        note = f"{turns[side][-1].value:.3f} of 600 others right; best {quickest(turns[side]):.2f} s"
        found.append(Record(f"{title}: {words}", round(median(turns[side]), 2), "s", command=COMMAND, note=note))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/peers.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures and rounds, nothing is written")
    parser.add_argument("only", nargs="*", choices=[[], *RACES], help="races; without any all of them, and features")
    typed = parser.parse_args(arguments)
    python, names = torch_python(), typed.only or list(RACES)
    if not python:
        print(f"PyTorch is NOT INSTALLED: its rows stay empty. {TORCH} may name an interpreter that has it.")
    raced = {name: race(name, python, typed.quick) for name in names}
    peak, rate = peak_of(list(raced.values()))
    records = [rate] if peak else []
    for name, turns in raced.items():
        count = RACES[name].pictures // 4 if typed.quick else RACES[name].pictures
        records += against_post(name, turns)
        if RACES[name].share:
            records += [share(name, count, turns, peak), against_torch(name, count, turns)]
    records += [] if typed.only else features(typed.quick)
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}", flush=True)
    if not typed.quick:
        write("peers", records, machine(), keep=bool(typed.only))
    return 0


if __name__ == "__main__":
    sys.exit(main())
