"""Search in the names of a project's images: which images can be meant, found in memory.

No index of a database finds any part of a name, two Japanese characters among them, and a look at a million rows takes
a second. The names of a project are kept as one text instead, which is searched in some milliseconds. What is found is
only asked of the database again, so it need not be exact: names of images that are gone do no harm, and the case of
letters is left to the database.
"""

import threading
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImageCount
from app.services.image_filter import CHUNK, ImageFilter
from app.services.kept import Kept

LEAST = 2000  # images of a project; of fewer the database finds the names as quickly
PROJECTS = 8  # whose names are kept, those that were asked for last


@dataclass
class Names:
    """The names of a project as one text. ``ends``: where each name ends; ``images`` and ``size``: what it holds."""

    text: bytearray = field(default_factory=bytearray)
    ids: "array[int]" = field(default_factory=lambda: array("q"))
    ends: "array[int]" = field(default_factory=lambda: array("q"))
    size: int = 0  # bytes of the files: with their number what tells that images are missing
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """(id, name, bytes of the file) of images with greater ids than those before."""
        for image_id, name, size in rows:
            self.text += name.casefold().encode() + b"\n"
            self.ids.append(image_id)
            self.ends.append(len(self.text))
            self.size += size

    def clear(self) -> None:
        """Forget everything."""
        self.text, self.ids, self.ends, self.size = bytearray(), array("q"), array("q"), 0

    def find(self, part: str, most: int) -> list[int] | None:
        """The ids of the images with ``part`` in their names; None when they are more than ``most``."""
        wanted, ends = part.casefold().encode(), np.frombuffer(self.ends, dtype=np.int64)
        found: list[int] = []
        start = self.text.find(wanted)
        while start >= 0:
            place = int(np.searchsorted(ends, start, side="right"))
            if len(found) == most:
                return None
            found.append(self.ids[place])
            start = self.text.find(wanted, self.ends[place])
        return found


_kept: Kept[Names] = Kept(PROJECTS)


def narrowed(session: Session, project_id: int, chosen: ImageFilter) -> ImageFilter:
    """The same filter, with the images that its search can mean by id where they are few in a large project."""
    if not chosen.query or chosen.among is not None:
        return chosen
    counted = sa.select(sa.func.sum(ImageCount.count), sa.func.sum(ImageCount.bytes))
    count, size = session.execute(counted.where(ImageCount.project_id == project_id)).one()
    if int(count or 0) < LEAST:
        return chosen
    names = _kept.get(session, project_id, Names)
    with names.lock:
        _freshen(session, project_id, names, (int(count), int(size)))
        found = names.find(chosen.query, CHUNK)
    return chosen if found is None else replace(chosen, among=tuple(found))


def _freshen(session: Session, project_id: int, names: Names, now: tuple[int, int]) -> None:
    """Read what is new; everything again when images are gone, or one was made durable behind a later one.

    SQLite gives the ids of the last images out again once those are gone, so no id tells which state is the newer one.
    """
    if (len(names.ids), names.size) == now:
        return
    names.add(_rows(session, project_id, names.ids[-1] if names.ids else 0))
    if (len(names.ids), names.size) != now:
        names.clear()
        names.add(_rows(session, project_id, 0))


def _rows(session: Session, project_id: int, behind: int) -> Iterable[tuple[int, str, int]]:
    query = sa.select(Image.id, Image.name, Image.file_bytes).where(Image.project_id == project_id, Image.id > behind)
    rows = session.execute(query.order_by(Image.id), execution_options={"yield_per": 5000})
    return ((image_id, name, size) for image_id, name, size in rows)
