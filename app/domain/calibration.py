"""How far probabilities can be believed, what a temperature makes of them, and what answers of some sureness are worth.

``labels`` and ``predicted``: (n,) positions of classes; ``probabilities``: (n, classes); ``confidence``: (n,), the
probability of each answer; ``right``: (n,) whether the answer is the label.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import LEAST, Interval, Ints, wilson

BINS = 10
STEPS = 100  # thresholds of the slider: 0, 0.01 ... 1
COLDEST, HOTTEST = 0.05, 20.0  # temperatures
MOST_VALUES = 500_000  # probabilities that a temperature is fitted to
_STEPS_AT_MOST = 60

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies in [low, high), in the last bin up to 1."""

    low: float
    high: float
    count: int
    confidence: float  # their mean
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Threshold:
    """What is left when answers below ``at`` are "unknown"."""

    at: float
    answered: int
    right: int
    total: int

    @property
    def wrong(self) -> int:
        """Answers that are given and wrong."""
        return self.answered - self.right

    @property
    def unknown(self) -> int:
        """Images without an answer."""
        return self.total - self.answered

    @property
    def accuracy(self) -> float | None:
        """Share of right ones among the answers that are given."""
        return self.right / self.answered if self.answered else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's interval of ``accuracy``."""
        return wilson(self.right, self.answered)


def bins(confidence: Floats, right: Bools, count: int = BINS) -> list[Bin]:
    """The reliability diagram: bins of equal width, empty ones left out."""
    place = np.minimum((confidence.astype(np.float64) * count).astype(np.int64), count - 1)
    numbers = np.bincount(place, minlength=count)
    sure = np.bincount(place, weights=confidence, minlength=count)
    hits = np.bincount(place, weights=right, minlength=count)
    found = []
    for at in np.flatnonzero(numbers).tolist():
        total, correct = int(numbers[at]), int(hits[at])
        limits = wilson(correct, total)
        if limits is not None:
            found.append(Bin(at / count, (at + 1) / count, total, float(sure[at] / total), correct / total, limits))
    return found


def ece(found: list[Bin]) -> float | None:
    """Expected calibration error: mean distance of confidence and accuracy over the bins, weighted by their images."""
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in found) / total if total else None


def softened(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Probabilities with the temperature: above 1 less sure, below 1 surer. The order of the classes stays.

    The same as dividing the values before the softmax by it.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scaled: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def at_limit(temperature: float) -> bool:
    """True when ``temperature`` is as far as was looked: the fit gets better and better towards there."""
    return not 1.01 * COLDEST < temperature < 0.99 * HOTTEST


def temperature(probabilities: Floats, labels: Ints) -> float | None:
    """The temperature that makes the labels likeliest (Guo and others, 2017); None without images.

    The loss is convex in 1 / temperature: Newton's steps, kept between two values of different slope. Between 0.05 and
    20: where all answers are right there is no lowest point, and surer is always likelier. Of very many images with
    very many classes a drawn part decides.
    """
    if not len(labels):
        return None
    rows = max(MOST_VALUES // probabilities.shape[1], 1000)
    if len(labels) > rows:
        drawn = np.random.default_rng(0).choice(len(labels), rows, replace=False)
        probabilities, labels = probabilities[drawn], labels[drawn]
    logits = np.log(np.maximum(probabilities.astype(np.float64), LEAST))
    logits -= logits.max(axis=1, keepdims=True)
    own = float(logits[np.arange(len(labels)), labels].mean())
    low, high = 1 / HOTTEST, 1 / COLDEST
    scale = 1.0
    for _ in range(_STEPS_AT_MOST):
        slope, bend = _slope(logits, own, scale)
        low, high = (low, scale) if slope > 0 else (scale, high)
        step = scale - slope / bend if bend > 0 else low
        before, scale = scale, step if low < step < high else (low + high) / 2
        if abs(scale - before) < 1e-9 * scale:
            break
    return 1 / scale


def _slope(logits: NDArray[np.float64], own: float, scale: float) -> tuple[float, float]:
    """First and second derivative of the mean loss by the scale of the logits."""
    weights = np.exp(logits * scale)
    weights /= weights.sum(axis=1, keepdims=True)
    mean = (weights * logits).sum(axis=1)
    square = (weights * logits * logits).sum(axis=1)
    return float(mean.mean()) - own, float((square - mean * mean).mean())


def thresholds(confidence: Floats, right: Bools, steps: int = STEPS) -> list[Threshold]:
    """What is left at each of ``steps`` + 1 thresholds from 0 to 1."""
    order = np.argsort(confidence, kind="stable")
    ranked = confidence[order].astype(np.float64)
    hits = np.concatenate([[0], np.cumsum(right[order])])
    total, correct = len(ranked), int(hits[-1])
    found = []
    for step in range(steps + 1):
        below = int(np.searchsorted(ranked, step / steps, "left"))
        found.append(Threshold(step / steps, total - below, correct - int(hits[below]), total))
    return found


def first_reaching(found: list[Threshold], accuracy: float) -> Threshold | None:
    """The lowest threshold from which on the answers given are right so often; None where none is."""
    good = [one.accuracy is not None and one.accuracy >= accuracy for one in found]
    reaching = None
    for one, fits in zip(reversed(found), reversed(good), strict=True):
        if one.answered and not fits:
            break
        reaching = one if one.answered else reaching
    return reaching
