"""Images that must not be torn apart by a split: those of one patient, burst or folder, and copies of one picture.

A group is told by the file name (a pattern), by the folder, by camera and time, or by what a check of the pictures
found.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.domain import leaks
from app.domain.errors import Invalid
from app.domain.filenames import place, split_of

NONE, COPIES, NAME, FOLDER, BURST = GROUPINGS = ("none", "copies", "name", "folder", "burst")
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


def bursts(taken: Sequence[tuple[str, datetime] | None], seconds: float) -> list[tuple[int, int]]:
    """Places of two pictures that one camera took within ``seconds``, one right after the other.

    A burst is a chain of such pairs: it may last longer than ``seconds`` from its first picture to its last.

    Args:
        taken: camera and time of each picture, None where the time is not known.
        seconds: the longest pause inside a burst.
    """
    known = sorted((*moment, place) for place, moment in enumerate(taken) if moment is not None)
    return [
        (place, other)
        for (camera, time, place), (next_camera, next_time, other) in pairwise(known)
        if camera == next_camera and (next_time - time).total_seconds() <= seconds
    ]


def tied(groups: NDArray[np.int64], pinned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True for images that are not pinned but belong together with one that is; all arrays have the shape (images,)."""
    return np.isin(groups, groups[pinned]) & ~pinned


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
