"""Lets a request wait for the end of a job: one poller for each process, at work only while somebody waits.

With SQLite it asks every few milliseconds whether anything was committed at all, which costs microseconds, and reads
the jobs only then. With another database it reads the jobs that are waited for, in one query, a little less often.
"""

import asyncio
import logging

import sqlalchemy as sa
from anyio import to_thread
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from app.db.changes import Changes
from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import FINAL_STATES
from app.web import events

QUICK = 0.004  # seconds between two looks with SQLite
SLOW = 0.025  # with a server
log = logging.getLogger(__name__)


class Ends:
    """All requests of one process that wait for jobs. Used in the event loop only."""

    def __init__(self, database: Database, hub: events.Hub) -> None:
        self.database = database
        self._hub = hub  # knows when the process shuts down
        self._waits: dict[asyncio.Event, int] = {}
        self._new = False  # somebody waits whose job has not been looked at
        self._poller: asyncio.Task[None] | None = None

    async def wait(self, job_id: int, seconds: float) -> None:
        """Return when the job has ended or is gone, when the process shuts down, or after ``seconds``."""
        if seconds <= 0:
            return
        bell = asyncio.Event()
        self._waits[bell], self._new = job_id, True
        if self._poller is None or self._poller.done():
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        try:
            await asyncio.wait_for(bell.wait(), seconds)
        except TimeoutError:
            return
        finally:
            del self._waits[bell]

    async def _poll(self) -> None:
        changes = Changes(self.database)
        try:
            while self._waits and not self._hub.stopping:
                if changes.seen() or self._new:
                    self._new = False
                    await self._ring(set(self._waits.values()))
                await asyncio.sleep(QUICK if changes.cheap else SLOW)
        finally:
            changes.close()
            for bell in self._waits:
                bell.set()

    async def _ring(self, wanted: set[int]) -> None:
        try:
            going = await to_thread.run_sync(self._going, wanted)
        except SQLAlchemyError as error:  # a busy or restarting database: the next look will tell
            log.warning("The jobs that are waited for could not be read (%s).", type(error).__name__)
            return
        for bell, job_id in self._waits.items():
            if job_id in wanted - going:
                bell.set()

    def _going(self, job_ids: set[int]) -> set[int]:
        query = sa.select(Job.id).where(Job.id.in_(sorted(job_ids)), Job.state.not_in(sorted(FINAL_STATES)))
        with self.database.read() as session:
            return set(session.scalars(query))


def ends_of(app: FastAPI, database: Database) -> Ends:
    """The one of this application, made when the first request waits; to be called in the event loop."""
    ends: Ends | None = getattr(app.state, "ends", None)
    if ends is None or ends.database is not database:
        app.state.ends = ends = Ends(database, events.hub_of(app, database))
    return ends
