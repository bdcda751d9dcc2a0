"""How much memory a process may take."""

import contextlib
import os
from pathlib import Path

SHARE = 0.8  # of the machine, for all trainings of a worker together
MEGABYTE = 2**20
_GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MEMORY = Path("/proc/meminfo")
_STEP = 256 * MEGABYTE  # so that a worker does not have something new to say all the time
_CARD = Path("/dev/nvidiactl")


def for_training(setting_mb: int, places: int) -> int:
    """Bytes of data that one training may hold; 0 for no limit.

    Args:
        setting_mb: MIWAKE_JOB_MEMORY_MB; 0 chooses a share of the machine, and none beside a graphics card, whose
            driver reserves far more addresses than it uses.
        places: trainings that may run at the same time.
    """
    if setting_mb:
        return setting_mb * MEGABYTE
    return 0 if _CARD.exists() else int(SHARE * machine_memory() / max(places, 1))


def machine_memory() -> int:
    """Bytes that this machine, or the container around this process, has; 0 where the system does not say."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0
    for source in _GROUPS:
        with contextlib.suppress(OSError, ValueError):  # "max", or no such group
            total = min(total, int(source.read_text(encoding="ascii")))
    return total


def free_memory() -> int:
    """Bytes that a new process could have at this moment, in steps of 256 MB; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _MEMORY.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = min(int(line.split()[1]) * 1024, machine_memory())
                return free // _STEP * _STEP
    return 0


def hold_to(most: int) -> None:
    """Let an allocation beyond ``most`` bytes fail with an error, before the system has to kill somebody."""
    try:
        import resource  # noqa: PLC0415 - Unix only
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):  # a stricter limit holds already
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))
