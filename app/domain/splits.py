"""Sharing images out: the pinned test set, the validation part of a hold-out run, and K folds.

Each draw takes the group of every image, if there are any: images of a group are never torn apart. Where no two images
have a group in common the result is the same as without.

Pure NumPy. The result depends only on the order of ``labels`` (images by id), the seed and the other arguments, and
stays the same between versions: the generators used here are ones whose streams NumPy has frozen or versions by name.
"""

from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from app.domain import grouped_splits, kept_places
from app.domain.errors import Invalid

Labels = NDArray[np.int64]
_HOLDOUT, _FOLDS, _SURPLUS, _KEPT = 1, 2, 3, 4  # so that one seed does not draw the same order for two purposes


def _generator(seed: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose])))


def holdout_sizes(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many images of each class a stratified hold-out sets aside.

    Each class gives its share rounded down or up, so that the sum is the share of all images; a class of two or more
    images gives at least one and keeps at least one, a class of a single image keeps it.

    Args:
        counts: images of each class, shape (classes,).
        share: part to set aside, above 0 and below 1.

    Returns:
        Sizes, shape (classes,); each differs from ``share * counts`` by less than 1.
    """
    exact = counts * share
    sizes = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(sizes.sum())
    rest = exact - sizes
    order = np.argsort(-rest, kind="stable")
    sizes[order[: max(missing, 0)]] += rest[order[: max(missing, 0)]] > 0
    smallest = np.minimum(1, counts - 1).clip(min=0)
    clipped: NDArray[np.int64] = np.clip(sizes, smallest, (counts - 1).clip(min=0))
    return clipped


def _torn(groups: Labels | None) -> TypeGuard[Labels]:
    """True where a draw of single images could tear a group apart."""
    return groups is not None and len(np.unique(groups)) < len(groups)


def holdout(
    labels: Labels, share: float, seed: int, stratified: bool = True, groups: Labels | None = None
) -> NDArray[np.bool_]:
    """Draw the images to set aside, as a validation part or as a test set.

    Args:
        labels: class of each image, shape (n,).
        share: part to set aside, above 0 and below 1.
        seed: 0 or more.
        stratified: the same share of every class (``holdout_sizes``); otherwise of all images together.
        groups: group of each image, shape (n,). The sizes are then met as well as the groups allow: exactly, where
            there are enough images without a group.

    Returns:
        True for the images set aside, shape (n,).

    Raises:
        Invalid: ``split_share`` for a share that is not inside 0 to 1, ``split_too_few`` for fewer than two images.
    """
    if not 0 < share < 1:
        raise Invalid("split_share", value=share)
    if len(labels) < 2:
        raise Invalid("split_too_few", count=len(labels), needed=2)
    if stratified:
        classes, counts = np.unique(labels, return_counts=True)
        return _pick(labels, classes, holdout_sizes(counts, share), seed, groups)
    size = min(max(round(share * len(labels)), 1), len(labels) - 1)
    if _torn(groups):
        return _pick(np.zeros_like(labels), np.zeros(1, dtype=np.int64), np.array([size]), seed, groups)
    mask = np.zeros(len(labels), dtype=np.bool_)
    mask[_generator(seed, _HOLDOUT).permutation(len(labels))[:size]] = True
    return mask


def holdout_per_class(labels: Labels, count: int, seed: int, groups: Labels | None = None) -> NDArray[np.bool_]:
    """Draw the same number of images of every class; see ``holdout``.

    Raises:
        Invalid: ``split_count`` for a count below 1, or ``classes_too_small_to_draw`` (``counts`` of images by label)
            where classes would have nothing left to train with.
    """
    if count < 1:
        raise Invalid("split_count", value=count)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) == 0:
        raise Invalid("split_too_few", count=0, needed=2)
    if counts.min() <= count:
        small = counts <= count
        few = dict(zip(classes[small].tolist(), counts[small].tolist(), strict=True))
        raise Invalid("classes_too_small_to_draw", names=", ".join(map(str, few)), counts=few, size=count)
    return _pick(labels, classes, np.full(len(classes), count), seed, groups)


def surplus(
    labels: Labels, seed: int, *, share: float | None = None, per_class: int | None = None, groups: Labels | None = None
) -> NDArray[np.bool_]:
    """Draw the images that are not needed where a part, or a number, of every class is enough; see ``holdout``.

    Args:
        labels: class of each image, shape (n,).
        seed: 0 or more.
        share: part that is needed, above 0 and below 1.
        per_class: or else how many of each class; all of a class that has no more.
        groups: group of each image, shape (n,).

    Returns:
        True for the images that are not needed, shape (n,).

    Raises:
        Invalid: ``split_share``, ``split_count``, ``split_too_few``.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if per_class is None:
        if share is None or not 0 < share < 1:
            raise Invalid("split_share", value=share)
        sizes = counts - holdout_sizes(counts, share).clip(min=1)
    elif per_class < 1:
        raise Invalid("split_count", value=per_class)
    else:
        sizes = (counts - per_class).clip(min=0)
    if len(classes) == 0:
        raise Invalid("split_too_few", count=0, needed=1)
    return _pick(labels, classes, sizes, seed, groups, _SURPLUS)


def _pick(
    labels: Labels,
    classes: Labels,
    sizes: NDArray[np.int64],
    seed: int,
    groups: Labels | None,
    purpose: int = _HOLDOUT,
) -> NDArray[np.bool_]:
    generator = _generator(seed, purpose)
    if _torn(groups):
        return grouped_splits.held(np.searchsorted(classes, labels), groups, sizes, generator)
    mask = np.zeros(len(labels), dtype=np.bool_)
    for value, size in zip(classes, sizes, strict=True):
        mask[generator.permutation(np.flatnonzero(labels == value))[:size]] = True
    return mask


def kfold(
    labels: Labels, k: int, seed: int, stratified: bool = True, groups: Labels | None = None
) -> NDArray[np.int64]:
    """Deal the images out into ``k`` folds whose sizes differ by at most one.

    Args:
        labels: class of each image, shape (n,).
        k: number of folds, 2 or more.
        seed: 0 or more.
        stratified: the images of each class are dealt out evenly too. Otherwise the folds are those of scikit-learn's
            ``KFold(k, shuffle=True, random_state=seed)``, as the programs of the posts use it.
        groups: group of each image, shape (n,). Folds are then as level as the groups allow.

    Returns:
        The fold (0 to k-1) in which each image is validated, shape (n,).

    Raises:
        Invalid: ``folds_one`` for fewer than two folds, ``split_too_few`` for fewer images than folds,
            ``groups_too_few`` for fewer groups than folds.
    """
    if k < 2:
        raise Invalid("folds_one")
    if len(labels) < k:
        raise Invalid("split_too_few", count=len(labels), needed=k)
    if _torn(groups):
        return _grouped_folds(labels if stratified else np.zeros_like(labels), groups, k, seed)
    folds = np.empty(len(labels), dtype=np.int64)
    if stratified:
        shuffled = _generator(seed, _FOLDS).permutation(len(labels))
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        folds[by_class] = np.arange(len(labels)) % k  # dealt on from class to class, so that all folds stay level
        return folds
    order = np.arange(len(labels))
    np.random.RandomState(seed).shuffle(order)  # the frozen generator that scikit-learn draws with
    sizes = np.full(k, len(labels) // k)
    sizes[: len(labels) % k] += 1
    folds[order] = np.repeat(np.arange(k), sizes)
    return folds


def _grouped_folds(strata: Labels, groups: Labels, k: int, seed: int) -> NDArray[np.int64]:
    if (count := len(np.unique(groups))) < k:
        raise Invalid("groups_too_few", count=count, needed=k)
    return grouped_splits.folds(np.unique(strata, return_inverse=True)[1], groups, k, _generator(seed, _FOLDS))


def holdout_again(
    labels: Labels, share: float, seed: int, before: Labels, stratified: bool = True, groups: Labels | None = None
) -> NDArray[np.bool_]:
    """As ``holdout``, where images keep the place that they had; see ``kept_places.holdout``.

    Args:
        before: ``kept_places.HELD``, ``LEARNED`` or ``NEW``, shape (n,).
    """
    anew = holdout(labels, share, seed, stratified, groups)
    if np.array_equal(before, np.where(anew, kept_places.HELD, kept_places.LEARNED)):
        return anew  # also where groups kept it from being as large as it should be
    strata = np.unique(labels, return_inverse=True)[1] if stratified else np.zeros_like(labels)
    counts = np.bincount(strata)
    wanted = holdout_sizes(counts, share)
    found = kept_places.holdout(strata, wanted, before, _together(groups, labels), _generator(seed, _KEPT))
    return anew if found is None else found


def kfold_again(
    labels: Labels, k: int, seed: int, before: Labels, stratified: bool = True, groups: Labels | None = None
) -> NDArray[np.int64]:
    """As ``kfold``, where images stay in the fold that they had; see ``kept_places.folds``.

    Args:
        before: the fold of each image, or ``kept_places.NEW``, shape (n,).
    """
    anew = kfold(labels, k, seed, stratified, groups)
    strata = np.unique(labels, return_inverse=True)[1] if stratified else np.zeros_like(labels)
    found = kept_places.folds(strata, before, _together(groups, labels), k, _generator(seed, _KEPT))
    return anew if found is None else found


def _together(groups: Labels | None, labels: Labels) -> Labels:
    return np.arange(len(labels)) if groups is None else groups
