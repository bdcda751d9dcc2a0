"""What an interrupted import has already, so that nothing is sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ImportBatch, ImportEntry, Project
from app.domain.filenames import shown_path
from app.services import uploads

SENT = "sent"  # key in the params of an entry: how the client tells two files of one name apart
SHOWN = 20


@dataclass(frozen=True)
class Offer:
    """A file that a client could send. ``modified``: milliseconds since 1970, by the client's clock."""

    path: str
    size: int
    modified: int

    @property
    def sent(self) -> str:
        """What is kept of it: a file that was changed meanwhile is another one."""
        return f"{self.size}-{self.modified}"


@dataclass(frozen=True)
class Open:
    """An import that a page has begun and not ended. ``received``: bytes of its zip that are here."""

    number: int
    name: str
    source: str
    total: int | None
    done: int
    received: int
    file: dict[str, Any]  # the zip as it was announced


def missing(session: Session, batch: ImportBatch, offers: Sequence[Offer]) -> list[int]:
    """Which of the offered files (by their places in the list) the import has no verdict of yet."""
    query = sa.select(ImportEntry.path, ImportEntry.params).where(ImportEntry.import_id == batch.id)
    known = {(path, params.get(SENT)) for path, params in session.execute(query.execution_options(yield_per=5000))}
    return [place for place, offer in enumerate(offers) if (shown_path(offer.path), offer.sent) not in known]


def unfinished(session: Session, project: Project, data_dir: Path) -> list[Open]:
    """Imports that were begun in a browser and can go on, the newest first."""
    query = (
        sa.select(ImportBatch)
        .where(
            ImportBatch.project_id == project.id,
            ImportBatch.finished.is_(False),
            ImportBatch.source.in_(("browser", "zip")),
        )
        .order_by(ImportBatch.id.desc())
        .limit(SHOWN)
    )
    return [_open(batch, data_dir) for batch in session.scalars(query) if not batch.options.get("job")]


def _open(batch: ImportBatch, data_dir: Path) -> Open:
    done = batch.new_count + batch.duplicate_count + batch.refused_count + batch.skipped_count
    received = uploads.received(data_dir, batch.id)
    return Open(batch.number, batch.name, batch.source, batch.total, done, received, batch.options.get("zip", {}))
