"""A data set on its way out: folders in a zip, a table, or JSON; an import of the zip gives the same project again.

What goes out is read in one go into a temporary file, so that it is the state of one moment however slowly somebody
downloads; pictures are then read from the store one at a time, so that no size needs much memory.
"""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import IO, Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import Image, ImageCount, LabelClass, Project
from app.domain.enums import ImageState
from app.domain.lists import guarded
from app.domain.safe_names import Names
from app.services import gallery
from app.storage import Store

MANIFEST = "manifest.csv"
DESCRIPTION = "dataset.json"
COLUMNS = (
    *("path", "class", "split", "excluded", "reason", "unsure", "skipped", "checked", "note"),
    *("source", "licence", "may_be_published", "sha256", "bytes", "width", "height", "original_path"),
)
_PAGE = 5000
_IN_MEMORY = 8 * 2**20
_UNSAFE = ("path", "class", "reason", "note", "source", "licence", "original_path")  # text of people


class Format(StrEnum):
    """What is written."""

    FOLDERS = "folders"
    CSV = "csv"
    JSON = "json"

    @property
    def ending(self) -> str:
        """The ending of the file."""
        return "zip" if self == Format.FOLDERS else self.value

    @property
    def media_type(self) -> str:
        """The type that a browser is told."""
        types = {Format.FOLDERS: "application/zip", Format.CSV: "text/csv; charset=utf-8"}
        return types.get(self, "application/json")


@dataclass(frozen=True)
class Amount:
    """How many images would go out, and their bytes; ``open``: of how many nobody has said if they may be published.

    ``excluded``: how many excluded images fit the filter otherwise; they go out where it asks for them.
    """

    images: int
    size: int
    allowed: int
    open: int
    excluded: int


@dataclass(frozen=True)
class Export:
    """A data set at one moment. ``rows``: one JSON object for each image, a line each, in the order of the ids."""

    about: dict[str, Any]
    rows: IO[bytes]
    count: int

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.rows.seek(0)
        return map(json.loads, self.rows)


def _conditions(project_id: int, chosen: gallery.ImageFilter, allowed: bool) -> list[sa.ColumnElement[bool]]:
    found = gallery.conditions(project_id, chosen)
    return [*found, Image.publish == "yes"] if allowed else found


def amount(session: Session, project_id: int, chosen: gallery.ImageFilter) -> Amount:
    """What would go out."""
    in_any_state = gallery.resolved(session, project_id, replace(chosen, state=None))
    kept = in_any_state == gallery.ImageFilter(state=None)  # of everything the database has the sums
    state, publish, count, size = (
        (ImageCount.state, ImageCount.publish, ImageCount.count, ImageCount.bytes)
        if kept
        else (Image.state, Image.publish, sa.literal(1), Image.file_bytes)
    )
    query = sa.select(state, publish, sa.func.sum(count), sa.func.sum(size)).group_by(state, publish)
    where = [ImageCount.project_id == project_id] if kept else _conditions(project_id, in_any_state, False)
    rows = [
        (state, publish, int(count), int(size)) for state, publish, count, size in session.execute(query.where(*where))
    ]
    going = [row for row in rows if chosen.state in (None, row[0])]
    return Amount(
        images=sum(count for _, _, count, _ in going),
        size=sum(size for _, _, _, size in going),
        allowed=sum(count for _, publish, count, _ in going if publish == "yes"),
        open=sum(count for _, publish, count, _ in going if not publish),
        excluded=sum(count for state, _, count, _ in rows if state == ImageState.EXCLUDED),
    )


def prepare(session: Session, project: Project, chosen: gallery.ImageFilter, *, allowed: bool = False) -> Export:
    """Read what goes out: the images that match, with ``allowed`` only those that may be published."""
    names = Names()
    for name in (MANIFEST, DESCRIPTION):
        names.take([], name, "")
    rows = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it lives as long as the download
    count = 0
    chosen = gallery.resolved(session, project.id, chosen)
    for values in _read(session, _conditions(project.id, chosen, allowed)):
        rows.write(json.dumps(_row(values, names), ensure_ascii=False).encode() + b"\n")
        count += 1
    return Export(_about(session, project, count), rows, count)


