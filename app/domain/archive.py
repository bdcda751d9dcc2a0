"""Reading a zip that somebody sent: everything is checked before an entry is read, and counted while it is read.

Never extracts to a path. Python's zipfile parses the directory once our own checks of its size and place have passed;
overlapping entries, which older versions of it read without complaint, are refused here.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, BinaryIO

from app.domain.errors import AppError, BadImage
from app.domain.filenames import common_root, is_junk, shown_path, written_path
from app.domain.lists import Given
from app.domain.zipnames import Encoding, decode_names

LEAVES = "zip_path"  # why an entry is refused whose path leads out of the zip
MAX_ENTRIES = 200_000
MAX_DIRECTORY_BYTES = 64 * 2**20
MAX_TOTAL_BYTES = 20 * 2**30
MAX_RATIO = 200
RATIO_FREE_BYTES = 10 * 2**20  # below this size a high ratio is no danger
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_NESTED = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")


class BadArchive(AppError):
    """A zip that is refused as a whole."""

    status = 422


@dataclass(frozen=True)
class Entry:
    """One file of the archive. ``code`` says why it is refused or skipped without being read, else it is "".

    ``path`` is cleaned, but for a path that leads out of the zip: that is shown as it was written. ``given``: what is
    known of the file besides its path.
    """

    path: str
    code: str
    skipped: bool
    info: zipfile.ZipInfo
    given: Given | None = field(default=None, kw_only=True)


class Archive:
    """A zip whose directory has been checked; a context manager.

    Args:
        source: the file, or where it lies; an open file stays open.
        max_file_bytes: largest entry that is read.
        encoding: how names without the UTF-8 flag are written, or None to find out.

    Raises:
        BadArchive: not a whole, plain zip within the limits.
    """

    in_order = False  # entries can be read in any order at the same cost

    def __init__(self, source: Path | BinaryIO, max_file_bytes: int, encoding: Encoding | None = None) -> None:
        self._own = isinstance(source, Path)
        self._file = source.open("rb") if isinstance(source, Path) else source
        try:
            start = check_end(self._file)
            self._zip = _open(self._file)
            infos = self._zip.infolist()
            _check_overlap(infos, start)
            _check_total(infos)
            self.encoding, names = decode_names(infos, encoding)
        except BaseException:
            self._close_file()
            raise
        self._limit = max_file_bytes
        files = ((info, name) for info, name in zip(infos, names, strict=True) if not name.endswith("/"))
        self.entries: Sequence[Entry] = [_entry(info, name, max_file_bytes) for info, name in files]
        if not self.entries:
            self.close()
            raise BadArchive("zip_empty")

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._own:
            self._file.close()

    @cached_property
    def root(self) -> str:
        """The folder that holds everything, or ""; see ``filenames.common_root``."""
        return common_root(entry.path for entry in self.entries if not entry.skipped and not entry.code)

    def params(self, entry: Entry) -> dict[str, Any]:
        """The values for the sentence of ``entry.code``."""
        return (
            {"limit_mb": self._limit // 2**20, "bytes": entry.info.file_size} if entry.code == "file_too_large" else {}
        )

    def stream(self, entry: Entry) -> IO[bytes]:
        """An entry to be read in pieces by somebody who counts; its checksum is checked at its end."""
        return self._zip.open(entry.info)

    def read(self, entry: Entry) -> bytes:
        """The bytes of an entry, which may lie about its size: reading stops one byte after the limit.

        Raises:
            BadImage: too large or damaged.
        """
        try:
            with self._zip.open(entry.info) as source:
                data = source.read(self._limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
            raise BadImage("zip_entry_damaged") from None
        if len(data) > self._limit:
            raise BadImage("file_too_large", limit_mb=self._limit // 2**20)
        return data


def check_end(file: BinaryIO) -> int:
    """Check the end record, and the zip64 record where there is one, before anything is parsed.

    Returns:
        The place in the file where the directory starts.

    Raises:
        BadArchive: cut off, more than a zip, several volumes, too many entries, or records that contradict each other.
    """
    size = file.seek(0, 2)
    tail_size = min(size, _END.size + 0xFFFF)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        file.seek(0)
        raise BadArchive("zip_cut_off" if file.read(2) == b"PK" else "zip_unknown")
    _sign, disk, first_disk, here, count, length, offset, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise BadArchive("zip_not_plain")
    end = size - tail_size + at
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (length, offset):
        end, here, count, length, offset = _end64(file, end)
    if disk or first_disk or here != count:
        raise BadArchive("zip_volumes")
    if count > MAX_ENTRIES or length > MAX_DIRECTORY_BYTES:
        raise BadArchive("zip_too_many", limit=MAX_ENTRIES)
    if offset + length != end:  # bytes before the zip, behind it, or a record that lies
        raise BadArchive("zip_not_plain")
    if count == 0:
        raise BadArchive("zip_empty")
    _count_entries(file, offset, length, count)
    return int(offset)


def _end64(file: BinaryIO, end: int) -> tuple[int, int, int, int, int]:
    """Place of the zip64 record, entries on this volume, entries, length and place of the directory."""
    if end < _END64_LOCATOR.size + _END64.size:
        raise BadArchive("zip_not_plain")
    file.seek(end - _END64_LOCATOR.size)
    sign, _disk, place, volumes = _END64_LOCATOR.unpack(file.read(_END64_LOCATOR.size))
    if sign != b"PK\x06\x07" or volumes > 1 or place != end - _END64_LOCATOR.size - _END64.size:
        raise BadArchive("zip_not_plain")
    file.seek(place)
    sign, _size, _made, _need, disk, first, here, count, length, offset = _END64.unpack(file.read(_END64.size))
    if sign != b"PK\x06\x06" or disk or first:
        raise BadArchive("zip_not_plain")
    return place, here, count, length, offset


def _count_entries(file: BinaryIO, offset: int, length: int, count: int) -> None:
    """The directory must hold exactly the entries that the end record tells of."""
    file.seek(offset)
    directory = file.read(length)
    place = found = 0
    while place + 46 <= len(directory) and directory[place : place + 4] == b"PK\x01\x02" and found <= count:
        place += 46 + sum(struct.unpack_from("<3H", directory, place + 28))
        found += 1
    if place != len(directory) or found != count:
        raise BadArchive("zip_not_plain")


def _open(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, EOFError):
        raise BadArchive("zip_not_plain") from None


def _check_overlap(infos: Sequence[zipfile.ZipInfo], directory: int) -> None:
    """Entries that share bytes are how a few kilobytes become gigabytes; no honest program writes them."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends = [info.header_offset for info in ordered[1:]] + [directory]
    for info, end in zip(ordered, ends, strict=True):
        if info.header_offset + 30 + info.compress_size > end:
            raise BadArchive("zip_overlap")


