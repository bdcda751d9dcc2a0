"""Images that must not be torn apart by a split: those of one patient, burst or folder, and copies of one picture.

A group is told by the file name (a pattern), by the folder, or by what a check of the pictures found.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain import leaks
from app.domain.errors import Invalid
from app.domain.filenames import place, split_of

NONE, COPIES, NAME, FOLDER = GROUPINGS = ("none", "copies", "name", "folder")
GROUP, NUMBER, ANYTHING = "*", "#", "~"
_PARTS = {GROUP: "(.+?)", NUMBER: r"\d+", ANYTHING: ".*?"}
_ENDING = re.compile(r"\.[^.\s]{1,5}$")


def name_pattern(text: str) -> re.Pattern[str]:
    """The expression for a pattern of file names without their ending.

    ``*`` stands for the part that names the group, ``#`` for a number, ``~`` for anything; all else for itself. Each
    may be used once, so that no pattern takes long: ``*_#`` finds ``patient7`` in ``patient7_0012.png``.

    Raises:
        Invalid: ``group_pattern`` for a pattern without ``*``, or with one of the signs twice.
    """
    counts = [text.count(sign) for sign in _PARTS]
    if counts[0] != 1 or max(counts) > 1 or len(text) > 100:
        raise Invalid("group_pattern", value=text[:100])
    return re.compile("".join(_PARTS.get(letter) or re.escape(letter) for letter in text), re.IGNORECASE)


def of_name(name: str, pattern: re.Pattern[str]) -> str:
    """The group that a file name tells, "" for a name that does not fit."""
    found = pattern.fullmatch(_ENDING.sub("", name))
    return found.group(1).casefold() if found else ""


def of_folder(path: str) -> str:
    """The folder that a picture came from, without the parts that name its split and its class."""
    label = place(path).class_name
    return "/".join(part for part in path.split("/")[:-1] if part != label and split_of(part) is None)


def numbered(count: int, names: Sequence[str], pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """The group of each image, called by the place of its first member, shape (count,).

    Args:
        count: images.
        names: of the groups, by place; "" is a group of its own. May be empty: no names.
        pairs: places of two images that belong together whatever they are called.
    """
    numbers = np.arange(count)
    for group in leaks.groups(count, [*leaks.equal_pairs(names), *pairs]):
        numbers[group] = group[0]
    return numbers
