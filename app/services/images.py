"""Images: add pictures to a project. The same content is never stored twice in one project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch, Project
from app.domain.enums import Split
from app.domain.filenames import display_name
from app.domain.imaging import Decoded
from app.domain.lists import one_line
from app.services import own_ids
from app.storage import Batch, Store


@dataclass(frozen=True)
class Prepared:
    """A decoded picture whose three files are in the store: what an image row needs besides its place."""

    sha256: str
    canonical_sha256: str
    thumbnail_sha256: str
    width: int
    height: int
    file_format: str
    file_bytes: int
    conversion: dict[str, Any]


@dataclass(frozen=True)
class Rights:
    """Where a picture comes from, its licence, and whether it may be published ("yes", "no" or "")."""

    origin: str = ""
    licence: str = ""
    publish: str = ""

    @classmethod
    def said(cls, origin: str, licence: str, publish: str) -> Self:
        """What somebody typed, as it is kept."""
        return cls(one_line(origin, 500), one_line(licence, 100), publish)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """What an import was told of all its pictures."""
        return cls(options.get("origin", ""), options.get("licence", ""), options.get("publish", ""))


@dataclass(frozen=True)
class Newcomer:
    """A picture that wants to be an image. ``path`` is cleaned (``filenames.shown_path``)."""

    prepared: Prepared
    path: str
    split: Split | None
    rights: Rights = Rights()


@dataclass(frozen=True)
class Added:
    """What became of a newcomer: its own new row, or the row that has the same content already."""

    image_id: int
    is_new: bool


def prepare(store: Store | Batch, data: bytes, decoded: Decoded) -> Prepared:
    """Keep the original byte for byte, our copy and the thumbnail; outside any transaction, before the row."""
    canonical = store.put(decoded.canonical)
    return Prepared(
        sha256=store.put(data),
        canonical_sha256=canonical,
        thumbnail_sha256=canonical if decoded.thumbnail is decoded.canonical else store.put(decoded.thumbnail),
        width=decoded.width,
        height=decoded.height,
        file_format=decoded.file_format,
        file_bytes=len(data),
        conversion=decoded.conversion,
    )


def add(
    session: Session, project: Project, batch: ImportBatch, prepared: Prepared, *, path: str, split: Split | None
) -> tuple[Image, bool]:
    """Add one picture; return its image, or the image that has the same content, and whether it is new."""
    (added,) = add_many(session, project.id, batch.id, [Newcomer(prepared, path, split)])
    return session.get_one(Image, added.image_id), added.is_new


def add_many(session: Session, project_id: int, import_id: int, newcomers: Sequence[Newcomer]) -> list[Added]:
    """Add pictures in one statement; the unique constraint decides, so two imports at once cannot double one."""
    if not newcomers:
        return []
    first: dict[str, Newcomer] = {}
    for newcomer in newcomers:
        first.setdefault(newcomer.prepared.sha256, newcomer)
    rows = [_row(project_id, import_id, newcomer) for newcomer in first.values()]
    if (begin := own_ids.first(session, Image.id)) is not None:
        rows = [row | {"id": image_id} for image_id, row in enumerate(rows, begin)]
    new = _insert(session, rows)
    known = _existing(session, project_id, [digest for digest in first if digest not in new])
    added = []
    for newcomer in newcomers:
        digest = newcomer.prepared.sha256
        is_new = digest in new and first[digest] is newcomer
        added.append(Added((new | known)[digest], is_new))
    return added


def _insert(session: Session, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Insert what is not there yet; ids by hash of what was inserted."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    table = cast("sa.Table", Image.__table__)
    statement = dialect.insert(table).on_conflict_do_nothing(index_elements=["project_id", "sha256"])
    found = session.connection().execute(statement.returning(table.c.sha256, table.c.id), rows)
    return {row.sha256: row.id for row in found}


def _existing(session: Session, project_id: int, digests: Sequence[str]) -> dict[str, int]:
    if not digests:
        return {}
    query = sa.select(Image.sha256, Image.id).where(Image.project_id == project_id, Image.sha256.in_(digests))
    return {row.sha256: row.id for row in session.execute(query)}


def _row(project_id: int, import_id: int, newcomer: Newcomer) -> dict[str, Any]:
    prepared = newcomer.prepared
    return {
        "project_id": project_id,
        "import_id": import_id,
        "sha256": prepared.sha256,
        "canonical_sha256": prepared.canonical_sha256,
        "thumbnail_sha256": prepared.thumbnail_sha256,
        "name": display_name(newcomer.path),
        "path": newcomer.path,
        "width": prepared.width,
        "height": prepared.height,
        "file_format": prepared.file_format,
        "file_bytes": prepared.file_bytes,
        "conversion": prepared.conversion,
        "split": newcomer.split,
        "split_source": "folder" if newcomer.split else "",
        **vars(newcomer.rights),
    }
