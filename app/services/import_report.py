"""What the pages of imports show: past imports, problems, folders and the class each of them named."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch, ImportEntry, Project
from app.db.run_models import Job
from app.domain.enums import EntryVerdict, JobState
from app.services import imports, jobs

Say = Callable[[str, dict[str, Any]], str]


@dataclass(frozen=True)
class Problem:
    """A file that did not become a new image. ``message`` is the reason in the reader's language."""

    path: str
    verdict: str
    message: str
    image_id: int | None
    entry_id: int


@dataclass(frozen=True)
class Folder:
    """One folder of an import and what became of its files."""

    path: str
    class_name: str | None
    split: str | None
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Progress:
    """How far an import is. ``waiting``: its job is queued and no worker is alive; ``place`` in the line, 0: none."""

    done: int
    total: int | None
    finished: bool
    state: str  # of the job: a JobState, or "" without a job
    waiting: bool
    place: int
    error: str

    @property
    def over(self) -> bool:
        """True when nothing more will happen by itself."""
        return self.finished or self.state in {JobState.FAILED, JobState.CANCELLED}


def listed(session: Session, project: Project, limit: int = 50) -> list[ImportBatch]:
    """The last imports, the newest first."""
    query = sa.select(ImportBatch).where(ImportBatch.project_id == project.id).order_by(ImportBatch.id.desc())
    return list(session.scalars(query.limit(limit)))


def progress(session: Session, batch: ImportBatch, say: Say) -> Progress:
    """Where an import stands now, with the state of its job when a worker does it."""
    done = batch.new_count + batch.duplicate_count + batch.refused_count + batch.skipped_count
    job_id = batch.options.get("job")
    job = session.get(Job, job_id) if job_id else None
    if job is None:
        return Progress(done, batch.total, batch.finished, "", waiting=False, place=0, error="")
    waiting = job.state == JobState.QUEUED and not jobs.workers_alive(session)
    error = say(job.error_code, job.error_params) if job.error_code and job.state == JobState.FAILED else ""
    place = jobs.place_in_line(session, job)
    return Progress(done, batch.total, batch.finished, job.state, waiting=waiting, place=place, error=error)


def newest(session: Session, batch: ImportBatch, limit: int = 24) -> list[Image]:
    """The last images that an import brought, the newest first."""
    query = sa.select(Image).where(Image.import_id == batch.id).order_by(Image.id.desc()).limit(limit)
    return list(session.scalars(query))


def problems(session: Session, batch: ImportBatch, say: Say, limit: int | None = None) -> Iterator[Problem]:
    """Refused files, then duplicates, then what was skipped, each with its reason."""
    order = sa.case(
        {EntryVerdict.REFUSED: 0, EntryVerdict.DUPLICATE: 1, EntryVerdict.SKIPPED: 2}, value=ImportEntry.verdict
    )
    query = (
        sa.select(ImportEntry)
        .where(ImportEntry.import_id == batch.id, ImportEntry.verdict != EntryVerdict.NEW)
        .order_by(order, ImportEntry.id)
        .limit(limit)
    )
    for entry in session.scalars(query.execution_options(yield_per=1000)):
        yield Problem(entry.path, entry.verdict, say(entry.code, entry.params), entry.image_id, entry.id)


def folders(session: Session, batch: ImportBatch, limit: int = 300) -> list[Folder]:
    """The folders in the order of their names, at most ``limit``."""
    options = imports.options_of(batch)
    query = sa.select(ImportEntry.path, ImportEntry.verdict).where(ImportEntry.import_id == batch.id)
    counts: dict[str, dict[str, int]] = {}
    for path, verdict in session.execute(query):
        folder = path.rpartition("/")[0]
        row = counts.setdefault(folder, dict.fromkeys(EntryVerdict, 0))
        row[EntryVerdict(verdict)] += 1
    found = []
    for folder in sorted(counts)[:limit]:
        place = options.place(f"{folder}/x".lstrip("/"))
        found.append(Folder(folder, place.class_name, place.split, counts[folder]))
    return found


def as_csv(rows: Iterator[Problem], heading: Sequence[str], gettext: Callable[[str], str]) -> str:
    """The problems as CSV with a byte order mark, by which Excel knows UTF-8, in the reader's language.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow(heading)
    for row in rows:
        writer.writerow([plain_cell(text) for text in (row.path, gettext(row.verdict), row.message)])
    return out.getvalue()


def plain_cell(text: str) -> str:
    """``text`` such that no spreadsheet runs it as a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
