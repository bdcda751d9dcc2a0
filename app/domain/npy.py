"""One array of an ``.npz``: its header, read before any of its data, and its pictures or labels as plain values.

Nothing here unpickles: headers are read by NumPy's parser of literals, data as plain numbers or text.
"""

import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import Image

from app.domain.archive import BadArchive
from app.domain.filenames import SPLIT_NAMES
from app.domain.imaging import MAX_PIXELS, MAX_SIDE
from app.domain.lists import class_name

MAX_HEADER_BYTES = 10_000
MAX_PICTURE_BYTES = 128 * 2**20
MAX_LABEL_BYTES = 64 * 2**20
MAX_CLASSES = 1000
_PICTURES = frozenset({"x", "image", "images", "imgs"})
_LABELS = frozenset({"y", "label", "labels", "targets"})
_NO_HEADER = (ValueError, TypeError, KeyError, SyntaxError, TokenError, RecursionError, MemoryError, OverflowError)
_READERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


@dataclass(frozen=True)
class Header:
    """What an array says of itself. ``start``: where its data begins."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one picture or label."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def says(self) -> str:
        """The shape as NumPy writes it."""
        return str(self.shape)[:100]


def role(name: str) -> tuple[str, str]:
    """What an array is by its name: "pictures", "labels" or "", and the split that the name says, or ""."""
    words = name.casefold().split("_")
    kinds = [("pictures" if word in _PICTURES else "labels") for word in words if word in _PICTURES | _LABELS]
    rest = [word for word in words if word not in _PICTURES | _LABELS]
    if len(kinds) != 1 or len(rest) > 1 or (rest and rest[0] not in SPLIT_NAMES):
        return "", ""
    return kinds[0], str(SPLIT_NAMES[rest[0]]) if rest else ""


def header(source: IO[bytes], name: str, size: int) -> Header:
    """Read shape and type, and hold them against the ``size`` that the directory tells.

    Raises:
        BadArchive: no array, one of Python objects, one in columns, or of another length.
    """
    head = io.BytesIO(source.read(MAX_HEADER_BYTES + 16))
    try:
        reader = _READERS[npy_format.read_magic(head)]
        shape, columns, dtype = reader(head, max_header_size=MAX_HEADER_BYTES)
    except _NO_HEADER:
        raise BadArchive("npz_damaged", name=name) from None
    if dtype.hasobject:
        raise BadArchive("npz_objects", name=name)
    found = Header(name, shape, dtype, head.tell())
    if not shape or any(side < 0 for side in shape) or shape[0] * found.row_bytes + found.start != size:
        raise BadArchive("npz_damaged", name=name)
    if columns and len(shape) > 1:
        raise BadArchive("npz_columns", name=name)
    return found


def check_pictures(array: Header) -> None:
    """Refuse what is no row of grey or colour pictures of an acceptable size. Raises BadArchive."""
    shape, kind, size = array.shape, array.dtype.kind, array.dtype.itemsize
    if not (kind == "u" and size <= 2) and not (kind == "f" and size <= 8):
        raise BadArchive("npz_type", name=array.name, type=str(array.dtype)[:60])
    if len(shape) == 4 and shape[1] in {1, 3} and shape[3] not in {1, 3}:
        raise BadArchive("npz_channels_first", name=array.name, shape=array.says)
    if len(shape) not in {3, 4} or (len(shape) == 4 and shape[3] not in {1, 3}) or 0 in shape[1:]:
        raise BadArchive("npz_shape", name=array.name, shape=array.says)
    if max(shape[1:3]) > MAX_SIDE or shape[1] * shape[2] > MAX_PIXELS or array.row_bytes > MAX_PICTURE_BYTES:
        raise BadArchive("npz_too_large", name=array.name, shape=array.says)


def check_labels(array: Header, pictures: Header) -> None:
    """Refuse what is not one whole number or one text for each picture. Raises BadArchive."""
    if math.prod(array.shape[1:]) != 1 or array.dtype.kind not in "iuUS" or not array.dtype.itemsize:
        raise BadArchive("npz_labels", name=array.name, shape=array.says, type=str(array.dtype)[:60])
    if array.shape[0] != pictures.shape[0]:
        params = {"labels": array.shape[0], "pictures": pictures.shape[0]}
        raise BadArchive("npz_lengths", name=array.name, other=pictures.name, **params)
    if array.shape[0] * array.row_bytes > MAX_LABEL_BYTES:
        raise BadArchive("npz_too_large", name=array.name, shape=array.says)


def class_names(array: Header, data: bytes) -> Sequence[str | None]:
    """The class of each picture; None for an empty text.

    Raises:
        BadArchive: text that is none, or more than 1,000 classes.
    """
    if array.dtype.kind == "U":
        letters = np.frombuffer(data, np.dtype("u4").newbyteorder(array.dtype.byteorder))
        if letters.size and letters.max() > sys.maxunicode:
            raise BadArchive("npz_damaged", name=array.name)
    try:
        values = np.frombuffer(data, array.dtype).tolist()
        words = {value: value.decode() if isinstance(value, bytes) else str(value) for value in set(values)}
    except ValueError:
        raise BadArchive("npz_damaged", name=array.name) from None
    if len(words) > MAX_CLASSES:
        raise BadArchive("npz_labels_many", name=array.name, limit=MAX_CLASSES)
    names = {value: class_name(word) for value, word in words.items()}
    return [names[value] for value in values]


def limits(lowest: float, highest: float) -> float | None:
    """What numbers between these are multiplied with to become 0 to 255; None: each picture is spread by itself."""
    if lowest < 0 or not highest <= 255:  # also where one of them is no number
        return None
    return 255.0 if highest <= 1 else 1.0


def png(array: Header, data: bytes, factor: float | None) -> bytes:
    """One picture as a PNG. ``factor``: of ``limits``, for floating-point numbers."""
    pixels: NDArray[np.generic] = np.frombuffer(data, array.dtype).reshape(array.shape[1:])
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if array.dtype.kind == "f":
        pixels = _bytes_of(pixels.astype(np.float64), factor)
    elif array.dtype.itemsize == 2:
        pixels = pixels.astype(np.uint16) if pixels.ndim == 2 else (pixels.astype(np.uint16) >> 8).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _bytes_of(values: NDArray[np.float64], factor: float | None) -> NDArray[np.uint8]:
    if factor is None:
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        held = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        # Halves: the difference of two large numbers may be too large for a number.
        values, factor = (held / 2 - low / 2) / max(high / 2 - low / 2, np.finfo(np.float64).tiny), 255.0
    return np.rint(values * factor).astype(np.uint8)
