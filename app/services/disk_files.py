"""Folders and files of this machine, opened such that no link leads out of a folder, whenever it is put there.

A path that was looked at may be another one when it is opened: somebody who may write into the folder can put a link in
the place of a part of it. Each part is opened by itself, inside the one before it, and links are refused.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Windows has no such way to open; there the paths are opened as they are.
_BY_PARTS = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def listed(folder: Path, path: str) -> list[tuple[str, bool]]:
    """The names in a folder below ``folder`` ("" is itself) in order, and whether each is a folder and no link.

    Raises:
        OSError: it cannot be read, is no folder, or a link leads to it.
    """
    with _opened(folder, path) if _BY_PARTS else _plain(folder / path) as here, os.scandir(here) as entries:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)


def read(folder: Path, path: str, limit: int) -> bytes:
    """A plain file below ``folder``. Its last part may be a link to another file below ``folder``.

    Raises:
        OSError: it cannot be read, is no plain file, larger than ``limit`` bytes, or a link leads out of the folder.
    """
    full = folder / path
    if full.is_symlink():
        folder, full = folder.resolve(), full.resolve()
        if not full.is_relative_to(folder):
            raise OSError(path)
        path = full.relative_to(folder).as_posix()
    opened = _opened(folder, path) if _BY_PARTS else _plain(full)
    with opened as here, open(here, "rb", closefd=not isinstance(here, int)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise OSError(path)
        return file.read(limit)


@contextmanager
def _opened(folder: Path, path: str) -> Iterator[int]:
    here = os.open(folder, _FLAGS & ~getattr(os, "O_NOFOLLOW", 0))
    try:
        for part in filter(None, path.split("/")):
            inner = os.open(part, _FLAGS, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    yield path
