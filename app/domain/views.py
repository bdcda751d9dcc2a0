"""Several views of one picture, for judging only: the mean of what a model says of them is often calmer.

The list is fixed, so that the same choice means the same everywhere; nothing is drawn by chance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pictures = NDArray[np.uint8]
SHIFT = 0.04  # of the side
CLOSER = 0.92  # of the side is seen
NONE, MIRROR, SHIFTS, ALL, TURNS = KINDS = ("none", "mirror", "shifts", "all", "turns")
SEVERAL = tuple(kind for kind in KINDS if kind != NONE)


@dataclass(frozen=True)
class View:
    """How a picture is looked at.

    Attributes:
        right, down: by how many parts of its side it is moved.
        seen: part of the side around the middle that is seen; the rest is cut off.
        turned: quarter turns to the left, after it was mirrored.
    """

    mirrored: bool = False
    right: float = 0.0
    down: float = 0.0
    seen: float = 1.0
    turned: int = 0


AS_IT_IS = View()
_MOVED = (AS_IT_IS, View(right=-SHIFT), View(right=SHIFT), View(down=-SHIFT), View(down=SHIFT), View(seen=CLOSER))
VIEWS: dict[str, tuple[View, ...]] = {
    NONE: (AS_IT_IS,),
    MIRROR: (AS_IT_IS, View(mirrored=True)),
    SHIFTS: _MOVED,
    ALL: (*_MOVED, *(View(True, view.right, view.down, view.seen) for view in _MOVED)),
    TURNS: tuple(View(mirrored, turned=turned) for mirrored in (False, True) for turned in range(4)),
}


def look(pictures: Pictures, view: View) -> Pictures:
    """Pictures (n, size, size, 3) as ``view`` has them; what a moved picture leaves open repeats its edge."""
    size = pictures.shape[1]
    if view.mirrored:
        pictures = pictures[:, :, ::-1]
    if view.turned:
        pictures = np.rot90(pictures, view.turned, axes=(1, 2))
    down, right = (round(part * size) or int(np.sign(part)) for part in (view.down, view.right))
    if down or right:
        rows = np.clip(np.arange(size) - down, 0, size - 1)
        columns = np.clip(np.arange(size) - right, 0, size - 1)
        pictures = pictures[:, rows][:, :, columns]
    if view.seen < 1:
        pictures = np.stack([_closer(picture, view.seen) for picture in pictures])
    return np.ascontiguousarray(pictures)


def _closer(picture: Pictures, seen: float) -> Pictures:
    size = picture.shape[0]
    edge = size * (1 - seen) / 2
    box = (edge, edge, size - edge, size - edge)
    whole = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(whole.resize((size, size), Image.Resampling.BILINEAR, box=box), dtype=np.uint8)
