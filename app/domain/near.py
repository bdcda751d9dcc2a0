"""Copies of pictures among many: re-encoded, resized, slightly cropped and, if asked for, mirrored or turned.

Two steps, both on sketches (32 x 32 grey bytes of each picture, see ``picture_facts``):

1. Candidates: a forest of random trees. Each tree halves the pictures again and again at the median of a random
   direction of their low frequencies, until a few are left in a leaf; pictures of one leaf are compared. Two copies
   end in one leaf of some tree almost certainly, and the work grows with n log n whatever the pictures show.
2. Proof: one sketch is laid upon the other, see ``laid_upon``. Different cells look alike in their low frequencies
   and share nothing of the fine ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.laid_upon import GRID, SIZE, Floats, Sketches, agreement

LOW = 9  # frequencies of each direction that the candidates are found by
SOFTNESS = 12  # a crop moves high frequencies more than low ones, so they count less
TREES, LEAF = 32, 48
AT_ONCE = 4  # trees whose meetings are kept before the nearest are chosen: bounds the memory
ANGLE = 0.3  # least cosine of two candidates
MET, PROVEN = 40, 6  # how many candidates of one picture are looked at closer, and how many are proven
APART = 0.5  # squared distance of two candidates, of vectors of length 1, that shifts and stretches do not explain
LIKE = 0.82  # least likeness of copies: crops of a sixth reach it, pictures of two cells do not
FLAT = 2.0  # a sketch with less deviation, in grey values, has no structure to compare
BLOCK = 256  # pairs that are proven at once: they stay in the cache
Pairs = NDArray[np.int64]  # (m, 2)
Codes = NDArray[np.int64]  # pairs (i, j) as i * n + j, (m,)


@dataclass(frozen=True, slots=True)
class Same:
    """Pairs of pictures that are copies. ``likeness``: 0 to 1, how well the fine structure agrees, shape (m,)."""

    pairs: Pairs
    likeness: Floats


def find(sketches: Sketches, *, threshold: float = LIKE, turned: bool = False, seed: int = 0) -> Same:
    """All pairs of copies.

    Args:
        sketches: shape (n, 32, 32). Plain ones are left out: they have nothing to be told by.
        threshold: the least likeness.
        turned: also find mirrored pictures and those turned by quarters.
        seed: of the forest.

    Returns:
        Pairs (i, j) with i < j, each once, in order.
    """
    kept = np.flatnonzero(sketches.std(axis=(1, 2)) >= FLAT)
    if len(kept) < 2:
        return Same(np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.float32))
    plain = sketches[kept]
    views = list(_views(plain)) if turned else [plain]
    found = [_proven(views[0], views[0], candidates(*low_frequencies(views[0]), seed=seed))]
    for number, view in enumerate(views[1:], start=1):
        pairs = candidates(*low_frequencies(np.concatenate([plain, view])), seed=seed + number)
        cross = pairs[(pairs[:, 0] < len(plain)) & (pairs[:, 1] >= len(plain))] - [0, len(plain)]
        found.append(_proven(plain, view, cross[cross[:, 0] != cross[:, 1]]))
    pairs = kept[np.concatenate([same.pairs for same in found])]
    return _best(np.sort(pairs, axis=1), np.concatenate([same.likeness for same in found]), threshold)


def _views(sketches: Sketches) -> Iterator[Sketches]:
    """The eight ways to turn and mirror; the first one is the picture itself."""
    for flipped in (sketches, sketches[:, :, ::-1]):
        for quarter in range(4):
            yield np.ascontiguousarray(np.rot90(flipped, quarter, axes=(1, 2)))


def _best(pairs: Pairs, likeness: Floats, threshold: float) -> Same:
    """Each pair once, with its best likeness, without those below the threshold."""
    good = likeness >= threshold
    pairs, likeness = pairs[good], likeness[good]
    order = np.lexsort((-likeness, pairs[:, 1], pairs[:, 0]))
    pairs, likeness = pairs[order], likeness[order]
    first = np.ones(len(pairs), dtype=np.bool_)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return Same(pairs[first], likeness[first])


def low_frequencies(sketches: Sketches) -> tuple[Floats, Floats]:
    """What candidates are found by.

    Returns:
        Unit vectors of the low frequencies without the mean brightness, shape (n, D); and for each picture an
        orthonormal base of the directions in which contrast, shifts and stretches move its vector, shape (n, D, 5).
    """
    shape = (len(sketches), LOW * LOW - 1)
    vectors, bases = np.empty(shape, dtype=np.float32), np.empty((*shape, 5), dtype=np.float32)
    for start in range(0, len(sketches), BLOCK):
        values = sketches[start : start + BLOCK].astype(np.float32)
        slope_y, slope_x = (np.asarray(np.gradient(values, axis=axis), dtype=np.float32) for axis in (1, 2))
        moves = (values, slope_x, slope_y, slope_x * GRID, slope_y * GRID[:, None])
        bases[start : start + BLOCK] = np.stack([_waves(move) for move in moves], axis=2)
    vectors[:] = bases[:, :, 0] - bases[:, :, 0].mean(axis=0)  # what all pictures of a microscope share tells nothing
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    for start in range(0, len(sketches), BLOCK):
        bases[start : start + BLOCK] = np.linalg.qr(bases[start : start + BLOCK])[0]
    return vectors, bases


def _waves(values: Floats) -> Floats:
    """Amplitudes of the low frequencies of (m, 32, 32) without the mean, shape (m, D); high ones count less."""
    orders = np.arange(LOW, dtype=np.float32)
    waves = np.cos(np.pi / SIZE * orders[:, None] * (np.arange(SIZE, dtype=np.float32) + 0.5))
    weight = np.float32(SOFTNESS) / (SOFTNESS + orders[:, None] ** 2 + orders**2)
    found: Floats = (waves @ values @ waves.T * weight).reshape(len(values), -1)[:, 1:]
    return found


def candidates(vectors: Floats, bases: Floats, *, seed: int = 0) -> Pairs:
    """Pairs (i, j), i < j, that met in a leaf and differ by little more than contrast, shift and stretch can do."""
    pairs = _met(vectors, seed)
    rest = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), BLOCK):
        one, other = pairs[start : start + BLOCK].T
        apart = vectors[one] - vectors[other]
        rest[start : start + BLOCK] = np.minimum(_outside(apart, bases[one]), _outside(apart, bases[other]))
    pairs, rest = pairs[rest < APART], rest[rest < APART]
    return pairs[_nearest(pairs, rest, len(vectors), PROVEN)]


def _outside(apart: Floats, bases: Floats) -> Floats:
    """The squared length of differences (m, D) outside of the space of their bases, shape (m,)."""
    inside = (apart[:, None, :] @ bases)[:, 0]
    length: Floats = (apart**2).sum(axis=1) - (inside**2).sum(axis=1)
    return length


def _met(vectors: Floats, seed: int) -> Pairs:
    """Pairs that met in a leaf of some tree, each once, the nearest of each picture."""
    generator = np.random.default_rng(seed)
    count = len(vectors)
    levels = max(int(np.ceil(np.log2(count / LEAF))), 0)
    met = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))]
    for tree in range(TREES if levels else 1):
        leaves = [np.arange(count)]
        for _level in range(levels):
            values = vectors @ generator.standard_normal(vectors.shape[1], dtype=np.float32)
            leaves = [half for leaf in leaves for half in _halves(leaf, values)]
        met.append(_meetings(vectors, leaves))
        if tree % AT_ONCE == AT_ONCE - 1:
            met = [_merged(met, count)]
    codes, _cosines = _merged(met, count)
    return _pairs(codes, count)


def _merged(met: Sequence[tuple[Codes, Floats]], count: int) -> tuple[Codes, Floats]:
    """Meetings of several trees as one: each pair once, the nearest of each picture."""
    codes, places = np.unique(np.concatenate([pair for pair, _cosine in met]), return_index=True)
    cosines = np.concatenate([cosine for _pair, cosine in met])[places]
    kept = _nearest(_pairs(codes, count), -cosines, count, MET)
    return codes[kept], cosines[kept]


def _pairs(codes: Codes, count: int) -> Pairs:
    return np.stack([codes // count, codes % count], axis=1)


def _nearest(pairs: Pairs, distances: Floats, count: int, most: int) -> NDArray[np.bool_]:
    """True for pairs that are among the ``most`` nearest of one of their two pictures.

    One number says picture and distance, and in the bits that are left the other picture, which decides between equal
    distances: so one sort of plain numbers does it.
    """
    if not len(pairs):
        return np.zeros(0, dtype=np.bool_)
    bits = np.ascontiguousarray(distances).view(np.int32).astype(np.int64)
    bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits) + 2**31  # in the order of the distances, below 2**32
    left = 63 - 32 - count.bit_length()
    keys = ((pairs.T << (32 + left)) + (bits << left)) + (pairs.T[::-1] & ((1 << left) - 1))
    ordered = np.sort(keys, axis=None)
    starts = np.searchsorted(ordered, np.arange(count + 1) << (32 + left))
    last = ordered[np.minimum(starts[:-1] + most, starts[1:]) - 1]  # of a picture without a pair: nobody asks
    near: NDArray[np.bool_] = (keys <= last[pairs.T]).any(axis=0)
    return near


def _halves(leaf: NDArray[np.int64], values: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argpartition(values[leaf], len(leaf) // 2)
    return leaf[order[: len(leaf) // 2]], leaf[order[len(leaf) // 2 :]]


def _meetings(vectors: Floats, leaves: list[NDArray[np.int64]]) -> tuple[Codes, Floats]:
    """Pairs of all leaves as i * n + j, and their cosines; leaves of one size are compared in one product."""
    codes, cosines = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.float32)]
    for size in {len(leaf) for leaf in leaves}:
        table = np.stack([leaf for leaf in leaves if len(leaf) == size])
        for start in range(0, len(table), BLOCK):
            part = table[start : start + BLOCK]
            inside = vectors[part]
            products = inside @ inside.transpose(0, 2, 1)
            leaf, first, second = np.nonzero(np.triu(products, 1) >= ANGLE)
            one, other = part[leaf, first], part[leaf, second]
            codes.append(np.minimum(one, other) * len(vectors) + np.maximum(one, other))
            cosines.append(products[leaf, first, second])
    return np.concatenate(codes), np.concatenate(cosines)


def _proven(first: Sketches, second: Sketches, pairs: Pairs) -> Same:
    likeness = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), BLOCK):
        part = pairs[start : start + BLOCK]
        likeness[start : start + BLOCK] = agreement(first[part[:, 0]], second[part[:, 1]])
    return Same(pairs, likeness)
