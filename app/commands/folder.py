"""The data folder: made, checked, and held by one server at a time."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain.errors import AppError

if sys.platform != "win32":
    import fcntl


class FolderError(AppError):
    """The data folder cannot be used."""


def prepare(path: Path) -> None:
    """Make the folder and see that it can be written.

    Raises:
        FolderError: ``folder_unwritable``.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise FolderError("folder_unwritable", folder=str(path), reason=error.strerror or str(error)) from None


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Let no second server work on the same folder; the hold ends with this process, however it ends.

    Raises:
        FolderError: ``folder_in_use``.
    """
    handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError("folder_in_use", folder=str(path)) from None
        yield
    finally:
        os.close(handle)
