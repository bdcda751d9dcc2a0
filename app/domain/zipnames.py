"""The names in a zip: which encoding they are written in, decided once for the whole archive.

Windows in Japan writes cp932 without saying so, macOS UTF-8 without saying so, decomposed (NFD). A short cp932 name may
be valid UTF-8 by accident, therefore the names are never judged one by one.
"""

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from enum import StrEnum

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field with the UTF-8 name


class Encoding(StrEnum):
    """How names without the UTF-8 flag are read; tried in this order."""

    UTF_8 = "utf-8"
    CP932 = "cp932"
    CP437 = "cp437"


def decode_names(infos: Sequence[zipfile.ZipInfo], encoding: Encoding | None = None) -> tuple[Encoding, list[str]]:
    """The names of all entries in NFC, and the encoding that fits all those without a flag.

    Args:
        infos: as zipfile read them, that is with unflagged names decoded as cp437.
        encoding: the choice of a person; letters that it does not know become U+FFFD.
    """
    raw = [None if _flagged(info) else info.orig_filename.encode("cp437") for info in infos]
    chosen = encoding or guess([name for name in raw if name is not None])
    names = [
        info.orig_filename if data is None else _unicode_path(info, data) or data.decode(chosen, "replace")
        for info, data in zip(infos, raw, strict=True)
    ]
    return chosen, [unicodedata.normalize("NFC", name) for name in names]


def guess(names: Sequence[bytes]) -> Encoding:
    """The first encoding in which every name is valid; cp437 knows every byte."""
    for encoding in (Encoding.UTF_8, Encoding.CP932):
        if all(_fits(name, encoding) for name in names):
            return encoding
    return Encoding.CP437


def _flagged(info: zipfile.ZipInfo) -> bool:
    return bool(info.flag_bits & _UTF8_FLAG)


def _fits(name: bytes, encoding: Encoding) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _unicode_path(info: zipfile.ZipInfo, raw: bytes) -> str | None:
    """The name from Info-ZIP's extra field, when its checksum says that it belongs to the plain name."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            (checksum,) = struct.unpack_from("<L", field, 1)
            if checksum == zlib.crc32(raw) and _fits(field[5:], Encoding.UTF_8):
                return field[5:].decode()
    return None
