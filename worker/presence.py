"""Which process on which machine a worker is, so that others on the same machine see at once when it is gone.

A lease says that a worker is lost after half a minute, from any host. On the host of the worker the system knows it
sooner: its process has ended.
"""

import functools
import os
from pathlib import Path

PROC = Path("/proc")


def mark() -> str:
    """This process, in words that no other one has: machine since its start, process table, number and start.

    Empty where the system does not say, as outside of Linux.
    """
    started = _started(os.getpid())
    return f"{_place()} {os.getpid()} {started}" if _place() and started else ""


def gone(marked: str) -> bool:
    """True when ``marked``, of ``mark``, was a process of this machine and has ended.

    False when it runs or is stopped, when it is on another machine or in another container, and when nobody knows.
    """
    place, number, started = marked.rsplit(" ", 2) if marked.count(" ") >= 2 else ("", "", "")
    if not place or place != _place() or not number.isdigit():
        return False
    found = _started(int(number))
    return found != started if found else _ended(int(number))


def _ended(number: int) -> bool:
    """Of a process that /proc does not show, perhaps because it is another person's (``hidepid``)."""
    try:
        os.kill(number, 0)  # signal 0 only asks
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # it is there and not ours, or nobody knows
    return False


@functools.cache
def _place() -> str:
    """The start of this machine and the process table that this process sees; each container has its own."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started(number: int) -> str:
    """When the process began, in ticks since the start of the machine.

    Empty when it is not shown; "ended" when only its name is left, until somebody asks how it ended.
    """
    try:
        fields = (PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if fields[0] in "ZX" else fields[19]
