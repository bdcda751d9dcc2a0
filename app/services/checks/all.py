"""All checks in their order: every way in which rows, files and queue can contradict each other."""

from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.orm import Session

from app.config import Settings
from app.db.session import Database
from app.services.checks import blobs, broker, job_rows, rows
from app.services.checks.found import Found
from app.storage import Store


def run(
    settings: Settings, database: Database, store: Store, data_dir: Path, tell: blobs.Tell, *, read: bool
) -> Iterator[Found]:
    """Everything that is not as it should be; with ``read`` every blob is read to its last byte."""
    steps: tuple[Callable[[Session], Iterator[Found]], ...] = (
        rows.database,
        rows.labels,
        rows.imports,
        rows.runs,
        rows.clock,
        lambda session: rows.checkpoints(session, database),
        job_rows.states,
        job_rows.of_runs,
        lambda session: job_rows.families(session, database),
        lambda session: job_rows.leases(session, database),
        lambda session: broker.messages(session, settings),
    )
    for step in steps:
        with database.read() as session:  # what is found is mended in a transaction of its own
            found = list(step(session))
        yield from found
    files = blobs.Blobs(database, store, data_dir, tell, read=read)
    yield from files.check()
    yield from files.uploads()
