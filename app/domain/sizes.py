"""Amounts of memory as they are read by people."""

_UNITS = ("B", "KB", "MB", "GB", "TB")


def scaled(value: int) -> tuple[float, str, int]:
    """Bytes in the largest unit that keeps the number above one, that unit, and how many decimals are shown."""
    place = 0
    while value >= 1000 ** (place + 1) and place < len(_UNITS) - 1:
        place += 1
    size = value / 1000**place
    return size, _UNITS[place], 0 if place < 2 or size >= 100 else 1


def in_units(value: int) -> str:
    """As ``scaled``, in one text such as "2.1 GB"; it is the same in all languages."""
    size, unit, digits = scaled(value)
    return f"{size:,.{digits}f} {unit}"
