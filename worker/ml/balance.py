"""What is done for classes that have fewer pictures than the others."""

import math

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def class_weights(labels: Indices, classes: int) -> NDArray[np.float32]:
    """What a mistake on a picture of each class costs, so that all classes count alike.

    Args:
        labels: (n,) of the training pictures.
        classes: number of outputs.

    Returns:
        (classes,) float32; the mean over the pictures is 1, and a class without pictures has 1.
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 1.0).astype(np.float32)


def order(places: Indices, labels: Indices, rng: np.random.Generator, *, even: bool) -> Indices:
    """The order in which an epoch goes through ``places``.

    Args:
        places: (n,) of the training pictures.
        labels: of all pictures.
        rng: the same state gives the same order.
        even: as many pictures of each class; those of a small class come several times, those of a large one by turns.

    Returns:
        (n,) positions: a permutation of ``places``, or with ``even`` a draw from them.
    """
    if not even:
        return rng.permutation(places)
    present = np.unique(labels[places])
    quotas = np.full(len(present), len(places) // len(present))
    quotas[rng.permutation(len(present))[: len(places) % len(present)]] += 1
    drawn = [
        _repeated(places[labels[places] == label], quota, rng) for label, quota in zip(present, quotas, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def _repeated(places: Indices, count: int, rng: np.random.Generator) -> Indices:
    """``count`` of ``places``, each about as often as any other."""
    rounds = math.ceil(count / len(places))
    return np.concatenate([rng.permutation(places) for _ in range(rounds)])[:count]
