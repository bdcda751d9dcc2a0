"""Lists of images that features make: like some images, inside an area of the map, of one group of like images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image
from app.domain.enums import ImageState
from app.domain.errors import Invalid
from app.services import feature_map, neighbours
from app.services.image_filter import BIG, NONE, chunks, named
from app.storage.arrays import Arrays

COUNTS = (50, 100, 200, 500, 1000)
USUAL = 200
MOST_IDS, MOST_CORNERS = 200, 400


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list as the query string of its page describes it; exactly one of the first three is given.

    Attributes:
        like: images whose neighbours are wanted.
        area: corners of a polygon on the map.
        group: number of a group of like images.
        count: how many neighbours.
        unlabelled: only images without a label.
    """

    like: tuple[int, ...] = ()
    area: tuple[tuple[int, int], ...] = ()
    group: int | None = None
    count: int = USUAL
    unlabelled: bool = False

    @classmethod
    def from_query(cls, values: Mapping[str, str]) -> Self:
        """Read ``to``, ``area``, ``group``, ``count`` and ``class=none``.

        Raises:
            Invalid: ``filter_invalid`` with the field and the value.
        """
        like = _numbers("to", values.get("to", ""), MOST_IDS)
        flat = _numbers("area", values.get("area", ""), 2 * MOST_CORNERS)
        group = _numbers("group", values.get("group", ""), 1)
        count = _numbers("count", values.get("count", ""), 1)
        if len(flat) % 2 or 0 < len(flat) < 6 or max(flat, default=0) > feature_map.SIDE:
            raise Invalid("filter_invalid", field="area", value=values["area"][:40])
        if bool(like) + bool(flat) + bool(group) != 1:
            raise Invalid("list_missing")
        if values.get("class", "") not in ("", NONE):
            raise Invalid("filter_invalid", field="class", value=values["class"][:40])
        return cls(
            like=like,
            area=tuple(zip(flat[::2], flat[1::2], strict=True)),
            group=group[0] if group else None,
            count=min(max(count[0], 1), neighbours.MOST) if count else USUAL,
            unlabelled=values.get("class") == NONE,
        )

    def to_query(self) -> dict[str, str]:
        """The query string of this list, without what is the default."""
        flat = [str(number) for corner in self.area for number in corner]
        pairs = {
            "to": ",".join(map(str, self.like)),
            "area": ",".join(flat),
            "group": "" if self.group is None else str(self.group),
            "count": "" if self.count == USUAL or not self.like else str(self.count),
            "class": NONE if self.unlabelled else "",
        }
        return {name: value for name, value in pairs.items() if value}


def _numbers(field: str, text: str, most: int) -> tuple[int, ...]:
    parts = text.split(",") if text else []
    if len(parts) > most or not all(part.isascii() and part.isdigit() and len(part) < 17 for part in parts):
        raise Invalid("filter_invalid", field=field, value=text[:40])
    numbers = tuple(dict.fromkeys(map(int, parts))) if field == "to" else tuple(map(int, parts))
    if any(number >= BIG for number in numbers):
        raise Invalid("filter_invalid", field=field, value=text[:40])
    return numbers


def find(session: Session, arrays: Arrays, project_id: int, wanted: Wanted) -> list[int] | None:
    """The ids of the images in use, nearest first or in the order of the ids; None without features."""
    if wanted.like:
        near = neighbours.nearest(session, arrays, project_id, wanted.like, wanted.count)
        found = None if near is None else [one.image_id for one in near]
    else:
        plane = feature_map.load(session, arrays, project_id)
        found = None if plane is None else _on_map(plane, wanted)
    return None if found is None else _kept(session, project_id, found, wanted)


def _on_map(plane: feature_map.Plane, wanted: Wanted) -> list[int]:
    if wanted.area:
        return feature_map.inside(plane, wanted.area)
    return [int(one) for one in plane.ids[plane.groups == wanted.group]]


def _kept(session: Session, project_id: int, image_ids: list[int], wanted: Wanted) -> list[int]:
    kept: set[int] = set()
    for some in chunks(image_ids):
        query = sa.select(Image.id).where(named(project_id, some))
        query = query.where(Image.state == ImageState.ACTIVE)
        kept |= set(session.scalars(query.where(Image.class_id.is_(None)) if wanted.unlabelled else query))
    return [image_id for image_id in image_ids if image_id in kept]
