"""A small classifier on features: multinomial logistic regression, judged by cross-validation and calibrated by it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
STRETCH = 10.0  # of features of length 1; with the penalty chosen on cats and dogs, blood cells and monkeys
PENALTY = 1e-2  # of the squared weights, for each picture
STEPS, MEMORY, CLOSE = 80, 8, 1e-3
TEMPERATURES = np.geomspace(0.25, 8.0, 41)

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Head:
    """``weights`` (width + 1, classes); the last row stands for a constant 1.

    ``right`` of ``total`` labelled pictures were told rightly by a head that had not seen them. Their answers also gave
    the temperature that brings the probabilities to what is true.
    """

    weights: Floats
    temperature: float
    right: int
    total: int

    def probabilities(self, features: Floats) -> Floats:
        """Of (n, width) features: (n, classes)."""
        return softmax(_ready(features) @ self.weights / np.float32(self.temperature))


def fit(features: Floats, labels: Labels, classes: int, *, seed: int = 0) -> Head:
    """Fit on (n, width) features of about length 1 with labels 0 to ``classes`` - 1; every class should occur."""
    ready = _ready(features)
    logits = _unseen(ready, labels, classes, seed)
    right = int((logits.argmax(axis=1) == labels).sum())
    return Head(solve(ready, labels, classes), _temperature(logits, labels), right, len(labels))


def out_of_fold(features: Floats, labels: Labels, classes: int, *, seed: int = 0) -> Floats:
    """Calibrated probabilities (n, classes) of each picture from a head that had not seen it."""
    logits = _unseen(_ready(features), labels, classes, seed)
    return softmax(logits / np.float32(_temperature(logits, labels)))


def weights(features: Floats, labels: Labels, classes: int) -> Floats:
    """The weights (width + 1, classes) alone, fitted without a judgement or a temperature."""
    return solve(_ready(features), labels, classes)


def logits(features: Floats, fitted: Floats) -> Floats:
    """What ``weights`` say of features (n, width), before the softmax: (n, classes)."""
    found: Floats = _ready(features) @ fitted
    return found


def _unseen(ready: Floats, labels: Labels, classes: int, seed: int) -> Floats:
    folds = shares(labels, FOLDS, seed)
    logits = np.zeros((len(labels), classes), dtype=np.float32)
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            logits[held] = ready[held] @ solve(ready[~held], labels[~held], classes)
    return logits


def shares(labels: Labels, folds: int, seed: int) -> Labels:
    """The fold of each picture, so that each class is spread evenly."""
    rng = np.random.default_rng(seed)
    found = np.empty(len(labels), dtype=np.int64)
    offset = 0
    for label in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == label))
        found[places] = (np.arange(len(places)) + offset) % folds
        offset += len(places)
    return found


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def solve(rows: Floats, labels: Labels, classes: int) -> Floats:
    """The weights (width, classes) of least loss, by L-BFGS (Nocedal 1980); the last has no penalty."""
    truth = np.zeros((len(labels), classes), dtype=np.float32)
    truth[np.arange(len(labels)), labels] = 1
    weights = np.zeros((rows.shape[1], classes), dtype=np.float32)
    loss, slope = _loss(rows, truth, weights)
    past: list[tuple[Floats, Floats]] = []
    for _ in range(STEPS):
        if np.abs(slope).max() < CLOSE:
            break
        direction = _direction(slope, past)
        if float((direction * slope).sum()) >= 0:  # rounding has spoiled the memory
            direction, past = -slope, []
        moved, new_loss, new_slope = _walk(rows, truth, weights, direction, loss, slope)
        past = [*past[-MEMORY + 1 :], (moved - weights, new_slope - slope)]
        if loss - new_loss < 1e-7 * max(loss, 1e-3):
            return moved
        weights, loss, slope = moved, new_loss, new_slope
    return weights


def _loss(rows: Floats, truth: Floats, weights: Floats) -> tuple[float, Floats]:
    said = softmax(rows @ weights)
    told = np.maximum(np.einsum("ij,ij->i", said, truth), 1e-30)
    held = weights.copy()
    held[-1] = 0
    loss = -float(np.log(told).mean()) + PENALTY / 2 * float((held * held).sum())
    return loss, rows.T @ (said - truth) / np.float32(len(rows)) + np.float32(PENALTY) * held


def _direction(slope: Floats, past: list[tuple[Floats, Floats]]) -> Floats:
    """Two loops over the last steps and their changes of slope."""
    rest, factors = slope.copy(), []
    for step, change in reversed(past):
        inverse = 1 / max(float((step * change).sum()), 1e-12)
        factor = inverse * float((step * rest).sum())
        factors.append((factor, inverse))
        rest -= np.float32(factor) * change
    if past:
        step, change = past[-1]
        rest *= np.float32(float((step * change).sum()) / max(float((change * change).sum()), 1e-12))
    for (step, change), (factor, inverse) in zip(past, reversed(factors), strict=True):
        rest += np.float32(factor - inverse * float((change * rest).sum())) * step
    return -rest


def _walk(
    rows: Floats, truth: Floats, weights: Floats, direction: Floats, loss: float, slope: Floats
) -> tuple[Floats, float, Floats]:
    """As far in a direction as lowers the loss enough (Armijo)."""
    fall, length = float((direction * slope).sum()), 1.0
    for _ in range(20):
        moved = weights + np.float32(length) * direction
        new_loss, new_slope = _loss(rows, truth, moved)
        if new_loss <= loss + 1e-4 * length * fall:
            break
        length /= 2
    return moved, new_loss, new_slope


def _temperature(logits: Floats, labels: Labels) -> float:
    """The one at which pictures the head had not seen get the likeliest probabilities (Guo and others 2017)."""
    told = [softmax(logits / np.float32(one))[np.arange(len(labels)), labels] for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmax([np.log(np.maximum(one, 1e-12)).mean() for one in told]))])


def _ready(features: Floats) -> Floats:
    return np.concatenate(
        [features * np.float32(STRETCH), np.ones((len(features), 1), dtype=np.float32)], axis=1, dtype=np.float32
    )
