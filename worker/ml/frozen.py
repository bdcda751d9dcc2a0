"""What the frozen layers of a network give, computed once for each picture and used in every epoch and fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain import augment
from app.domain.class_draws import ClassDraws
from app.domain.recipe import Recipe
from worker.ml import data, warp
from worker.ml.ahead import ahead

BATCH = 32
BLOCK = 256  # pictures that are read, computed and reported together
_COPIES = 3  # so that the seed does not draw the numbers of another purpose again
_LARGEST = float(np.finfo(np.float16).max)

Indices = NDArray[np.int64]
Features = NDArray[np.float16]


class Stopped(Exception):
    """``should_stop`` said so while features were computed."""


class Cache(Protocol):
    """Features of whole pictures that others have computed, and will use."""

    def known(self, places: Indices) -> tuple[Indices, Features]:
        """Those of ``places`` (sorted) that have features, and these (k, features)."""

    def keep(self, places: Indices, features: Features) -> None:
        """New ones; pictures that were not asked for may be among them."""


class Nothing:
    """A cache that knows nothing and keeps nothing."""

    def known(self, _places: Indices) -> tuple[Indices, Features]:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.float16)

    def keep(self, places: Indices, features: Features) -> None:
        """Nothing."""


class Base:
    """The frozen layers as a compiled function.

    Args:
        below: from normalised pictures to (n, …), or to two of these.
        normalise: (n, size, size, 3) float32 from 0 to 255 to the scale of the network.
        recipe: image size, augmentation and seed are used.
    """

    def __init__(self, below: Callable[..., Any], normalise: Callable[[Any], Any], recipe: Recipe) -> None:
        self._below, self._normalise, self._recipe = below, normalise, recipe
        size = recipe.image_size
        self._call = tf.function(
            self._compute, autograph=False, input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)]
        )
        self._changed = tf.function(
            self._given, autograph=False,
            input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)],
        )  # fmt: skip
        self._kernel = warp.make_kernel(recipe.all_changes, size, normalise)

    def _compute(self, pictures: Any) -> Any:
        return self._given(self._normalise(tf.cast(pictures, tf.float32)))

    def _given(self, pictures: Any) -> Any:
        given = self._below(pictures, training=False)
        return tf.nest.map_structure(lambda one: tf.cast(one, tf.float32), given)

    def plain(self, pictures: data.Pictures, should_stop: Callable[[], bool]) -> list[Features]:
        """Of some pictures as they are; one array for each that ``below`` gives."""
        found = self._each(pictures, should_stop, lambda part: self._whole(pictures[part]))
        return [_joined(parts) for parts in zip(*found, strict=True)]

    def _whole(self, pictures: data.Pictures) -> list[Any]:
        # What a picture gives must not depend on how many are with it: a smaller batch is filled up, and cut again.
        return [given[: len(pictures)] for given in tf.nest.flatten(self._call(_filled(pictures)))]

    def draws(self, copy: int, labels: Indices, names: tuple[str, ...]) -> augment.Draws:
        """The changes of one copy of each picture of the run: the same whichever of them are asked for, and when."""
        rng = np.random.default_rng((self._recipe.seed, _COPIES, copy))
        return ClassDraws(self._recipe, names).draw(labels, rng)

    def changed(self, pictures: data.Pictures, draws: augment.Draws, should_stop: Callable[[], bool]) -> Features:
        """Of some pictures after the changes that were drawn for each of them."""

        def one(part: slice) -> Any:
            # The kernel is compiled for one number of pictures too.
            some, drawn = pictures[part], draws.part(part)
            filled = [_filled(values) for values in (some, drawn.matrices, drawn.pixels)]
            return self._changed(self._kernel(*filled))[: len(some)]

        return _joined(self._each(pictures, should_stop, one))

    def _each(
        self, pictures: data.Pictures, should_stop: Callable[[], bool], compute: Callable[[slice], Any]
    ) -> list[Any]:
        found = []
        for start in range(0, len(pictures), BATCH):
            if should_stop():
                raise Stopped
            found.append(compute(slice(start, start + BATCH)))
        return found


@dataclass(frozen=True)
class Source:
    """Where the pictures of a run are, and what is known of them.

    Attributes:
        labels: of all of them, positions in ``names``.
        wanted: sorted positions of all that will be asked for; ``learned``: those that any fold learns from.
        cache: features that others have computed.
        scratch: folder for what does not fit into memory; ``weights``: that with files of weights.
    """

    pictures: data.Pictures | data.OnDemand
    labels: Indices
    names: tuple[str, ...]
    wanted: Indices
    learned: Indices
    cache: Cache = field(default_factory=Nothing)
    scratch: Path | None = None
    weights: Path | None = None


@dataclass(frozen=True)
class Rows:
    """What the frozen layers give for the pictures of a run.

    Attributes:
        given: (pictures, 1 + copies, …) float16; rows of pictures that nobody wants are left empty.
        there: (pictures,) of which the first is in it, that of the picture as it is.
    """

    given: Features
    there: NDArray[np.bool_]

    @classmethod
    def room(cls, source: Source, copies: int, shape: tuple[int, ...]) -> "Rows":
        """Room for all pictures of ``source``."""
        count = len(source.pictures)
        given = data.room((count, 1 + copies, *shape), np.float16, source.scratch)
        return cls(given, np.zeros(count, np.bool_))

    def keep(self, places: Indices, features: Features) -> None:
        """Those of some pictures as they are."""
        self.given[places, 0] = features.reshape(len(places), *self.given.shape[2:])
        self.there[places] = True

    def missing(self, wanted: Indices) -> Indices:
        """Those of ``wanted`` that are not there."""
        return wanted[~self.there[wanted]]


def compute(
    base: Base,
    source: Source,
    rows: Rows,
    tell: Callable[[int, int], None],
    should_stop: Callable[[], bool],
    aside: Rows | None = None,
) -> None:
    """Have what the frozen layers give in ``rows``, for the pictures that are wanted.

    Args:
        base, source: the layers, and the pictures; the cache is asked for them as they are.
        rows: with room for the changed copies; the seed of the recipe decides the changes.
        tell, should_stop: called with (done, total) pictures; asked every 32 pictures.
        aside: for the second that ``base`` gives: of the pictures only that had to be computed.

    Raises:
        Stopped: ``should_stop`` returned True; what was computed is with the cache.
    """
    copies = rows.given.shape[1] - 1
    wanted, learned = source.wanted, source.learned if copies else source.learned[:0]
    rows.keep(*source.cache.known(rows.missing(wanted)))
    left = np.union1d(rows.missing(wanted), learned)
    draws = [base.draws(copy, source.labels, source.names) for copy in range(1, copies + 1)]
    done, blocks = 0, (left[start : start + BLOCK] for start in range(0, len(left), BLOCK))
    for block, pictures in ahead(lambda places: np.asarray(source.pictures[places]), blocks):
        new, mine = ~rows.there[block], np.isin(block, learned)
        if new.any():
            made, *more = base.plain(pictures[new], should_stop)
            rows.keep(block[new], made)
            source.cache.keep(block[new], made)
            if aside is not None:
                aside.keep(block[new], *more)
        for copy, drawn in enumerate(draws if mine.any() else (), 1):
            rows.given[block[mine], copy] = base.changed(pictures[mine], drawn.at(block[mine]), should_stop)
        data.let_go(source.pictures, rows.given, aside and aside.given)
        done += len(block)
        tell(done, len(left))


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    missing = BATCH - len(values)
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)]) if missing else values


def _joined(found: Sequence[Any]) -> Features:
    return np.concatenate([np.clip(one.numpy(), -_LARGEST, _LARGEST).astype(np.float16) for one in found])