def _check_total(infos: Sequence[zipfile.ZipInfo]) -> None:
    if sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
        raise BadArchive("zip_too_much", limit_gb=MAX_TOTAL_BYTES // 2**30)


def _entry(info: zipfile.ZipInfo, name: str, limit: int) -> Entry:
    if is_junk(name):
        return Entry(shown_path(name), "junk", skipped=True, info=info)
    code = _refusal(info, name, limit)
    return Entry(written_path(name) if code == LEAVES else shown_path(name), code, skipped=False, info=info)


def _refusal(info: zipfile.ZipInfo, name: str, limit: int) -> str:
    """Why an entry is refused unread, or ""."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    reasons = (
        (LEAVES, _leaves(name)),
        ("zip_encrypted", bool(info.flag_bits & 0x1)),
        ("zip_link", kind not in {0, stat.S_IFREG, stat.S_IFDIR}),
        ("zip_method", info.compress_type not in METHODS or bool(info.flag_bits & 0x20)),
        ("zip_nested", name.lower().endswith(_NESTED)),
        ("zip_volumes", info.volume != 0),
        ("file_too_large", info.file_size > limit),
        ("zip_ratio", info.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * info.compress_size)),
    )
    return next((code for code, refused in reasons if refused), "")


def _leaves(name: str) -> bool:
    """True for a path that would leave its folder: ``..``, absolute, with a drive letter or a NUL."""
    parts = name.replace("\\", "/").split("/") if "/" not in name else name.split("/")
    drive = len(name) > 1 and name[1] == ":" and name[0].isascii() and name[0].isalpha()
    return ".." in parts or name.startswith(("/", "\\")) or drive or "\x00" in name or "..\\" in name
