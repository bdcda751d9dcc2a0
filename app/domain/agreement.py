"""How far people, or models, agree with each other about classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def spread(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far models disagree about each picture: 0 when they say the same, 1 when each is sure of another class.

    The Jensen-Shannon divergence of their answers: entropy of the mean minus mean of the entropies, as a share of the
    most that so many models and classes can reach (Lin 1991; as a reason to label a picture: Houlsby et al. 2011).

    Args:
        probabilities: (models, pictures, classes), rows sum to 1.

    Returns:
        (pictures,)
    """
    models, pictures, classes = probabilities.shape
    if models < 2 or classes < 2:
        return np.zeros(pictures, dtype=np.float32)
    values = probabilities.astype(np.float64)
    apart = _entropy(values.mean(axis=0)) - _entropy(values).mean(axis=0)
    return np.asarray(np.clip(apart / np.log(min(models, classes)), 0, 1), dtype=np.float32)


def _entropy(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-(values * np.log(np.clip(values, 1e-12, 1))).sum(axis=-1))


def cohen(one: Sequence[int], other: Sequence[int], classes: int) -> float | None:
    """Cohen's kappa of two people who labelled the same pictures: 1 for agreement, 0 for what chance would give.

    Args:
        one: for each picture the class (0 to ``classes`` - 1) that the first one gave.
        other: as ``one``, of the second.
        classes: how many there are.

    Returns:
        None where there is nothing to compare, or both gave one and the same class to everything.
    """
    table = np.zeros((classes, classes))
    np.add.at(table, (np.asarray(one, dtype=int), np.asarray(other, dtype=int)), 1)
    total = table.sum()
    if not total:
        return None
    observed = np.trace(table) / total
    expected = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return None if expected >= 1 else float((observed - expected) / (1 - expected))


def fleiss(votes: NDArray[np.int64]) -> float | None:
    """Fleiss' kappa of any number of people, the same for each picture.

    Args:
        votes: (pictures, classes), how many people gave each class.

    Returns:
        None where fewer than two people looked, or all votes are for one class.

    Raises:
        ValueError: not every picture has the same number of votes.
    """
    counts = votes.sum(axis=1)
    if not len(votes) or counts[0] < 2:
        return None
    if (counts != counts[0]).any():
        raise ValueError("every picture needs the same number of votes")
    people = float(counts[0])
    shares = votes.sum(axis=0) / votes.sum()
    expected = float((shares**2).sum())
    observed = float((((votes**2).sum(axis=1) - people) / (people * (people - 1))).mean())
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def pairs(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often two people who looked at the same picture gave each two classes, (classes, classes), symmetric.

    The diagonal counts pairs of people who agree. ``votes``: (pictures, classes); the number of people may differ.
    """
    found = votes.T @ votes
    found[np.diag_indices_from(found)] = (votes * (votes - 1) // 2).sum(axis=0)
    return found
