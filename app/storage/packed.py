"""Several arrays as one file whose parts can be mapped into memory, each with its own checksum.

A file is one line with the format, one line of JSON (name, type, shape, place and CRC-32 of each array, and a note),
then the arrays one after the other, each at a multiple of 64 bytes. Nothing is read that is not asked for.
"""

import json
import math
import mmap
import threading
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.storage.base import Store, key
from app.storage.local import LocalStore

FORMAT = b"miwake-arrays-1\n"
TYPES = ("<f4", "<f8", "<i8", "<i4", "|u1")  # nothing else is written, nothing else is read
_ALIGNED = 64
Array = NDArray[Any]


class PackDamaged(ValueError):
    """The bytes are not what was written; whoever has the rows reads those."""


def pack(arrays: Mapping[str, Array], note: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a file with ``arrays``, of one of ``TYPES`` each; ``note`` holds plain values for JSON."""
    parts = {name: np.ascontiguousarray(array).data.cast("B") for name, array in arrays.items() if array.size}
    table, place = {}, 0
    for name, array in arrays.items():
        if array.dtype.str not in TYPES:
            raise ValueError(f"{name} is {array.dtype}")
        check = zlib.crc32(parts[name]) if name in parts else 0
        table[name] = [array.dtype.str, list(array.shape), place, check]
        place += -(-array.nbytes // _ALIGNED) * _ALIGNED
    header = json.dumps({"arrays": table, "note": dict(note or {})}, separators=(",", ":")).encode()
    begin = -(-(len(FORMAT) + len(header) + 1) // _ALIGNED) * _ALIGNED
    out = bytearray(begin + place)
    out[: len(FORMAT) + len(header)] = FORMAT + header
    out[begin - 1] = ord("\n")
    for name, part in parts.items():
        start = begin + table[name][2]  # type: ignore[operator]  # the place of the array
        out[start : start + len(part)] = part
    return bytes(out)


class Packed:
    """The arrays of a file; those asked for are checked once. Safe to use from several threads.

    ``mapped``: they lie in a file of this machine, not in memory; ``note``: what was packed with them.

    Raises:
        PackDamaged: the head is none of ours.
    """

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data
        self.mapped = isinstance(data, mmap.mmap)
        try:
            ours = data[: len(FORMAT)] == FORMAT
            end = data.find(b"\n", len(FORMAT)) if ours else -1
            head = json.loads(bytes(data[len(FORMAT) : max(end, 0)]).rstrip(b"\0"))  # nothing is no JSON
            self._table: dict[str, tuple[str, tuple[int, ...], int, int]] = {
                name: (kind, tuple(map(int, shape)), int(place), int(check))
                for name, (kind, shape, place, check) in head["arrays"].items()
            }
            self.note: dict[str, Any] = head["note"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PackDamaged("a damaged file of arrays") from error
        self._begin = end + 1
        self._checked: dict[str, Array] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._table

    @property
    def names(self) -> list[str]:
        """The names of the arrays, in order."""
        return list(self._table)

    def get(self, name: str) -> Array:
        """One array, which cannot be written to.

        Raises:
            KeyError: there is no such array.
            PackDamaged: its bytes are not those that were written.
        """
        with self._lock:
            if name not in self._checked:
                self._checked[name] = self._read(name)
            return self._checked[name]

    def _read(self, name: str) -> Array:
        kind, shape, place, check = self._table[name]
        start, count = self._begin + place, math.prod(shape)
        end = start + count * np.dtype(kind).itemsize if kind in TYPES else -1
        if not start <= end <= len(self._data):
            raise PackDamaged("a damaged file of arrays")
        if count == 0:
            return np.frombuffer(b"", kind).reshape(shape)
        if zlib.crc32(memoryview(self._data)[start:end]) != check:
            raise PackDamaged("a damaged file of arrays")
        found: Array = np.frombuffer(self._data, kind, count, start).reshape(shape)
        if found.flags.writeable:
            found.flags.writeable = False
        return found


def open_packed(store: Store, digest: str) -> Packed:
    """The arrays of a blob: mapped, not read, where the store is a folder of this machine.

    Raises:
        NotFound: the blob is not there.
        PackDamaged: it is none of ours, or damaged.
    """
    path = store.root / key(digest) if isinstance(store, LocalStore) else None
    if path is None or not path.exists():  # the store says in its own words that a blob is missing
        return Packed(store.get(digest))
    with path.open("rb") as file:
        try:
            return Packed(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError as error:  # an empty file
            raise PackDamaged("a damaged file of arrays") from error
