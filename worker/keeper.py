"""The thread that keeps things going: signs of life, lost jobs, and queued jobs that nobody was told of."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.db.changes import Changes
from app.domain.enums import Lane
from app.services import jobs
from worker import presence
from worker.lost import Patience
from worker.parts import Parts

TICK_SECONDS = 0.03  # between two questions whether SQLite has changed: each takes some microseconds
EMBEDDED_SECONDS = 0.2
FULL_SECONDS = 1.0  # a look for messages that got lost
HEARTBEAT_SECONDS = 3.0
log = logging.getLogger(__name__)

Send = Callable[[int, Lane, str], None]  # job, lane, what it needs


class Keeper:
    """Looks into the job table as long as the worker lives.

    With the embedded broker this is how jobs are found at all: on SQLite as soon as anybody has committed something,
    with another database five times in a second. With Redis it repairs what got lost. Jobs are only sent while this
    worker has a free place in their lane, so copies of a message never pile up behind a long training.
    """

    def __init__(self, parts: Parts, send: Send) -> None:
        self._parts, self._send = parts, send
        embedded = parts.settings.embedded_broker
        self._changes = Changes(parts.database) if embedded else None
        quick = self._changes is not None and self._changes.cheap
        self._pause = TICK_SECONDS if quick else EMBEDDED_SECONDS if embedded else FULL_SECONDS
        self._patience = Patience(parts.settings.lease_seconds)
        self._reap_seconds = min(5.0, parts.settings.lease_seconds / 3)
        self._heartbeat_at = self._reap_at = self._full_at = 0.0
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin with a sign of life."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the end of the last look and sign off; ``parts.stopping`` is set already."""
        self._parts.wake.set()
        if self._thread.is_alive():  # a worker that never reached its broker has not started it
            self._thread.join(5.0)
        try:
            with self._parts.database.write() as session:
                jobs.sign_off(session, self._parts.name)
        except SQLAlchemyError as error:
            log.warning("The worker could not sign off: %s", error)

    def _run(self) -> None:
        while not self._parts.stopping.is_set():
            try:
                self.round()
            except Exception:
                # Whatever happens here, the thread must live: without it the worker would never find a job again.
                log.exception("The keeper of this worker had an error and goes on.")
                self._parts.stopping.wait(1.0)
            self._parts.wake.wait(self._pause)
        if self._changes is not None:
            self._changes.close()

    def round(self) -> None:
        """What is due at this moment."""
        now = time.monotonic()
        if now >= self._heartbeat_at:
            self._heartbeat()
        if now >= self._reap_at:
            self._reap()
        woken = self._parts.wake.is_set()
        self._parts.wake.clear()
        changed = self._changes is None or self._changes.seen()
        if woken or changed or now >= self._full_at:
            self._full_at = now + FULL_SECONDS
            self.look()

    def look(self) -> None:
        """Hand out the jobs that are due, as long as there are places."""
        free = {lane: count for lane in Lane if (count := self._parts.slots.free(lane)) > 0}
        resend, able = self._parts.settings.resend_seconds, self._parts.able
        if not free:
            return
        with self._parts.database.read() as session:
            lanes = jobs.lanes_due(session, resend, able)
        for lane in lanes & free.keys():
            with self._parts.database.write() as session:
                due = jobs.take_due(session, lane, free[lane], resend, able)
                needs = jobs.needs_of(session, due)
            for job_id in due:
                self._send(job_id, lane, needs[job_id])

    def _heartbeat(self) -> None:
        self._heartbeat_at = time.monotonic() + HEARTBEAT_SECONDS
        with self._parts.database.write() as session:
            jobs.heartbeat(session, self._parts.name, self._parts.info())

    def _reap(self) -> None:
        self._reap_at = time.monotonic() + self._reap_seconds
        with self._parts.database.read() as session:
            held = jobs.held(session)
            waiting = jobs.any_parent_due(session)
        late = self._patience.lost(held, time.monotonic())
        lost = [one for one in held if one in late or presence.gone(one.process)]
        if lost or waiting:
            with self._parts.database.write() as session:
                taken = jobs.reap(session, lost)
            if taken:
                log.warning("Taken back from workers that were lost: jobs %s.", taken)
