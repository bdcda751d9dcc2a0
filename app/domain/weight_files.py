"""Files of weights in their folder: whether one is there, and whether it is the one that Keras names."""

import hashlib
from functools import cache
from pathlib import Path

from app.domain import backbones
from app.domain.backbones import Backbone


def sound(about: Backbone, folder: Path) -> bool:
    """True when the file of a network is in the folder and has its hash."""
    try:
        return digest(folder / about.file, about) == about.digest
    except OSError:  # it is not there, or cannot be read
        return False


def names(folder: Path) -> list[str]:
    """The networks whose files are there, and are theirs; each file is read once for each time it was changed."""
    return [about.name for about in backbones.KNOWN.values() if about.file and sound(about, folder)]


def address(about: Backbone, base: str) -> str:
    """Where the file of a network lies below ``base``, the public place or a mirror of it."""
    return f"{base.rstrip('/')}/{about.place}/{about.file}"


def digest(path: Path, about: Backbone) -> str:
    """The hash of a file, of the kind that ``about`` names: MD5 (32 characters) or SHA-256.

    Raises:
        OSError: the file is missing or cannot be read.
    """
    seen = path.stat()
    return _digest(path, seen.st_mtime_ns, seen.st_size, "md5" if len(about.digest) == 32 else "sha256")


@cache
def _digest(path: Path, _changed: int, _size: int, kind: str) -> str:
    with path.open("rb") as file:  # as Keras has them; MD5 is no protection against an attacker
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
