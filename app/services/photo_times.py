"""When and with which camera pictures were taken, read from the originals of images that came before this was read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.db.models import Image
from app.db.session import Database
from app.decoder import Decoder
from app.domain.errors import AppError
from app.domain.imaging import Decoded
from app.storage import Store

_PAGE = 2000  # rows that are looked through at once
_TOGETHER = 16  # originals in memory
KEYS = ("taken", "camera")
Progress = Callable[["Done"], None]


@dataclass
class Done:
    """How far it is. ``total``: images that are to be looked at; ``found``: those whose file says when it was taken."""

    total: int
    looked: int = 0
    found: int = 0
    unreadable: int = 0


def fill(
    database: Database,
    store: Store,
    decoder: Decoder,
    project_id: int | None,
    on_progress: Progress = lambda _done: None,
) -> Done:
    """Look at every image of a project, or of all, that does not say when it was taken.

    What was looked at is noted, so that an end in between costs nothing and the next time has nothing to do.
    """
    missing = list(_missing(database, project_id))
    done = Done(len(missing))
    for start in range(0, len(missing), _TOGETHER):
        some = missing[start : start + _TOGETHER]
        _note(database, _read(store, decoder, some, done))
        done.looked += len(some)
        on_progress(done)
    return done


def _missing(database: Database, project_id: int | None) -> Iterator[tuple[int, str]]:
    """Id and hash of the original; a page at a time, so that nobody waits for a long transaction."""
    last = 0
    while True:
        query = sa.select(Image.id, Image.sha256, Image.conversion).where(Image.id > last)
        if project_id is not None:
            query = query.where(Image.project_id == project_id)
        with database.read() as session:
            rows = session.execute(query.order_by(Image.id).limit(_PAGE)).all()
        yield from ((row.id, row.sha256) for row in rows if "taken" not in row.conversion)
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


def _read(
    store: Store, decoder: Decoder, some: Sequence[tuple[int, str]], done: Done
) -> dict[int, dict[str, str | None]]:
    """What is to be noted by image; nothing of those that cannot be read, which may be mended."""
    originals: dict[int, bytes] = {}
    for image_id, digest in some:
        try:
            originals[image_id] = store.get(digest)
        except AppError:  # the file is missing: the command "check" names it
            done.unreadable += 1
    notes: dict[int, dict[str, str | None]] = {}
    for image_id, answer in zip(originals, decoder.decode_many(list(originals.values())), strict=True):
        if not isinstance(answer, Decoded):
            done.unreadable += 1
            continue
        notes[image_id] = {"taken": None} | {key: answer.conversion[key] for key in KEYS if key in answer.conversion}
        done.found += notes[image_id]["taken"] is not None
    return notes


def _note(database: Database, notes: dict[int, dict[str, str | None]]) -> None:
    with database.write() as session:
        for image in session.scalars(sa.select(Image).where(Image.id.in_(notes))):
            image.conversion = image.conversion | notes[image.id]
