"""Lists of images that features make: like some images, chosen on a map, of one group of like images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image
from app.domain.enums import ImageState
from app.domain.errors import Invalid
from app.services import feature_map, neighbours, run_map, runs
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
        areas: corners of polygons on the map.
        ids: images that were chosen one by one, beside the areas.
        group: number of a group of like images.
        run: whose own map it is; None for the map of the project.
        count: how many neighbours.
        unlabelled: only images without a label.
    """

    like: tuple[int, ...] = ()
    areas: tuple[tuple[tuple[int, int], ...], ...] = ()
    ids: tuple[int, ...] = ()
    group: int | None = None
    count: int = USUAL
    unlabelled: bool = False
    run: int | None = None

    @classmethod
    def from_query(cls, values: Mapping[str, str]) -> Self:
        """Read ``to``, ``area`` (polygons apart by ";"), ``ids``, ``group``, ``of``, ``count`` and ``class=none``.

        Raises:
            Invalid: ``filter_invalid`` with the field and the value.
        """
        like, ids = (_numbers(name, values.get(name, ""), MOST_IDS) for name in ("to", "ids"))
        areas = tuple(_polygon(part) for part in values.get("area", "").split(";") if part)
        group, run, count = (_numbers(name, values.get(name, ""), 1) for name in ("group", "of", "count"))
        if sum(map(len, areas)) > MOST_CORNERS:
            raise Invalid("filter_invalid", field="area", value=values["area"][:40])
        if run and run[0] >= 2**31:
            raise Invalid("filter_invalid", field="of", value=values["of"][:40])
        if bool(like) + bool(areas or ids) + bool(group) != 1:
            raise Invalid("list_missing")
        if values.get("class", "") not in ("", NONE):
            raise Invalid("filter_invalid", field="class", value=values["class"][:40])
        return cls(
            like=like,
            areas=areas,
            ids=ids,
            group=group[0] if group else None,
            count=min(max(count[0], 1), neighbours.MOST) if count else USUAL,
            unlabelled=values.get("class") == NONE,
            run=run[0] if run else None,
        )

    def to_query(self) -> dict[str, str]:
        """The query string of this list, without what is the default."""
        areas = (",".join(str(number) for corner in area for number in corner) for area in self.areas)
        pairs = {
            "to": ",".join(map(str, self.like)),
            "area": ";".join(areas),
            "ids": ",".join(map(str, self.ids)),
            "group": "" if self.group is None else str(self.group),
            "of": "" if self.run is None else str(self.run),
            "count": "" if self.count == USUAL or not self.like else str(self.count),
            "class": NONE if self.unlabelled else "",
        }
        return {name: value for name, value in pairs.items() if value}


def _polygon(text: str) -> tuple[tuple[int, int], ...]:
    flat = _numbers("area", text, 2 * MOST_CORNERS)
    if len(flat) % 2 or len(flat) < 6 or max(flat) > feature_map.SIDE:
        raise Invalid("filter_invalid", field="area", value=text[:40])
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _numbers(field: str, text: str, most: int) -> tuple[int, ...]:
    parts = text.split(",") if text else []
    if len(parts) > most or not all(part.isascii() and part.isdigit() and len(part) < 17 for part in parts):
        raise Invalid("filter_invalid", field=field, value=text[:40])
    numbers = tuple(dict.fromkeys(map(int, parts))) if field in ("to", "ids") else tuple(map(int, parts))
    if any(number >= BIG for number in numbers):
        raise Invalid("filter_invalid", field=field, value=text[:40])
    return numbers


def find(session: Session, arrays: Arrays, project_id: int, wanted: Wanted) -> list[int] | None:
    """The ids of the images in use, nearest first or in the order of the ids; None without features."""
    if wanted.like:
        near = neighbours.nearest(session, arrays, project_id, wanted.like, wanted.count)
        found = None if near is None else [one.image_id for one in near]
    else:
        found = on_map(session, arrays, project_id, wanted)
    return None if found is None else _kept(session, project_id, found, wanted)


def on_map(session: Session, arrays: Arrays, project_id: int, wanted: Wanted) -> list[int] | None:
    """The ids of the images of areas, of those chosen one by one, or of a group, in their order; None without a map."""
    if wanted.group is None and not wanted.areas:
        return sorted(wanted.ids)
    if wanted.run is None:
        plane = feature_map.load(session, arrays, project_id)
    else:
        plane = run_map.load(session, arrays, runs.by_number(session, project_id, wanted.run))
    if plane is None:
        return None
    if wanted.group is not None:
        return [int(one) for one in plane.ids[plane.groups == wanted.group]]
    return sorted({*wanted.ids, *(one for area in wanted.areas for one in feature_map.inside(plane, area))})


def _kept(session: Session, project_id: int, image_ids: list[int], wanted: Wanted) -> list[int]:
    kept: set[int] = set()
    for some in chunks(image_ids):
        query = sa.select(Image.id).where(named(project_id, some))
        query = query.where(Image.state == ImageState.ACTIVE)
        kept |= set(session.scalars(query.where(Image.class_id.is_(None)) if wanted.unlabelled else query))
    return [image_id for image_id in image_ids if image_id in kept]
