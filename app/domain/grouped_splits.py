"""Sharing images out in groups that stay whole: as level as the groups allow. See ``splits``, which calls this.

Groups of two or more are placed first, the large ones before the small ones; single images then fill what is missing,
so that strata are level whenever there are enough of them.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Shares:
    """Groups of two or more with their members by stratum, and the single images of each stratum."""

    def __init__(self, strata: Ints, groups: Ints, generator: np.random.Generator) -> None:
        """Args:
        strata: stratum of each image, from 0, shape (n,).
        groups: group of each image, shape (n,).
        """
        _names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        self.count = int(strata.max()) + 1 if len(strata) else 0
        alone = sizes[place] == 1
        shuffled = generator.permutation(len(strata))
        self.singles = [shuffled[alone[shuffled] & (strata[shuffled] == value)] for value in range(self.count)]
        inside = np.flatnonzero(~alone)
        inside = inside[np.argsort(place[inside], kind="stable")]
        starts = np.flatnonzero(np.diff(place[inside], prepend=-1))
        members = np.split(inside, starts[1:]) if len(inside) else []
        order = generator.permutation(len(members))
        largest = order[np.argsort([-len(members[index]) for index in order], kind="stable")] if len(order) else order
        self.members = [members[index] for index in largest.tolist()]
        self.tables = [np.bincount(strata[group], minlength=self.count) for group in self.members]


def folds(strata: Ints, groups: Ints, k: int, generator: np.random.Generator) -> Ints:
    """The fold of each image, shape (n,); all images of a group are in one."""
    sizes = np.bincount(strata)
    return dealt(strata, groups, np.zeros((k, len(sizes)), dtype=np.int64), sizes, generator)


def dealt(strata: Ints, groups: Ints, table: Ints, sizes: Ints, generator: np.random.Generator) -> Ints:
    """The fold of each image, shape (n,), where the folds have some already.

    Args:
        strata, groups: of the images that have no fold yet.
        table: images of each fold and stratum, shape (folds, strata); these are counted up.
        sizes: images of each stratum, all together.
    """
    shares, k = Shares(strata, groups, generator), len(table)
    found = np.empty(len(strata), dtype=np.int64)
    for group in shares.members:
        counts = np.bincount(strata[group], minlength=len(sizes))
        crowding = (table * (counts / np.maximum(sizes, 1))).sum(axis=1)
        fold = int(np.lexsort((table.sum(axis=1), crowding))[0])
        found[group] = fold
        table[fold] += counts
    for value, singles in enumerate(shares.singles):
        given = _levelled(table[:, value], table.sum(axis=1), len(singles))
        found[singles] = np.repeat(np.arange(k), given)
        table[:, value] += given
    return found


def _levelled(counts: Ints, totals: Ints, more: int) -> Ints:
    """How many of ``more`` each fold gets so that ``counts`` become level; what is left goes to the smallest folds."""
    level = int(counts.min())
    while np.maximum(level + 1 - counts, 0).sum() <= more:
        # Folds below the level share the rest: the next level is at least so much higher.
        spare = more - int(np.maximum(level - counts, 0).sum())
        level += max(spare // len(counts), 1)
    given = np.maximum(level - counts, 0)
    lowest = np.flatnonzero(counts + given == level)
    lowest = lowest[np.argsort(totals[lowest] + given[lowest], kind="stable")]
    given[lowest[: more - int(given.sum())]] += 1
    return given


def held(strata: Ints, groups: Ints, wanted: Ints, generator: np.random.Generator) -> NDArray[np.bool_]:
    """True for the images to set aside, shape (n,); all images of a group are on one side.

    Args:
        wanted: how many of each stratum, shape (strata,); fewer than there are.
    """
    shares = Shares(strata, groups, generator)
    sizes = np.bincount(strata, minlength=shares.count)
    mask = np.zeros(len(strata), dtype=np.bool_)
    taken = np.zeros(shares.count, dtype=np.int64)
    if shares.members:
        grouped = np.sum(shares.tables, axis=0)
        target = grouped * wanted / np.maximum(sizes, 1)  # groups give their share, so that both sides have some
        order = generator.permutation(len(shares.members))
        for index in order.tolist():
            after = taken + shares.tables[index]
            if (after < sizes)[shares.tables[index] > 0].all() and _nearer(after, taken, target):
                taken = after
                mask[shares.members[index]] = True
    taken = _fill_empty(taken, wanted, sizes, shares, mask)
    for value, singles in enumerate(shares.singles):
        mask[singles[: max(int(wanted[value] - taken[value]), 0)]] = True
    return mask


def _nearer(after: Ints, before: Ints, target: NDArray[np.float64]) -> bool:
    return float(np.abs(after - target).sum()) < float(np.abs(before - target).sum())


def _fill_empty(taken: Ints, wanted: Ints, sizes: Ints, shares: Shares, mask: NDArray[np.bool_]) -> Ints:
    """Give a stratum without single images of which nothing is set aside its smallest group.

    Only where that leaves something of every stratum. Returns how many of each are set aside then.
    """
    for value in range(len(wanted)):
        if taken[value] or not wanted[value] or len(shares.singles[value]):
            continue
        for index in reversed(range(len(shares.members))):  # the smallest one first
            counts = shares.tables[index]
            if counts[value] and ((taken + counts) < sizes)[counts > 0].all():
                mask[shares.members[index]] = True
                taken = taken + counts
                break
    return taken
