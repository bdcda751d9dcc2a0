"""Amounts of memory as they are read by people."""

_UNITS = ("B", "KB", "MB", "GB", "TB")


def scaled(value: int) -> tuple[float, str, int]:
    """Bytes in the largest unit that keeps the number above one, that unit, and how many decimals are shown."""
    place = 0
    while value >= 1000 ** (place + 1) and place < len(_UNITS) - 1:
        place += 1
    size = value / 1000**place
    return size, _UNITS[place], 0 if place < 2 or size >= 100 else 1


def in_units(value: int, more: int = 0) -> str:
    """As ``scaled``, in one text such as "2.1 GB", the same in all languages; with so many decimals ``more``."""
    size, unit, digits = scaled(value)
    return f"{size:,.{digits + more}f} {unit}"


def apart(one: int, other: int) -> tuple[str, str]:
    """Two amounts ``in_units``, with as many decimals as tell them apart: 2.13 GB and 2.09 GB are not both 2.1 GB."""
    for more in range(3):
        texts = in_units(one, more), in_units(other, more)
        if texts[0] != texts[1]:
            break
    return texts
