"""The download of one file of weights, when somebody has asked for it; a worker or a command does it, never a page.

The file comes under another name, is compared with its hash, written through to the disk and renamed: whatever happens,
the folder has the right file or none. A connection that is cut is taken up again where it ended.
"""

import contextlib
import errno
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from app.domain import weight_files
from app.domain.backbones import Backbone
from app.domain.errors import AppError, OutOfSpace
from app.services import web_pieces
from app.services.web_pieces import Head, LineBroken, Stopped
from app.storage import FLOOR_BYTES, sync

TRIES = 4  # connections that may be cut
PAUSE_SECONDS = 1.0
LEFT_SECONDS = 86_400.0  # after this long what an end in between left behind is removed
TOO_LONG = 2  # times the size that is expected: it cannot be the file
Tell = Callable[[int, int], None]  # bytes that are here, bytes of the file


def download(about: Backbone, base: str, folder: Path, tell: Tell, should_stop: Callable[[], bool]) -> Path:
    """Put the file of weights of a network into ``folder``; nothing is fetched where it is there already.

    Args:
        about: a network whose weights are a file.
        base: the public address, or that of a mirror with the same folders.
        folder: is made where it is missing.
        tell: hears of every piece.
        should_stop: is asked all the time.

    Raises:
        AppError: ``weights_unreachable``, ``weights_refused``, ``weights_cut``, ``weights_differ``,
            ``weights_folder_unusable`` or ``disk_full``. Nothing of the file is left then.
        Stopped: ``should_stop()`` said so; nothing is left either.
    """
    target = folder / about.file
    if weight_files.sound(about, folder):
        return target
    part = folder / f".{about.file}.{secrets.token_hex(4)}.part"
    with _folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        try:
            with part.open("xb") as file:
                _Transfer(about, weight_files.address(about, base), folder, tell, should_stop).into(file)
            if weight_files.digest(part, about) != about.digest:
                raise AppError("weights_differ", file=about.file, url=weight_files.address(about, base))
            sync(part)
            part.replace(target)
            sync(folder)
        finally:
            part.unlink(missing_ok=True)
    return target


class _Transfer:
    """One file over as many connections as are needed."""

    def __init__(self, about: Backbone, url: str, folder: Path, tell: Tell, should_stop: Callable[[], bool]) -> None:
        self._about, self._url, self._folder = about, url, folder
        self._tell, self._should_stop = tell, should_stop
        self._done, self._total, self._mark = 0, about.size, ""
        self._begun = False

    def into(self, file: BinaryIO) -> None:
        for number in range(TRIES):
            try:
                if self._connect(file):
                    return
                reason = "the connection was closed too early"
            except LineBroken as error:
                reason = error.reason
                if error.status:
                    raise self._error("weights_refused", reason) from error
                if not self._begun:
                    raise self._error("weights_unreachable", reason) from error
            if number + 1 < TRIES:
                self._pause()
        raise self._error("weights_cut", reason, done=self._done, total=self._total)

    def _connect(self, file: BinaryIO) -> bool:
        """Read as much as comes; True when that is all of it."""
        exact = False
        for item in web_pieces.pieces(self._url, self._done, self._mark, self._should_stop):
            if isinstance(item, Head):
                exact = self._begin(file, item)
                continue
            file.write(item)
            self._done += len(item)
            if self._done > TOO_LONG * self._about.size:
                raise AppError("weights_differ", file=self._about.file, url=self._url)
            self._tell(self._done, max(self._total, self._done))
        return self._done >= self._total if exact else True

    def _begin(self, file: BinaryIO, head: Head) -> bool:
        """Go on where the server does; True when it says how long the file is."""
        self._begun, self._mark, self._done = True, head.mark, head.start
        file.seek(head.start)
        file.truncate()
        if head.total is not None:
            if head.total > TOO_LONG * self._about.size:
                raise AppError("weights_differ", file=self._about.file, url=self._url)
            self._total = head.total
            if shutil.disk_usage(self._folder).free < FLOOR_BYTES + head.total - head.start:
                raise OutOfSpace(folder=str(self._folder))
        return head.total is not None

    def _pause(self) -> None:
        end = time.monotonic() + PAUSE_SECONDS
        while time.monotonic() < end:
            if self._should_stop():
                raise Stopped
            time.sleep(web_pieces.LOOK_SECONDS)

    def _error(self, code: str, reason: str, **more: object) -> AppError:
        return AppError(code, url=self._url, reason=reason, file=self._about.file, folder=str(self._folder), **more)


@contextlib.contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    """What the folder refuses, as an error with a sentence; those of the network are no OSError here any more."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(folder=str(folder)) from error
        raise AppError("weights_folder_unusable", folder=str(folder), reason=str(error.strerror or error)) from error


def _sweep(folder: Path) -> None:
    """Remove what downloads left behind whose process was killed long ago."""
    for path in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_SECONDS:
                path.unlink()
