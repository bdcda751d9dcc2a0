"""What learning curves say: a verdict with the epoch it is about. Pure functions of the losses of each epoch.

The rules are stated in docs/inspecting.md and on the page; change both with them. Losses are cross-entropies. Curves
are smoothed by the median of three neighbours, which leaves single outliers out.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import numpy as np
from numpy.typing import NDArray

FEWEST = 5  # epochs below which nothing is said
RISE = 0.05  # by which the validation loss must have risen since its lowest point, as a share of it ...
NOISE = 3.0  # ... and so many times the noise of the curve
LATER = 3  # epochs after the lowest point, at least
FALL = 0.01  # by which a loss must fall in each epoch, as a share of it, to be called falling
JUMPY = 0.25  # mean size of a step up and down, as a share of the loss, that tells a rate that is too high
USELESS = 0.97  # a loss that never came below this part of chance: nothing was learned, or nothing of use elsewhere

Floats = NDArray[np.float64]


class Verdict(StrEnum):
    """What is said of curves, the most serious first."""

    DIVERGED = "diverged"  # a loss is not a number, or grew out of all bounds
    NOTHING = "nothing"  # no better than chance after all epochs
    RATE_HIGH = "rate_high"  # the training loss jumps up and down
    OVERFITS = "overfits"  # the validation loss rises while the training loss falls
    BY_HEART = "by_heart"  # the training loss fell, the validation loss never came below that of chance
    LEARNING = "learning"  # the loss still falls at the end
    FINE = "fine"
    SHORT = "short"  # too few epochs to say anything


SERIOUS = list(Verdict)


@dataclass(frozen=True)
class Curve:
    """The losses of one model by epoch, from epoch 1; ``validation`` may hold None or be empty."""

    train: Sequence[float]
    validation: Sequence[float | None]


@dataclass(frozen=True)
class Said:
    """A verdict; ``epoch`` is where over-fitting or divergence begins. ``models`` of ``of`` say so."""

    verdict: Verdict
    epoch: int | None = None
    models: int = 1
    of: int = 1


def judge(curve: Curve, classes: int) -> Said:
    """The verdict on one model."""
    train = np.array(curve.train, np.float64)
    known = [math.nan if value is None else value for value in curve.validation]
    validation = np.array(known, np.float64) if any(value is not None for value in curve.validation) else train[:0]
    broken = _diverged(train, classes)
    if broken is not None:
        return Said(Verdict.DIVERGED, broken)
    if len(train) < FEWEST:
        return Said(Verdict.SHORT)
    smooth = smoothed(train)
    useless = USELESS * math.log(max(classes, 2))
    if float(smooth[1:].min()) > useless:
        return Said(Verdict.NOTHING)
    if _jumps(train):
        return Said(Verdict.RATE_HIGH)
    judged = smoothed(validation) if len(validation) == len(train) and not np.isnan(validation).any() else None
    since = None if judged is None else _overfits(smooth, judged, validation)
    if since is not None:
        return Said(Verdict.OVERFITS, since)
    useful = judged is None or float(judged.min()) <= useless
    ending = Verdict.LEARNING if _falls(smooth if judged is None else judged) else Verdict.FINE
    return Said(ending if useful else Verdict.BY_HEART)


def together(curves: Mapping[int, Curve], classes: int) -> Said:
    """The verdict on the models of a run: what most of them say, of equally many the more serious one."""
    if not curves:
        return Said(Verdict.SHORT, of=0, models=0)
    found = [judge(curve, classes) for curve in curves.values()]
    counts = Counter(one.verdict for one in found)
    verdict = min(counts, key=lambda one: (-counts[one], SERIOUS.index(one)))
    epochs = [one.epoch for one in found if one.verdict is verdict and one.epoch is not None]
    return Said(verdict, round(median(epochs)) if epochs else None, counts[verdict], len(found))


def smoothed(values: Floats) -> Floats:
    """Medians of three neighbours; the first and the last value keep their place."""
    if len(values) < 3:
        return values
    middle = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], middle, values[-1:]])


def _diverged(train: Floats, classes: int) -> int | None:
    """The first epoch whose training loss is not a number or a hundred times that of chance."""
    bad = ~np.isfinite(train) | (train > 100 * math.log(max(classes, 2)))
    return int(np.flatnonzero(bad)[0]) + 1 if bad.any() else None


def _jumps(train: Floats) -> bool:
    """True when the training loss goes up about as often as down, by a large part of itself."""
    steps = np.diff(train[1:])
    ups = float((steps > 0).mean())
    size = float(np.median(np.abs(steps) / np.maximum(train[1:-1], 1e-9)))
    # Tiny losses jump by large parts of themselves without any harm.
    return ups >= 1 / 3 and size > JUMPY and float(np.median(train)) > 0.05


def _overfits(train: Floats, judged: Floats, raw: Floats) -> int | None:
    """The epoch after which the validation loss only got worse, or None."""
    lowest = int(judged.argmin())
    # The median may put a lowest point one epoch too early or too late.
    around = slice(max(lowest - 1, 0), lowest + 2)
    lowest = around.start + int(raw[around].argmin())
    if len(judged) - 1 - lowest < LATER:
        return None
    rise = float(np.mean(judged[-LATER:]) - judged[lowest])
    noise = float(np.median(np.abs(np.diff(raw)))) / math.sqrt(2)
    if rise <= max(RISE * float(judged[lowest]), NOISE * noise):
        return None
    return lowest + 2 if float(np.mean(train[-LATER:])) < float(train[lowest]) else None


def _falls(values: Floats) -> bool:
    """True when the last third of a curve falls by more than ``FALL`` of itself an epoch and ends at its lowest."""
    last = values[-max(len(values) // 3, 4) :]
    slope = float(np.polyfit(np.arange(len(last)), last, 1)[0])
    near_lowest = float(last[-1]) <= float(values.min()) * (1 + 2 * FALL)
    return near_lowest and slope < -FALL * float(np.mean(last))
