"""Groups of pictures that are copies of each other, and what a test set is worth. Pure functions on arrays."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Z_95, Z_80 = 1.959963984540054, 0.8416212335729143
DISCORDANT = 0.1  # share of pictures that only one of two runs gets right, where nothing better is known


def groups(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Connected pictures.

    Args:
        count: pictures, numbered from 0.
        pairs: numbers of two pictures that belong together.

    Returns:
        Groups of two or more in ascending order, inside and by their first number.
    """
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    members: dict[int, list[int]] = {}
    for place in range(count):
        members.setdefault(root(place), []).append(place)
    return [group for group in members.values() if len(group) > 1]


def equal_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (first, other) of places with the same name; "" is equal to nothing."""
    first: dict[str, int] = {}
    found = []
    for place, name in enumerate(names):
        if name and (known := first.setdefault(name, place)) != place:
            found.append((known, place))
    return found


def detectable(count: int, discordant: float = DISCORDANT) -> float | None:
    """The smallest difference of two runs on one test set that will be seen.

    The rule: McNemar's test at 5 % (two-sided) finds it with 80 % chance; ``discordant`` is the share of the pictures
    that exactly one of the runs gets right (Connor 1987: ``delta = (z95 sqrt(d) + z80 sqrt(d - delta^2)) / sqrt(n)``).

    Args:
        count: pictures of the test set.
        discordant: above 0, at most 1.

    Returns:
        A difference of accuracy, 0 to 1; None when the set is too small to show any.
    """
    if count <= 0:
        return None
    delta = 0.0
    for _step in range(60):  # the right side falls slowly with delta, so this settles within a few steps
        delta = (Z_95 * math.sqrt(discordant) + Z_80 * math.sqrt(max(discordant - delta**2, 0.0))) / math.sqrt(count)
    return delta if delta <= discordant else None


def torn_share(sizes: Mapping[int, int], folds: int) -> float:
    """The share of groups that a draw of single images into folds tears apart in the mean.

    A group of m images stays in one of k folds with the chance ``k^(1 - m)``; that the folds are level is left out.

    Args:
        sizes: number of groups by their size, 2 or more.
        folds: 2 or more.
    """
    groups = sum(sizes.values())
    torn = sum(count * (1 - float(folds) ** (1 - size)) for size, count in sizes.items())
    return torn / groups if groups else 0.0


def crossing(groups_of: NDArray[np.int64], parts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True for pictures whose group (-1: none) lies in more than one part, shape (n,)."""
    crossed = np.zeros(len(parts), dtype=np.bool_)
    inside = np.flatnonzero(groups_of >= 0)
    if len(inside):
        _names, place = np.unique(groups_of[inside], return_inverse=True)
        low = np.full(place.max() + 1, np.iinfo(np.int64).max)
        high = np.full(place.max() + 1, np.iinfo(np.int64).min)
        np.minimum.at(low, place, parts[inside])
        np.maximum.at(high, place, parts[inside])
        crossed[inside] = (low != high)[place]
    return crossed
