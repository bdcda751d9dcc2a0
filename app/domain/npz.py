"""Pictures and labels in an ``.npz`` of NumPy, read like a zip of pictures: each becomes a PNG, one after the other.

An ``.npz`` is a zip of arrays, so everything that is checked of a zip is checked of it. Arrays are told by their names:
``x``/``y`` or ``images``/``labels``, perhaps with the name of a split. A picture lies, as far as anybody is told, in
the folders of its split and its class, so that the table of folders, the rules and lists work as for any zip.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from app.domain import npy
from app.domain.archive import Archive, BadArchive, Entry
from app.domain.errors import BadImage
from app.domain.filenames import is_junk, place, shown_path
from app.domain.lists import Given
from app.domain.npy import Header
from app.domain.zipnames import Encoding

ENDING = ".npz"
MAX_PICTURES = 200_000
MAX_ARRAY_BYTES = 20 * 2**30
_ARRAY = ".npy"
_CHUNK = 2**20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Slot(Entry):
    """One picture of an array."""

    array: Header
    row: int


def opened(source: Path | BinaryIO, max_file_bytes: int, encoding: Encoding | None = None) -> Archive:
    """A zip, or an ``.npz``, told by what is in it and not by its name.

    Raises:
        BadArchive: it is refused as a whole.
    """
    archive = Archive(source, max_file_bytes, encoding)
    if all(entry.path.endswith(_ARRAY) for entry in archive.entries):
        archive.close()
        return Npz(source)
    if any(_is_npz(entry) for entry in archive.entries):
        archive.close()
        return Mixed(source, max_file_bytes, encoding)
    return archive


class Npz(Archive):
    """An ``.npz`` whose headers and labels have been checked; ``stem`` begins the name of each picture.

    Raises:
        BadArchive: not a whole ``.npz`` of pictures within the limits, or with an array of Python objects.
    """

    in_order = True

    def __init__(self, source: Path | BinaryIO, stem: str = "") -> None:
        super().__init__(source, MAX_ARRAY_BYTES)
        self._place: tuple[str, int] = ("", 0)
        self._stream: IO[bytes] | None = None
        self._broken: set[str] = set()
        self._factors: dict[str, float | None] = {}
        try:
            self._arrays = self._named()
            self.entries = list(self._slots(f"{stem}_" if stem else ""))
        except BaseException:
            self.close()
            raise

    @property
    def root(self) -> str:
        """No folder holds everything: the folders are classes and splits."""
        return ""

    def read(self, entry: Entry) -> bytes:
        """A picture as a PNG. Reading them in order reads the file once.

        Raises:
            BadImage: the array is damaged.
        """
        assert isinstance(entry, Slot)
        array = entry.array
        if array.name in self._broken:  # what comes behind a damage is not looked for again and again
            raise BadImage("zip_entry_damaged")
        try:
            if array.dtype.kind == "f" and array.name not in self._factors:
                self._factors[array.name] = npy.limits(*self._span(array))
            data = self._bytes(array.name, array.start + entry.row * array.row_bytes, array.row_bytes)
        except _DAMAGED:
            self._broken.add(array.name)
            raise BadImage("zip_entry_damaged") from None
        return npy.png(array, data, self._factors.get(array.name))

    def _named(self) -> Mapping[str, Entry]:
        named = {entry.path.removesuffix(_ARRAY): entry for entry in self.entries}
        if len(named) < len(self.entries):
            raise BadArchive("npz_damaged", name=self.entries[0].path)
        return named

    def _slots(self, stem: str) -> Iterator[Entry]:
        """All pictures, and behind them the arrays that are neither pictures nor labels."""
        used: dict[tuple[str, str], str] = {}
        for name in self._arrays:
            if (kind := npy.role(name))[0]:
                if kind in used:
                    raise BadArchive("npz_twice", name=name, other=used[kind])
                used[kind] = name
        pictures = {split: name for (kind, split), name in used.items() if kind == "pictures"}
        if not pictures:
            raise BadArchive("npz_no_pictures", names=", ".join(self._arrays)[:200])
        pairs = [(split, self._header(name), used.get(("labels", split))) for split, name in pictures.items()]
        count = sum(array.shape[0] for _, array, _ in pairs)
        if not count:
            raise BadArchive("npz_no_pictures", names=", ".join(self._arrays)[:200])
        if count > MAX_PICTURES:
            raise BadArchive("npz_too_many", limit=MAX_PICTURES)
        for split, array, labels in pairs:
            yield from self._pictures(stem, split, array, self._labels(labels, array))
        read = {name for split, array, labels in pairs for name in (array.name, labels)}
        others = [entry for name, entry in self._arrays.items() if name not in read]
        yield from (replace(entry, code="npz_other", skipped=True) for entry in others)

    def _pictures(self, stem: str, split: str, array: Header, labels: Sequence[str | None] | None) -> Iterator[Entry]:
        info = self._arrays[array.name].info
        folders = {name: _folder(split, name) for name in (set(labels) if labels else {None})}
        for row in range(array.shape[0]):
            name = labels[row] if labels else None
            folder, given = folders[name]
            path = f"{folder}{stem}{array.name}_{row:06}.png"
            yield Slot(path, "", skipped=False, info=info, given=given, array=array, row=row)

    def _header(self, name: str) -> Header:
        array = self._checked(name)
        npy.check_pictures(array)
        return array

    def _labels(self, name: str | None, pictures: Header) -> Sequence[str | None] | None:
        if name is None:
            return None
        array = self._checked(name)
        npy.check_labels(array, pictures)
        try:
            return npy.class_names(array, self._bytes(name, array.start, array.shape[0] * array.row_bytes))
        except _DAMAGED:
            raise BadArchive("npz_damaged", name=name) from None

    def _checked(self, name: str) -> Header:
        entry = self._arrays[name]
        if entry.code:
            raise BadArchive(entry.code, **self.params(entry))
        try:
            with self.stream(entry) as source:
                return npy.header(source, name, entry.info.file_size)
        except _DAMAGED:
            raise BadArchive("npz_damaged", name=name) from None

    def _span(self, array: Header) -> tuple[float, float]:
        """The lowest and the highest number of an array."""
        low, high = np.inf, -np.inf
        step = _CHUNK // array.dtype.itemsize * array.dtype.itemsize
        end = array.start + array.shape[0] * array.row_bytes
        for at in range(array.start, end, step):
            values = np.frombuffer(self._bytes(array.name, at, min(step, end - at)), array.dtype)
            low, high = float(np.minimum(low, values.min())), float(np.maximum(high, values.max()))
        return low, high

    def _bytes(self, name: str, start: int, size: int) -> bytes:
        """Bytes of an array, from where the last reading ended when that is not behind them."""
        if self._stream is None or self._place[0] != name or self._place[1] > start:
            self._leave()
            self._stream, self._place = self.stream(self._arrays[name]), (name, 0)
        at = self._place[1]
        while at < start:
            skipped = len(self._stream.read(min(_CHUNK, start - at)))
            if not skipped:
                raise EOFError
            at += skipped
        data = self._stream.read(size)
        self._place = (name, at + len(data))
        if len(data) < size:
            raise EOFError
        return data

    def _leave(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def close(self) -> None:
        """Close the file."""
        self._leave()
        super().close()


@dataclass(frozen=True)
class _Within(Entry):
    """One picture of an ``.npz`` that lies in a zip."""

    outer: Entry
    slot: Entry


class Mixed(Archive):
    """A zip with ``.npz`` files in it: each is unpacked into memory, one at a time, and stands for its pictures."""

    in_order = True

    def __init__(self, source: Path | BinaryIO, max_file_bytes: int, encoding: Encoding | None = None) -> None:
        super().__init__(source, max_file_bytes, encoding)
        self._inner: tuple[str, Npz] | None = None
        self._params: dict[str, dict[str, Any]] = {}
        try:
            self.entries = list(self._spread(self.entries))
        except BaseException:
            self.close()
            raise

    def params(self, entry: Entry) -> dict[str, Any]:
        """The values for the sentence of ``entry.code``."""
        return self._params.get(entry.path) or super().params(entry)

    def read(self, entry: Entry) -> bytes:
        """The bytes of an entry, or a picture as a PNG. Raises BadImage."""
        return self._open(entry.outer).read(entry.slot) if isinstance(entry, _Within) else super().read(entry)

    def _open(self, outer: Entry) -> Npz:
        if self._inner is None or self._inner[0] != outer.path:
            self._leave()
            self._inner = (outer.path, Npz(io.BytesIO(super().read(outer)), stem_of(outer.path)))
        return self._inner[1]

    def _spread(self, entries: Sequence[Entry]) -> Iterator[Entry]:
        count = 0
        for entry in entries:
            if not _is_npz(entry):
                yield entry
                continue
            try:
                slots = self._open(entry).entries
            except (BadArchive, BadImage) as error:
                self._params[entry.path] = dict(error.params)
                yield replace(entry, code=error.code)
                continue
            count += len(slots)
            if count > MAX_PICTURES:
                raise BadArchive("npz_too_many", limit=MAX_PICTURES)
            for slot in slots:
                path, given = beside(entry.path, slot.path), slot.given
                yield _Within(path, slot.code, slot.skipped, entry.info, given=given, outer=entry, slot=slot)

    def _leave(self) -> None:
        if self._inner is not None:
            self._inner[1].close()
        self._inner = None

    def close(self) -> None:
        """Close the file."""
        self._leave()
        super().close()


def _is_npz(entry: Entry) -> bool:
    return not entry.code and entry.path.lower().endswith(ENDING)


def stem_of(path: str) -> str:
    """What the names of its pictures begin with, where an ``.npz`` lies among other files."""
    return path.rpartition("/")[2][: -len(ENDING)]


def beside(path: str, inner: str) -> str:
    """The path of a picture of the ``.npz`` at ``path``: in the same folder."""
    above, slash, _ = path.rpartition("/")
    return f"{above}{slash}{inner}"


def _folder(split: str, name: str | None) -> tuple[str, Given | None]:
    """The folders of a class, and what has to be said of it besides where no folder can say its name."""
    above = f"{split}/" if split else ""
    if name is None:
        return above, None
    written = name.replace("/", "\uff0f").replace("\\", "\uff3c")
    folder = f"{above}{'_' if is_junk(written) else written}/"
    plain = place(shown_path(f"{folder}x")).class_name == name
    return folder, None if plain else Given(frozenset({"class"}), class_name=name)
