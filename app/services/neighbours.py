"""Pictures that look alike: the nearest of one picture or of some, far ones of a class, and pairs that lie close."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image
from app.domain import space
from app.domain.enums import ImageState
from app.services import feature_space
from app.services.feature_space import Space
from app.services.image_filter import chunks, named
from app.storage.arrays import Arrays

MOST = 1000  # neighbours that can be asked for
MOST_ASKED = 50  # images of a selection that are looked at; a larger one is thinned out evenly


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image and the cosine of its features with those asked for: 1 is the same picture."""

    image_id: int
    likeness: float


def nearest(
    session: Session, arrays: Arrays, project_id: int, image_ids: Sequence[int], count: int = 200
) -> list[Neighbour] | None:
    """The images in use most like any of ``image_ids``, which come first themselves; exact.

    Returns:
        None when none of the images has features yet.
    """
    found = feature_space.load(session, arrays, project_id)
    if found is None:
        return None
    asked = found.places(image_ids)
    if not len(asked):
        return None
    # Some may have been excluded since, so a few more are looked for than are wanted.
    near = search(found, arrays, asked, min(count, MOST) + 50)
    ids = found.ids[near.places].tolist()
    used = _used(session, project_id, ids)
    listed = [Neighbour(one, float(like)) for one, like in zip(ids, near.likeness, strict=True) if one in used]
    return listed[: min(count, MOST)]


def search(found: Space, arrays: Arrays, asked: space.Places, count: int) -> space.Near:
    """The same in a space at hand, by places."""
    if len(asked) > MOST_ASKED:
        asked = asked[np.linspace(0, len(asked) - 1, MOST_ASKED).astype(np.int64)]
    rows = found.full(arrays, asked)
    return space.nearest(
        found.few, found.rest, found.directions, rows, lambda places: found.full(arrays, places), count
    )


def _used(session: Session, project_id: int, image_ids: Sequence[int]) -> set[int]:
    used: set[int] = set()
    for some in chunks(image_ids):
        query = sa.select(Image.id).where(named(project_id, some))
        used |= set(session.scalars(query.where(Image.state == ImageState.ACTIVE)))
    return used
