"""What the commands share: exit codes, output, and the parts they work with."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.commands import folder
from app.config import Settings
from app.db.migrate import upgrade
from app.db.models import Project
from app.db.session import Database
from app.domain.errors import AppError, Invalid
from app.queue import Queue
from app.services import jobs, projects, weight_places
from app.storage import Store, open_store
from app.web import messages


def keep_loaded() -> None:
    """Tell the collector of garbage, once everything is imported, that what is loaded stays to the end.

    To look through it again and again for something to throw away would hold up some request for a tenth of a second: a
    page that makes tens of thousands of objects starts a full pass, which took as long as the page itself.
    """
    gc.collect()
    gc.freeze()


class Exit(IntEnum):
    """How a command ended; the numbers are promised in docs/commands.md."""

    OK = 0
    FAILED = 1  # it began, and the work went wrong
    USAGE = 2  # what was typed cannot be used
    UNUSABLE = 3  # port, folder or database cannot be used
    INTERRUPTED = 130  # Ctrl-C


@dataclass(frozen=True)
class Parts:
    """Settings, database and files of a command that works without the web server."""

    settings: Settings
    database: Database
    store: Store
    queue: Queue

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction whose new jobs are announced to the workers."""
        with self.database.write() as session:
            session.info[jobs.QUEUE] = self.queue
            session.info[weight_places.FOLDER] = self.settings.weights_folder
            yield session


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """The parts for ``settings``, with the database brought to the newest schema."""
    folder.prepare(settings.data_dir)
    database = Database(settings.database)
    try:
        upgrade(database)
        yield Parts(
            settings,
            database,
            open_store(settings.store_address),
            Queue(settings.broker_url, settings.broker_ca_file, settings.max_queued),
        )
    finally:
        database.dispose()


def find_project(session: Session, name: str) -> Project | None:
    """The project with this address name (slug) or, failing that, this name, if only one has it."""
    query = sa.select(Project).where(projects.ALIVE)
    by_slug = session.scalar(query.where(Project.slug == name))
    if by_slug is not None:
        return by_slug
    named = session.scalars(query.where(Project.name == name).order_by(Project.id).limit(20)).all()
    if len(named) > 1:
        raise Invalid("project_name_shared", name=name, slugs=", ".join(project.slug for project in named))
    return named[0] if named else None


def say(text: str) -> None:
    """One line for the person, on the error stream: the output stream belongs to the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """One line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def put_json(value: Any) -> None:
    """The result as JSON; nothing else is written to the output stream."""
    put(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def explain(error: AppError) -> str:
    """The sentences of an error, one line for each field where it is about fields."""
    if isinstance(error, Invalid) and error.fields:
        return "\n".join(f"{name}: {messages.sentence(inner)}" for name, inner in error.fields.items())
    return messages.sentence(error)
