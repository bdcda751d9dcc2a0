"""Makes files durable: one by one, or all that a file system has waiting in one go.

Waiting for each file of a batch costs a turn of the disk's journal for each; Linux can be asked once for everything
(``syncfs``). That is used on file systems of which it is known to wait for data and names and to report errors: ext4
and XFS on Linux 5.8 or newer. Everywhere else each file is waited for.
"""

import ctypes
import os
import platform
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

THREADS = 8
TOGETHER = 16  # from so many files on one call for all is cheaper
_KNOWN = frozenset({"ext4", "xfs"})
_REPORTS_ERRORS = (5, 8)


def sync(path: Path | str) -> None:
    """Wait until a file or the names in a folder are on the disk. Windows cannot sync a folder and need not."""
    if os.name == "nt" and Path(path).is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Syncer:
    """Waits for the files of one batch. Made before they are written: errors since then are reported.

    Args:
        root: a folder of the file system that all files lie on.
    """

    def __init__(self, root: Path) -> None:
        self._handle = os.open(root, os.O_RDONLY) if goes_together(root) else None

    def wait(self, paths: Iterable[Path | str]) -> None:
        """Return when all ``paths``, files or folders, are on the disk."""
        wanted = list(paths)
        if self._handle is not None and len(wanted) >= TOGETHER:
            if _libc().syncfs(self._handle):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            return
        # Several waits at the same time, because a disk does many of them in one turn.
        with ThreadPoolExecutor(min(THREADS, len(wanted) or 1)) as threads:
            list(threads.map(sync, wanted))

    def close(self) -> None:
        """Give the handle back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def goes_together(root: Path) -> bool:
    """True when the file system of a folder can be trusted with one call for everything that waits."""
    if sys.platform != "linux" or _linux() < _REPORTS_ERRORS:
        return False
    device = root.stat().st_dev
    return _file_system(os.major(device), os.minor(device)) in _KNOWN


def _linux() -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return tuple(map(int, found.groups())) if found else (0, 0)


@cache
def _file_system(major: int, minor: int) -> str:
    """The kind of a mounted file system, or "" when it cannot be told."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2:3] == [f"{major}:{minor}"]:
            return after.split(" ", 1)[0]
    return ""


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
