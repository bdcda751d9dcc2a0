"""Sharing images out once more: those that had a place keep it, so that what comes of it can be compared.

A picture that was taken out, or a class that was corrected, changes nothing for the others. Only what is missing is
filled up: with images that had no place before, and where these are too few with some that were learned from. Images
of a group are never torn apart; where a group that did not exist then had several places, it goes where most of it was.
"""

import numpy as np
from numpy.typing import NDArray

from app.domain import grouped_splits

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
NEW = -1  # the place of an image that had none
LEARNED, HELD = 0, 1  # the places of a hold-out


def holdout(strata: Ints, wanted: Ints, before: Ints, groups: Ints, generator: np.random.Generator) -> Mask | None:
    """True for the images to set aside; None where nothing would check a stratum of which some are wanted.

    A stratum of which more than is wanted, and more than half, would be set aside gives some back.

    Args:
        strata: stratum of each image, from 0, shape (n,).
        wanted: how many of each stratum, shape (strata,); fewer than there are.
        before: ``LEARNED``, ``HELD`` or ``NEW``, shape (n,).
        groups: group of each image, shape (n,).
    """
    places = _whole(before, groups)
    mask = places == HELD
    sizes = np.bincount(strata, minlength=len(wanted))
    most = np.maximum(wanted, sizes // 2)
    surplus = np.bincount(strata[mask], minlength=len(wanted)) - most
    _turn(mask, np.flatnonzero(mask), (strata, groups), surplus, generator)
    missing = wanted - np.bincount(strata[mask], minlength=len(wanted))
    for place in (NEW, LEARNED):
        missing = _turn(mask, np.flatnonzero((places == place) & ~mask), (strata, groups), missing, generator)
    return mask if np.bincount(strata[mask], minlength=len(wanted))[wanted > 0].all() else None


def folds(strata: Ints, before: Ints, groups: Ints, k: int, generator: np.random.Generator) -> Ints | None:
    """The fold of each image, shape (n,); None where a fold would have less than half of its part or all of a stratum.

    Args:
        strata, before, groups: as for ``holdout``; the place of an image is its fold.
    """
    found = _whole(before, groups)
    found[found >= k] = NEW
    new = np.flatnonzero(found == NEW)
    count = int(strata.max()) + 1
    table = np.zeros((k, count), np.int64)
    np.add.at(table, (np.delete(found, new), np.delete(strata, new)), 1)
    found[new] = grouped_splits.dealt(strata[new], groups[new], table, np.bincount(strata), generator)
    fewest = int(np.bincount(found, minlength=k).min())
    return found if 2 * k * fewest >= len(strata) and not _lumped(strata, found, groups) else None


def _lumped(strata: Ints, places: Ints, groups: Ints) -> bool:
    """True where all of a stratum has one place although its groups could be apart: nobody would learn it."""
    parts = [strata == value for value in np.unique(strata)]
    return any(len(np.unique(places[part])) == 1 and len(np.unique(groups[part])) > 1 for part in parts)


def _whole(before: Ints, groups: Ints) -> Ints:
    """The place of each image, that of most of its group; of several as many the first."""
    _names, group = np.unique(groups, return_inverse=True)
    votes = np.zeros((int(group.max(initial=-1)) + 1, int(before.max(initial=0)) + 1), np.int64)
    known = before != NEW
    np.add.at(votes, (group[known], before[known]), 1)
    places = np.where(votes.any(axis=1), votes.argmax(axis=1), NEW)
    found: Ints = places[group]
    return found


def _turn(mask: Mask, some: Ints, shared: tuple[Ints, Ints], wanted: Ints, generator: np.random.Generator) -> Ints:
    """Turn as many of ``some`` images over in ``mask`` as are wanted of each stratum; how many are wanted still.

    Groups are turned over whole where all of it is wanted; the last image of a stratum on a side stays there.
    """
    strata, groups = shared
    wanted = wanted.copy()
    if not len(some) or not (wanted > 0).any():
        return wanted
    side = mask[some[0]]
    left = np.bincount(strata[mask == side], minlength=len(wanted)) - 1
    shares = grouped_splits.Shares(strata[some], groups[some], generator)
    for group in shares.members:
        counts = np.bincount(strata[some[group]], minlength=len(wanted))
        mine = counts > 0  # of other strata there may be too many already
        if (counts[mine] <= np.minimum(wanted, left)[mine]).all():
            mask[some[group]] = not side
            wanted, left = wanted - counts, left - counts
    for value, singles in enumerate(shares.singles):
        taken = some[singles[: max(int(min(wanted[value], left[value])), 0)]]
        mask[taken] = not side
        wanted[value] -= len(taken)
    return wanted
