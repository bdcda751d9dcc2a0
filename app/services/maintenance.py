"""What takes room and is not needed any more: found, shown, and removed when somebody asks for it.

A blob is removed only when no row needs it, it was not put again for a day, and that is still so at the moment of its
removal: the rows are asked again right before, and ``Store.drop_old`` looks at the age once more.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from app.db.base import utc_now
from app.db.models import ImportBatch
from app.db.run_models import Checkpoint, Job, Run
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobState
from app.services import features, references, uploads
from app.storage import Entry, Store

GRACE_SECONDS = 86_400.0  # bytes come into the store before their row is written; an import may take hours
RECENT_SECONDS = 600.0  # from the bytes to the row of whatever is no import; some seem ``bucket.FRESH_SECONDS`` older
STATE_GRACE_SECONDS = 3600.0  # of the blobs of a saved state whose row has just been removed
KEEP_DAYS = 7  # the saved states of a training that failed or was stopped: it can be continued for so long
_AT_ONCE = 200


@dataclass(frozen=True)
class Heap:
    """How many things there are and how many bytes they take."""

    count: int = 0
    size: int = 0


@dataclass(frozen=True)
class Plan:
    """What would be removed: ``states`` of trainings that need none, ``blobs`` that nothing needs."""

    states: Heap
    blobs: Heap
    store: Heap  # everything in the store before

    @property
    def size(self) -> int:
        """Bytes that become free."""
        return self.states.size + self.blobs.size


@dataclass(frozen=True)
class Cleaned:
    """What was removed; the size of the store before and after it."""

    states: int
    blobs: int
    before: int
    after: int


@dataclass(frozen=True)
class _Found:
    states: Sequence[tuple[int, int]]  # run, fold
    state_size: int
    blobs: Sequence[Entry]
    store: Heap


def plan(database: Database, store: Store, keep_days: int = KEEP_DAYS) -> Plan:
    """Look without changing anything; seconds for hundreds of thousands of blobs."""
    found = _look(database, store, keep_days)
    blobs = Heap(len(found.blobs), sum(entry.size for entry in found.blobs))
    return Plan(Heap(len(found.states), found.state_size), blobs, found.store)


def clean(database: Database, store: Store, keep_days: int = KEEP_DAYS) -> Cleaned:
    """Remove what ``plan`` finds at this moment, and the features of pictures that no image has any more.

    What was interrupted, such as a write or a removal by a crash, is put in order first.
    """
    store.sweep(GRACE_SECONDS)
    features.drop_unused(database)
    found = _look(database, store, keep_days)
    removed, freed = _drop_states(database, keep_days)
    dropped = _drop(database, store, [entry.digest for entry in found.blobs], grace(database))
    dropped += _drop(database, store, freed, time.time() - STATE_GRACE_SECONDS)
    after = sum(entry.size for entry in store.entries())
    return Cleaned(removed, len(dropped), found.store.size, after)


def drop_unneeded(database: Database, store: Store) -> int:
    """Remove the files that nothing needs after a project was deleted, and features of pictures that are gone.

    They need not be a day old as for ``clean``, only older than any import that may not have written all its rows.
    """
    features.drop_unused(database)
    before = _since_nobody_adds(database)
    listed = [entry.digest for entry in store.entries() if entry.modified < before]
    with database.read() as session:
        kept = references.kept(session)
    return len(_drop(database, store, [one for one in listed if bytes.fromhex(one) not in kept], before))


def _since_nobody_adds(database: Database) -> float:
    """Blobs that were put before this moment have their rows, if they get any."""
    day = utc_now() - timedelta(seconds=GRACE_SECONDS)
    begun = sa.select(sa.func.min(ImportBatch.created_at))
    with database.read() as session:
        oldest = session.scalar(begun.where(ImportBatch.finished.is_(False), ImportBatch.created_at > day))
        parts_wait = uploads.oldest_open(session) is not None
    now = time.time() - RECENT_SECONDS
    recent = min(now, oldest.timestamp() - RECENT_SECONDS) if oldest else now
    return min(recent, grace(database)) if parts_wait else recent


def grace(database: Database) -> float:
    """Blobs that were put since then (seconds since 1970) stay whatever the rows say.

    The parts of a large zip put pictures into the store long before the rows of a part that waits for its turn.
    """
    with database.read() as session:
        begun = uploads.oldest_open(session)
    day = time.time() - GRACE_SECONDS
    return min(day, begun.timestamp() - STATE_GRACE_SECONDS) if begun else day


def _look(database: Database, store: Store, keep_days: int) -> _Found:
    # The blobs are listed before the rows are read: what is put in between has its row, or is young.
    before, entries, listed, total = grace(database), [], 0, 0
    for entry in store.entries():
        listed, total = listed + 1, total + entry.size
        if entry.modified < before:
            entries.append(entry)
    with database.read() as session:
        kept = references.kept(session)
        states = session.execute(_unused_states(keep_days)).all()
    blobs = [entry for entry in entries if bytes.fromhex(entry.digest) not in kept]
    rows = [(state.run_id, state.fold) for state in states]
    return _Found(rows, sum(state.size for state in states), blobs, Heap(listed, total))


def _unused_states(keep_days: int) -> sa.Select[int, int, int]:
    """Saved states of trainings that are done, or that ended otherwise so long ago that nobody goes on with them."""
    return (
        sa.select(Checkpoint.run_id, Checkpoint.fold, Checkpoint.size)
        .join(Run, Run.id == Checkpoint.run_id)
        .join(Job, Job.id == Run.job_id)
        .where(_over(keep_days))
    )


def _over(keep_days: int) -> sa.ColumnElement[bool]:
    long_ago = Job.finished_at < utc_now() - timedelta(days=keep_days)
    return sa.or_(Job.state == JobState.DONE, sa.and_(Job.state.in_(sorted(FINAL_STATES)), long_ago))


def _drop_states(database: Database, keep_days: int) -> tuple[int, list[str]]:
    """Remove the rows; the number of them and the hashes that they named."""
    with database.write() as session:
        over = sa.select(Run.id).join(Job, Job.id == Run.job_id).where(_over(keep_days))
        gone = sa.delete(Checkpoint).where(Checkpoint.run_id.in_(over)).returning(Checkpoint.blobs)
        blobs = session.scalars(gone).all()
    return len(blobs), sorted({digest for one in blobs for digest in references.HASH.findall(str(one))})


def _drop(database: Database, store: Store, digests: Sequence[str], before: float) -> list[str]:
    dropped = []
    for start in range(0, len(digests), _AT_ONCE):
        part = digests[start : start + _AT_ONCE]
        with database.read() as session:
            needed = references.still_needed(session, part)
        dropped += [digest for digest in part if digest not in needed and store.drop_old(digest, before)]
    return dropped


def forget_state(database: Database, run_id: int, fold: int) -> bool:
    """Remove one saved state of a training that is done; its blobs go with the next cleaning."""
    done = sa.select(Run.id).join(Job, Job.id == Run.job_id).where(Job.state == JobState.DONE)
    with database.write() as session:
        gone = sa.delete(Checkpoint).where(Checkpoint.run_id == run_id, Checkpoint.fold == fold)
        return bool(session.execute(gone.where(Checkpoint.run_id.in_(done)).returning(Checkpoint.run_id)).all())