def _read(session: Session, conditions: list[sa.ColumnElement[bool]]) -> Iterator[Any]:
    last = 0
    query = sa.select(Image, LabelClass.name).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    while True:
        page = query.where(*conditions, Image.id > last).order_by(Image.id).limit(_PAGE)
        found = session.execute(page).all()
        yield from found
        if len(found) < _PAGE:
            return
        last = found[-1][0].id
        session.expunge_all()


def _row(values: Any, names: Names) -> dict[str, Any]:
    image, class_name = values
    folders = [part for part in (image.split, class_name) if part]
    excluded = image.state == ImageState.EXCLUDED
    return {
        "path": names.take(["excluded", *folders] if excluded else folders, image.name, image.file_format.lower()),
        "class": class_name or "",
        "split": image.split or "",
        "excluded": "yes" if excluded else "",
        "reason": image.reason if excluded else "",
        "unsure": "yes" if image.unsure else "",
        "skipped": "yes" if image.skipped else "",
        "checked": "yes" if image.checked_id is not None and image.checked_id == image.class_id else "",
        "note": image.note,
        "source": image.origin,
        "licence": image.licence,
        "may_be_published": image.publish,
        "sha256": image.sha256,
        "bytes": image.file_bytes,
        "width": image.width,
        "height": image.height,
        "original_path": image.path,
    }


def _about(session: Session, project: Project, count: int) -> dict[str, Any]:
    query = sa.select(LabelClass).where(LabelClass.project_id == project.id).order_by(LabelClass.position)
    fields = ("name", "second_name", "description", "color", "key", "retired")
    return {
        "format": "miwake data set",
        "version": 1,
        "project": project.name,
        "description": project.description,
        "made": utc_now().astimezone(UTC).isoformat(timespec="seconds"),
        "count": count,
        "classes": [{name: getattr(one, name) for name in fields} for one in session.scalars(query)],
    }


def written(export: Export, form: Format, store: Store) -> Iterator[bytes]:
    """The file in pieces; it can be written once. Raises NotFound where an original is gone from the store."""
    with export.rows:
        if form == Format.FOLDERS:
            yield from as_zip(export, store)
        else:
            yield from as_csv(export) if form == Format.CSV else as_json(export)


def as_csv(export: Export) -> Iterator[bytes]:
    """The table, with the mark by which Excel knows UTF-8. No cell is taken for a formula."""
    yield "\ufeff".encode() + _line(COLUMNS)
    for row in export:
        yield _line([guarded(row[name]) if name in _UNSAFE else row[name] for name in COLUMNS])


def _line(cells: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def as_json(export: Export) -> Iterator[bytes]:
    """The description of the set with all its images."""
    head = json.dumps(export.about, ensure_ascii=False, indent=1)
    yield (head.removesuffix("\n}") + ',\n "images": [').encode()
    for number, row in enumerate(export):
        yield ((",\n  " if number else "\n  ") + json.dumps(row, ensure_ascii=False)).encode()
    yield b"\n ]\n}\n"


class _Pipe:
    """Where the zip is written to: keeps what has not been sent yet. It cannot be turned back, and zipfile knows."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        """What has been written since the last call."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data


def as_zip(export: Export, store: Store) -> Iterator[bytes]:
    """Folders of split and class with the originals byte for byte, the table and the description in front."""
    pipe = _Pipe()
    made = datetime.fromisoformat(export.about["made"])
    with zipfile.ZipFile(cast("IO[bytes]", pipe), "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(_info(DESCRIPTION, made), json.dumps(export.about, ensure_ascii=False, indent=1))
        with packed.open(_info(MANIFEST, made), "w", force_zip64=export.count > 1_000_000) as table:
            for line in as_csv(export):
                table.write(line)
                yield pipe.take()
        for row in export:
            packed.writestr(_info(row["path"], made), store.get(row["sha256"]))
            yield pipe.take()
    yield pipe.take()


def _info(name: str, made: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (made.year, made.month, made.day, made.hour, made.minute, made.second))
    info.external_attr = 0o100644 << 16
    return info
