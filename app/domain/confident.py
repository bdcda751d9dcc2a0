"""Labels that are probably wrong, from probabilities of models that had not seen the image (confident learning).

Source: C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty in dataset labels", Journal
of Artificial Intelligence Research 70 (2021). The threshold of a class is the mean probability of that class over the
images labelled so; an image counts as truly of a class when its probability reaches the threshold. Written anew; equal
to cleanlab's counts and to its choice (see tests/inspect/test_confident.py).

``labels``: (n,) positions of classes; ``probabilities``: (n, classes). A class without a label has no threshold, and
nothing is suspected to be of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import Ints

Floats = NDArray[np.floating]
_EDGE = 1e-6  # a probability this far below its threshold still reaches it


@dataclass(frozen=True)
class Noise:
    """Labels of ``given`` that are truly of ``true``: how many there probably are, and their part of ``given``."""

    given: int
    true: int
    images: float
    share: float


@dataclass(frozen=True)
class Suspicions:
    """What is suspected of some labels.

    Attributes:
        places: of the suspected labels, the most suspect first.
        suggested: for each of them the class that it probably is of.
        trust: for each of them the probability of the label that it has.
        joint: (classes, classes), estimated numbers: row = label, column = true class; the rows sum up to the labels.
    """

    places: NDArray[np.int64]
    suggested: NDArray[np.int64]
    trust: NDArray[np.float64]
    joint: NDArray[np.float64]

    @property
    def noise(self) -> list[Noise]:
        """Pairs of classes by the number of labels that are probably wrong, the largest first."""
        totals = self.joint.sum(axis=1)
        pairs = np.argwhere(self.joint > 0)
        found = [
            Noise(given, true, float(self.joint[given, true]), float(self.joint[given, true] / totals[given]))
            for given, true in pairs.tolist()
            if given != true
        ]
        return sorted(found, key=lambda one: (-one.images, one.given, one.true))

    @property
    def share(self) -> float:
        """Estimated part of all labels that is wrong."""
        total = float(self.joint.sum())
        return 1 - float(np.trace(self.joint)) / total if total else 0.0


def thresholds(labels: Ints, probabilities: Floats) -> NDArray[np.float64]:
    """For each class the mean probability of that class over the images labelled so; infinite without any."""
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_classes(labels: Ints, probabilities: Floats) -> NDArray[np.int64]:
    """For each image the class that it confidently is of, or -1.

    That is the class whose threshold is reached, and of several the most probable class of all.
    """
    limits = thresholds(labels, probabilities) - _EDGE
    best: NDArray[np.int64] = probabilities.argmax(axis=1).astype(np.int64)
    short = np.flatnonzero(probabilities[np.arange(len(best)), best] < limits[best])
    # Only where the most probable class does not reach its threshold the others have to be looked at.
    reached = probabilities[short] >= limits
    count = reached.sum(axis=1)
    best[short[count == 0]] = -1
    best[short[count == 1]] = reached[count == 1].argmax(axis=1)
    return best


def joint(labels: Ints, probabilities: Floats) -> NDArray[np.float64]:
    """Estimated numbers of images by label (row) and true class (column), calibrated so that each row has its labels.

    A class of which nothing is confident keeps its labels: nothing is known against them.
    """
    classes = probabilities.shape[1]
    confident = confident_classes(labels, probabilities)
    sure = confident >= 0
    flat = labels[sure].astype(np.int64) * classes + confident[sure]
    counts = np.bincount(flat, minlength=classes * classes).reshape(classes, classes).astype(np.float64)
    given = np.bincount(labels, minlength=classes).astype(np.float64)
    silent = counts.sum(axis=1) == 0
    counts[silent, silent] = given[silent]
    scale = np.divide(given, counts.sum(axis=1), out=np.zeros(classes), where=counts.sum(axis=1) > 0)
    calibrated: NDArray[np.float64] = counts * scale[:, None]
    return calibrated


def suspicions(labels: Ints, probabilities: Floats) -> Suspicions:
    """Labels that are probably wrong, the least probable label first.

    Of the images with one label, as many are suspected to be of each other class as ``joint`` estimates: those whose
    probability of that class lies most above that of their label. Nothing is suspected that the models call by its
    label.
    """
    found = joint(labels, probabilities)
    counts = _rounded(found)
    suspected = np.zeros(len(labels), bool)
    for given in range(len(counts)):
        mine = np.flatnonzero(labels == given)
        if len(mine) < 2:
            continue  # a class must keep an image
        rows = probabilities[mine]
        for true in np.flatnonzero(counts[given]).tolist():
            if true != given:
                margins = rows[:, true] - rows[:, given]
                suspected[mine[np.argsort(-margins, kind="stable")[: counts[given, true]]]] = True
    suspected &= probabilities.argmax(axis=1) != labels
    places = np.flatnonzero(suspected)
    trust = probabilities[places, labels[places]].astype(np.float64)
    order = np.argsort(trust, kind="stable")
    places = places[order]
    return Suspicions(places, probabilities[places].argmax(axis=1).astype(np.int64), trust[order], found)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers with the same sum in each row: what is missing or over goes where rounding moved most."""
    whole = np.round(values).astype(np.int64)
    for row, exact in zip(whole, values, strict=True):
        missing = round(float(exact.sum())) - int(row.sum())
        moved = np.argsort(exact - row)
        row[moved[::-1][:missing] if missing > 0 else moved[:-missing]] += np.sign(missing)
    return whole
