"""The clock of an SQLite database: one that nobody sets, the same for all processes of the machine.

The wall clock jumps when somebody sets it, and leases that are compared with it would end early or last for hours.
SQLite serves one machine only, so the seconds since it was started will do. A later start counts from zero again; so
that moments of two starts are not mistaken for each other, each start has an offset of its own, months apart.
"""

import time
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STARTS, APART = 100_000, 1e7  # number of offsets, and seconds between two of them


def host_seconds() -> float:
    """Seconds that only ever grow while the machine is on, also while it sleeps where the system counts that."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return _offset() + (time.monotonic() if clock is None else time.clock_gettime(clock))


@cache
def _offset() -> float:
    try:
        name = BOOT_ID.read_text(encoding="ascii").strip().replace("-", "")
        return int(name, 16) % STARTS * APART
    except (OSError, ValueError):
        return 0.0  # not Linux: leases of an earlier start end when they were not renewed for long enough
