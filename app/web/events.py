"""Event streams: one poller for each process wakes all open streams, with any database.

Every 0.5 s one query for each kind of thing asks for the marks of all those that somebody watches; a stream reads its
thing only when the mark has changed. The id of an epoch event is the id of its row, so a browser that comes back says
where it stopped (``Last-Event-ID``) and misses nothing and gets nothing twice.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import sqlalchemy as sa
from anyio import to_thread
from fastapi import FastAPI
from fastapi.sse import ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db.run_models import EpochMetric, Job, Run, Worker
from app.db.session import Database, db_now
from app.domain.enums import JobState
from app.services import jobs, progress, worker_list
from app.web import run_words

INTERVAL = 0.5  # seconds between two looks; also the shortest time between two progress events of a stream
RETRY_MS = 2000  # a browser that lost the connection waits so long
log = logging.getLogger(__name__)

Say = Callable[[progress.Snapshot], dict[str, Any]]
Mark = tuple[Any, ...]
Look = Callable[[Session, list[int]], dict[int, Mark]]  # what there is to show of each id, as values to compare


class Hub:
    """All open streams of one process. Used in the event loop only, but for ``shutdown``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._wakes: dict[asyncio.Event, tuple[Look, int]] = {}  # the bell of each stream -> what it watches
        self._marks: dict[tuple[Look, int], Mark] = {}
        self._poller: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runs: dict[int, tuple[float, progress.Snapshot]] = {}  # what all streams of a run share
        self._locks: dict[int, asyncio.Lock] = {}
        self.stopping = False
        self.rung = 0.0  # when bells rang for the last time (``time.monotonic``): what was read since is new

    @contextlib.contextmanager
    def watching(self, look: Look, key: int) -> Iterator[asyncio.Event]:
        """A bell that rings when the mark of ``key`` changes, and when the process shuts down (``stopping``)."""
        bell = asyncio.Event()
        self._wakes[bell] = (look, key)
        self._loop = asyncio.get_running_loop()
        if self._poller is None or self._poller.done():
            self._poller = self._loop.create_task(self._poll())
        try:
            yield bell
        finally:
            self._wakes.pop(bell, None)
            if (look, key) not in self._wakes.values() and look is run_marks:
                self._runs.pop(key, None)

    async def stream(self, run_id: int, last_id: int, say: Say) -> AsyncGenerator[ServerSentEvent, None]:
        """Epochs after the row ``last_id`` and progress until the run has ended or the process shuts down.

        Args:
            say: turns a snapshot into the plain values of a progress event, in the reader's language.
        """
        with self.watching(run_marks, run_id) as bell:
            yield ServerSentEvent(retry=RETRY_MS, comment="events of a run")
            since = time.monotonic()
            while not self.stopping:
                bell.clear()
                try:
                    now = await self._snapshot(run_id, since)
                except SQLAlchemyError as error:
                    log.warning("A run could not be read (%s); its page comes back.", type(error).__name__)
                    return
                for row in now.rows:
                    if self.ended():  # thousands of epochs may have to be told: the browser comes back for the rest
                        return
                    if row.id > last_id:
                        last_id = row.id
                        yield ServerSentEvent(event="epoch", id=str(row.id), data=run_words.epoch_values(row))
                yield ServerSentEvent(event="progress", data=say(now))
                if now.finished:
                    yield ServerSentEvent(event="end", data={"state": now.state})
                    return
                await bell.wait()
                since = self.rung

    async def _snapshot(self, run_id: int, since: float) -> progress.Snapshot:
        """The run with all its epochs, read at ``since`` or later; 200 pages of one run read it once."""
        async with self._locks.setdefault(run_id, asyncio.Lock()):
            made, now = self._runs.get(run_id, (0.0, None))
            if now is None or made < since:
                made = time.monotonic()
                now = await to_thread.run_sync(self._read, run_id)
                self._runs[run_id] = made, now
            return now

    def shutdown(self) -> None:
        """End all streams at once; safe in a signal handler and from any thread."""
        self.stopping = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already, and its streams with it
                self._loop.call_soon_threadsafe(self._ring_all)

    def ended(self) -> bool:
        """True when the process shuts down, which may be while a stream has been telling something."""
        return self.stopping

    def _ring_all(self) -> None:
        for bell in self._wakes:
            bell.set()
        if self._poller is not None:
            self._poller.cancel()

    def _read(self, run_id: int) -> progress.Snapshot:
        with self.database.read() as session:
            return progress.snapshot(session, session.get_one(Run, run_id))

    async def _poll(self) -> None:
        while self._wakes and not self.stopping:
            await asyncio.sleep(INTERVAL)
            watched: dict[Look, set[int]] = {}
            for look, key in self._wakes.values():
                watched.setdefault(look, set()).add(key)
            try:
                marks = await to_thread.run_sync(self._look, watched)
            except SQLAlchemyError as error:  # a busy or restarting database must not end the streams
                log.warning("What the pages watch could not be read (%s).", type(error).__name__)
                continue
            self.rung = time.monotonic()
            for bell, watch in self._wakes.items():
                if marks.get(watch) != self._marks.get(watch):
                    bell.set()
            self._marks = marks

    def _look(self, watched: dict[Look, set[int]]) -> dict[tuple[Look, int], Mark]:
        with self.database.read() as session:
            return {
                (look, key): mark for look, keys in watched.items() for key, mark in look(session, sorted(keys)).items()
            }


def run_marks(session: Session, run_ids: list[int]) -> dict[int, Mark]:
    """The marks of runs: one query for all of them, and one for the folds that run as jobs of their own."""
    newest = sa.select(sa.func.max(EpochMetric.id)).where(EpochMetric.run_id == Run.id).scalar_subquery()
    queued = sa.select(sa.func.count()).where(Job.state == JobState.QUEUED).scalar_subquery()
    alive = sa.select(sa.func.count()).where(Worker.heartbeat > db_now() - jobs.SILENT_SECONDS).scalar_subquery()
    quiet = sa.select(sa.func.count()).where(Worker.heartbeat < db_now() - worker_list.QUIET_SECONDS).scalar_subquery()
    own = Job.__table__.alias("own")
    query = (
        sa.select(Run.id, own.c.state, own.c.attempt, own.c.keep_best, own.c.progress, newest, queued, alive, quiet)
        .join(own, own.c.id == Run.job_id)
        .where(Run.id.in_(run_ids))
    )
    child = Job.__table__.alias("child")
    folds = (
        sa.select(Run.id, child.c.id, child.c.state, child.c.attempt, child.c.progress)
        .join(child, child.c.parent_id == Run.job_id)
        .where(Run.id.in_(run_ids))
        .order_by(child.c.id)
    )
    below: dict[int, str] = {}
    for run_id, *values in session.execute(folds):
        below[run_id] = below.get(run_id, "") + str(values)
    return {run_id: (*map(str, mark), below.get(run_id, "")) for run_id, *mark in session.execute(query)}


def hub_of(app: FastAPI, database: Database) -> Hub:
    """The hub of this application, made when the first stream opens; to be called in the event loop."""
    hub: Hub | None = getattr(app.state, "events", None)
    if hub is None or hub.database is not database:
        app.state.events = hub = Hub(database)
    return hub


def shutdown(app: FastAPI) -> None:
    """Let the open streams of ``app`` end, so that the server can stop at once.

    A server waits for its open connections before it runs the end of the lifespan, so this must be called when the
    signal to stop arrives (``uvicorn.Server.handle_exit``).
    """
    hub: Hub | None = getattr(app.state, "events", None)
    if hub is not None:
        hub.shutdown()
