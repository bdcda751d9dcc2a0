"""Arrays in the store: ``.npy`` and ``.npz`` files without pickle, read once and kept as long as there is room."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.storage.base import Store, key
from app.storage.local import LocalStore

KEPT_BYTES = 256 * 2**20
Array = NDArray[Any]
Named = Mapping[str, Array]


def pack(**arrays: Array) -> bytes:
    """Some arrays as the bytes of one file."""
    file = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(file, allow_pickle=False, **named)
    return file.getvalue()


def pack_one(array: Array) -> bytes:
    """One array as the bytes of a file that can be mapped into memory."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


class Arrays:
    """Reads arrays of a store; safe to use from several threads. Blobs never change, so nothing kept grows old.

    Args:
        store: where they lie.
        kept_bytes: how much is kept in memory; arrays that are mapped from a file of this machine do not count.
    """

    def __init__(self, store: Store, kept_bytes: int = KEPT_BYTES) -> None:
        self._store, self._most = store, kept_bytes
        self._kept: OrderedDict[str, tuple[int, Named]] = OrderedDict()
        self._lock = threading.Lock()

    def named(self, digest: str) -> Named:
        """The arrays that ``pack`` has put together. Raises NotFound."""
        return self._get(digest, self._read_named)

    def one(self, digest: str) -> Array:
        """The array of ``pack_one``; mapped, not read, where the store is a folder of this machine. Raises NotFound."""
        return self._get(digest, self._read_one)["one"]

    def made(self, name: str, make: Callable[[], Named]) -> Named:
        """What ``make`` computes from arrays of the store, kept as those are; ``name`` says what from which."""
        return self._get(name, lambda _name: make())

    def _get(self, digest: str, read: Any) -> Named:
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return self._kept[digest][1]
        arrays: Named = read(digest)
        size = sum(array.nbytes for array in arrays.values() if not isinstance(array, np.memmap))
        with self._lock:
            self._kept[digest] = (size, arrays)
            while len(self._kept) > 1 and sum(size for size, _ in self._kept.values()) > self._most:
                self._kept.popitem(last=False)
        return arrays

    def _read_named(self, digest: str) -> Named:
        with np.load(io.BytesIO(self._store.get(digest)), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def _read_one(self, digest: str) -> Named:
        path = self._path(digest)
        if path is None:
            return {"one": np.load(io.BytesIO(self._store.get(digest)), allow_pickle=False)}
        return {"one": np.load(path, mmap_mode="r", allow_pickle=False)}

    def _path(self, digest: str) -> Path | None:
        if not isinstance(self._store, LocalStore):
            return None
        path = self._store.root / key(digest)
        return path if path.exists() else None  # the store says in its own words that a blob is missing
