"""Changes of a picture that put a question to a network: does its answer depend on this part of the picture?

All are pure functions on squares (n, size, size, 3) uint8, as the network sees them. What is covered gets the mean
colour of the rest of the picture, or its mirror image: a black patch would be a new thing to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.domain.errors import Invalid

BORDER = 0.1  # width of the frame, as a part of the side
Squares = NDArray[np.uint8]


class Change(StrEnum):
    """What is done to the picture."""

    BLANK_BORDER = "blank-border"
    MIRROR_BORDER = "mirror-border"
    BLANK_PADDING = "blank-padding"
    MIRROR_PADDING = "mirror-padding"
    MASK = "mask"
    CROP = "crop"
    FLIP = "flip"
    UPSIDE_DOWN = "upside-down"
    BRIGHTEN = "brighten"


OF_EDGES = (Change.BLANK_BORDER, Change.MIRROR_BORDER, Change.BLANK_PADDING, Change.MIRROR_PADDING)
OF_PADDING = (Change.BLANK_PADDING, Change.MIRROR_PADDING)
WITH_BOX = (Change.MASK, Change.CROP)
LIGHTEST = 100  # percent more or less light


@dataclass(frozen=True)
class Alteration:
    """A change with its values.

    Attributes:
        box: left, top, right and bottom in percent of the side, of ``mask`` and ``crop``.
        light: percent more (or less) light, of ``brighten``.
    """

    change: Change
    box: tuple[int, int, int, int] = (25, 25, 75, 75)
    light: int = 30

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Alteration":
        """From a form or a stored row.

        Raises:
            Invalid: ``alteration_unknown``, ``alteration_box`` or ``alteration_light``.
        """
        name = str(values.get("change", ""))
        if name not in list(Change):
            raise Invalid("alteration_unknown", change=name[:40], known=", ".join(Change))
        change = Change(name)
        if change in WITH_BOX:
            return cls(change, box=_box(values.get("box", cls.box)))
        if change is Change.BRIGHTEN:
            return cls(change, light=_light(values.get("light", cls.light)))
        return cls(change)

    def to_json(self) -> dict[str, Any]:
        """Only the values that the change uses."""
        values: dict[str, Any] = {"change": self.change.value}
        if self.change in WITH_BOX:
            values["box"] = list(self.box)
        if self.change is Change.BRIGHTEN:
            values["light"] = self.light
        return values

    def apply(self, squares: Squares, sizes: NDArray[np.int64]) -> Squares:
        """The changed pictures.

        Args:
            squares: (n, size, size, 3).
            sizes: (n, 2), width and height of the pictures before they became squares; used for padding only.
        """
        return np.stack([self._one(square, size) for square, size in zip(squares, sizes, strict=True)])

    def _one(self, square: Squares, size: NDArray[np.int64]) -> Squares:
        if self.change in OF_EDGES:
            inner = _inside(square.shape[0], size if self.change in OF_PADDING else None)
            mirrored = self.change in (Change.MIRROR_BORDER, Change.MIRROR_PADDING)
            return _mirrored(square, inner) if mirrored else _covered(square, inner, outside=True)
        if self.change is Change.MASK:
            return _covered(square, _pixels(self.box, square.shape[0]), outside=False)
        if self.change is Change.CROP:
            return _cropped(square, _pixels(self.box, square.shape[0]))
        if self.change is Change.BRIGHTEN:
            lighter: Squares = np.rint(np.clip(square * (1 + self.light / 100), 0, 255)).astype(np.uint8)
            return lighter
        return square[:, ::-1] if self.change is Change.FLIP else square[::-1]


Inside = tuple[slice, slice]


def _box(given: Any) -> tuple[int, int, int, int]:
    try:
        left, top, right, bottom = (int(value) for value in given)
    except (TypeError, ValueError):
        raise Invalid("alteration_box") from None
    if not (0 <= left < right <= 100 and 0 <= top < bottom <= 100) or (right - left) * (bottom - top) >= 10_000:
        raise Invalid("alteration_box")
    return left, top, right, bottom


def _light(given: Any) -> int:
    try:
        light = int(given)
    except (TypeError, ValueError):
        raise Invalid("alteration_light", most=LIGHTEST) from None
    if not 1 <= abs(light) <= LIGHTEST:
        raise Invalid("alteration_light", most=LIGHTEST)
    return light


def _inside(side: int, size: NDArray[np.int64] | None) -> Inside:
    """What is no border; or, of a picture of ``size`` that was fitted into the square, what is no padding."""
    if size is None:
        edge = max(1, round(side * BORDER))
        return slice(edge, side - edge), slice(edge, side - edge)
    width, height = (max(1, round(int(one) * side / int(size.max()))) for one in size)
    left, top = (side - width) // 2, (side - height) // 2
    return slice(top, top + height), slice(left, left + width)


def _pixels(box: tuple[int, int, int, int], side: int) -> Inside:
    left, top, right, bottom = (round(value * side / 100) for value in box)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _covered(square: Squares, part: Inside, *, outside: bool) -> Squares:
    """The part, or what is outside of it, in the mean colour of the rest."""
    covered = np.zeros(square.shape[:2], np.bool_)
    covered[part] = True
    if outside:
        covered = ~covered
    changed = square.copy()
    if covered.any():
        changed[covered] = np.rint(square[~covered].mean(axis=0)).astype(np.uint8)
    return changed


def _mirrored(square: Squares, part: Inside) -> Squares:
    """What is outside of the part shows the part in a mirror."""
    rows, columns = part
    side = square.shape[0]
    beside = ((rows.start, side - rows.stop), (columns.start, side - columns.stop), (0, 0))
    return np.pad(square[part], beside, mode="symmetric")


def _cropped(square: Squares, part: Inside) -> Squares:
    side = square.shape[0]
    picture = Image.fromarray(square[part]).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.uint8)
