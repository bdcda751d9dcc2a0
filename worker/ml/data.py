"""Pictures as the training sees them: squares of 8 bits, read and resized once, in memory or in a mapped file."""

import io
import mmap
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.domain import resize
from app.domain.recipe import Recipe

Pictures = NDArray[np.uint8]
"""(n, size, size, 3) uint8, RGB; a plain array or a ``numpy.memmap``."""

MEMORY_LIMIT = 384 * 2**20
_THREADS = 4
_CHUNK = 256
_PIECE_BYTES = 2**18  # of a mapped array that are taken at a time


class LoadingStopped(Exception):
    """``should_stop`` said so while pictures were read."""


def load(
    count: int,
    read: Callable[[int], bytes],
    recipe: Recipe,
    *,
    folder: Path | None = None,
    memory_limit: int = MEMORY_LIMIT,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Pictures:
    """Read, decode and resize ``count`` pictures, each once.

    Args:
        count, read: number of pictures, and bytes of one of them (PNG or JPEG, upright RGB), from several threads.
        recipe: image size, resize mode and colour of the border are used.
        folder: where a set that exceeds ``memory_limit`` is laid down; the system's folder for temporary files by
            default. The file has no name any more when this function returns and vanishes with the process.
        memory_limit: bytes; larger sets are mapped from a file.
        progress: called with (done, total) a few times a second.
        should_stop: looked at every few hundred pictures.

    Raises:
        LoadingStopped: ``should_stop`` returned True.
    """
    pictures: Pictures = room((count, recipe.image_size, recipe.image_size, 3), np.uint8, folder, memory_limit)

    def store(index: int) -> None:
        pictures[index] = square(read(index), recipe)

    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, count, _CHUNK):
            if should_stop is not None and should_stop():
                raise LoadingStopped
            stop = min(start + _CHUNK, count)
            for _ in pool.map(store, range(start, stop)):
                pass
            let_go(pictures)
            if progress is not None:
                progress(stop, count)
    return pictures


class OnDemand:
    """Pictures that are read when they are asked for, each time anew: for those that are needed only once.

    Args:
        count, read, recipe: see ``load``.
    """

    def __init__(self, count: int, read: Callable[[int], bytes], recipe: Recipe) -> None:
        self._count, self._read, self._recipe = count, read, recipe

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, places: NDArray[np.int64]) -> Pictures:
        return load(len(places), lambda index: self._read(int(places[index])), self._recipe)


def square(data: bytes, recipe: Recipe) -> Pictures:
    """One encoded picture as the (size, size, 3) square that the network sees."""
    with Image.open(io.BytesIO(data)) as image:
        array = np.asarray(image.convert("RGB"), dtype=np.uint8)
    return resize.fit(array, recipe.image_size, recipe.resize_mode, recipe.pad_color)


def room(shape: tuple[int, ...], kind: Any, folder: Path | None, memory_limit: int = MEMORY_LIMIT) -> NDArray[Any]:
    """An array without values; one that exceeds ``memory_limit`` is mapped from a file without a name in ``folder``."""
    if int(np.prod(shape)) * np.dtype(kind).itemsize <= memory_limit:
        return np.empty(shape, kind)
    # The mapping keeps the pages alive after the file has lost its name, so nothing is left behind after a crash.
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, kind, mode="w+", shape=shape)


def let_go(*arrays: Any) -> None:
    """The pages of mapped ``arrays`` are memory of this process no longer, until they are asked for again.

    The system still has them as long as nobody needs the room. Without this every page that was ever touched counts as
    memory of the training, and where it runs out, the training is what has to end. Arrays in memory stay as they are.
    """
    for array in arrays:
        base: Any = array.base if isinstance(array, np.memmap) else None
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)


def taken(array: Any, places: NDArray[np.int64], *more: NDArray[np.int64]) -> NDArray[Any]:
    """``array[places, *more]``; of a mapped array in small pieces.

    For each page that is touched the system maps those around it too, as many as it keeps together: with pictures of
    19 KB up to ninety times as much as is taken counts as memory of this process until it is let go.
    """
    if not isinstance(array, np.memmap):
        return np.asarray(array[(places, *more) if more else places])
    found = np.empty((len(places), *array.shape[1 + len(more) :]), array.dtype)
    step = max(1, _PIECE_BYTES * len(found) // max(found.nbytes, 1))
    for piece in (slice(start, start + step) for start in range(0, len(found), step)):
        found[piece] = array[(places[piece], *(one[piece] for one in more))]
        let_go(array)
    return found
