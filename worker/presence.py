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
    return bool(place) and place == _place() and number.isdigit() and _started(int(number)) != started


@functools.cache
def _place() -> str:
    """The start of this machine and the process table that this process sees; each container has its own."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started(number: int) -> str:
    """When the process began, in ticks since the start of the machine; empty when it is not there or only a name."""
    try:
        fields = (PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
