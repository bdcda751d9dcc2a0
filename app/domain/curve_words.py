"""What learning curves say: a verdict with the epoch it is about. Pure functions of the losses of each epoch.

The rules are stated in docs/inspecting.md and on the page; change both with them. Losses are cross-entropies. Curves
are smoothed by the median of three neighbours, which leaves single outliers out. To guess is to give the shares of the
classes for every picture, which is less wrong the less even they are; its answer is always the largest class.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import wilson

FEWEST = 5  # epochs below which nothing is said
RISE = 0.05  # by which the validation loss must have risen since its lowest point, as a share of it ...
NOISE = 3.0  # ... and so many times the noise of the curve
LATER = 3  # epochs after the lowest point, at least
FALL = 0.01  # by which a loss must fall in each epoch, as a share of it, to be called falling
JUMPY = 0.25  # mean size of a step up and down, as a share of the loss, that tells a rate that is too high
USELESS = 0.97  # a loss that never came below this part of guessing: nothing was learned, or nothing of use elsewhere

Floats = NDArray[np.float64]


class Verdict(StrEnum):
    """What is said of curves, the most serious first."""

    DIVERGED = "diverged"  # a loss is not a number, or grew out of all bounds
    NOTHING = "nothing"  # no better than guessing after all epochs
    RATE_HIGH = "rate_high"  # the training loss jumps up and down
    OVERFITS = "overfits"  # the validation loss rises while the training loss falls
    BY_HEART = "by_heart"  # the training loss fell, the validation loss stayed that of guessing, and so the accuracy
    LEARNING = "learning"  # the loss still falls at the end
    FINE = "fine"
    SHORT = "short"  # too few epochs to say anything


SERIOUS = list(Verdict)


@dataclass(frozen=True)
class Curve:
    """The losses of one model by epoch, from epoch 1; ``validation`` may hold None or be empty."""

    train: Sequence[float]
    validation: Sequence[float | None]
    accuracy: Sequence[float | None] = ()  # of the validation


@dataclass(frozen=True)
class Blind:
    """What is reached without a look at the pictures.

    Attributes:
        classes: how many there are.
        train, validation: the losses of always giving the shares of the classes.
        accuracy: of always saying the largest class.
        images: that one model is validated with.
    """

    classes: int
    train: float
    validation: float
    accuracy: float
    images: int

    def beaten_by(self, accuracy: float) -> bool:
        """True when an accuracy on these images is proven to be above that of the largest class."""
        interval = wilson(round(accuracy * self.images), self.images)
        return interval is not None and interval.low > self.accuracy


def blind(counts: Sequence[int], images: int, *, balanced: bool = False) -> Blind:
    """Of images with so many of each class; ``balanced``: a training shows the classes equally often."""
    classes = max(len(counts), 2)
    shares = [count / sum(counts) for count in counts if count]
    even = math.log(classes)
    loss = -sum(share * math.log(share) for share in shares) or even
    return Blind(classes, even if balanced else loss, loss, max(shares, default=1 / classes), images)


@dataclass(frozen=True)
class Said:
    """A verdict; ``epoch`` is where over-fitting or divergence begins. ``models`` of ``of`` say so."""

    verdict: Verdict
    epoch: int | None = None
    models: int = 1
    of: int = 1


def judge(curve: Curve, guess: Blind) -> Said:
    """The verdict on one model."""
    train = np.array(curve.train, np.float64)
    validation = _complete(curve.validation, len(train))
    broken = _diverged(train, guess.classes)
    if broken is not None:
        return Said(Verdict.DIVERGED, broken)
    if len(train) < FEWEST:
        return Said(Verdict.SHORT)
    smooth = smoothed(train)
    judged = None if validation is None else smoothed(validation)
    useful = judged is not None and _useful(judged, _complete(curve.accuracy, len(train)), guess)
    if float(smooth[1:].min()) > USELESS * guess.train and not useful:
        return Said(Verdict.NOTHING)
    if _jumps(train):
        return Said(Verdict.RATE_HIGH)
    since = None if judged is None or validation is None else _overfits(smooth, judged, validation)
    if since is not None:
        return Said(Verdict.OVERFITS, since)
    ending = Verdict.LEARNING if _falls(smooth if judged is None else judged) else Verdict.FINE
    return Said(ending if useful or judged is None else Verdict.BY_HEART)


def _complete(values: Sequence[float | None], epochs: int) -> Floats | None:
    """The values of all epochs; None where one is missing."""
    if len(values) != epochs or any(value is None or math.isnan(value) for value in values):
        return None
    return np.array(values, np.float64)


def _useful(judged: Floats, accuracy: Floats | None, guess: Blind) -> bool:
    """True when the answers for other pictures are better than those without a look at them.

    A model that is too sure of itself can be right more often than the largest class, with a loss above that of
    guessing.
    """
    by_loss = float(judged.min()) <= USELESS * guess.validation
    return by_loss or (accuracy is not None and guess.beaten_by(float(smoothed(accuracy).max())))


def together(curves: Mapping[int, Curve], guess: Blind) -> Said:
    """The verdict on the models of a run: what most of them say, of equally many the more serious one."""
    if not curves:
        return Said(Verdict.SHORT, of=0, models=0)
    found = [judge(curve, guess) for curve in curves.values()]
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
    """The first epoch whose training loss is not a number or a hundred times that of an even guess."""
    bad = ~np.isfinite(train) | (train > 100 * math.log(classes))
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
