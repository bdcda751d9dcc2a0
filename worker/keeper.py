"""The thread that keeps things going: signs of life, lost jobs, and queued jobs that nobody was told of."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.domain.enums import Lane
from app.services import jobs
from worker.parts import Parts

EMBEDDED_SECONDS = 0.2
BROKER_SECONDS = 1.0
HEARTBEAT_SECONDS = 3.0
log = logging.getLogger(__name__)

Send = Callable[[int, Lane], None]


class Keeper:
    """Looks into the job table as long as the worker lives.

    With the embedded broker this is how jobs are found at all; with Redis it repairs what got lost. Jobs are only sent
    while this worker has a free place in their lane, so copies of a message never pile up behind a long training.
    """

    def __init__(self, parts: Parts, send: Send) -> None:
        self._parts, self._send = parts, send
        self._pause = EMBEDDED_SECONDS if parts.settings.embedded_broker else BROKER_SECONDS
        self._reap_seconds = min(5.0, parts.settings.lease_seconds / 3)
        self._heartbeat_at = 0.0
        self._reap_at = 0.0
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin with a sign of life."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the end of the last look and sign off; ``parts.stopping`` is set already."""
        self._parts.wake.set()
        self._thread.join(5.0)
        try:
            with self._parts.database.write() as session:
                jobs.sign_off(session, self._parts.name)
        except SQLAlchemyError as error:
            log.warning("The worker could not sign off: %s", error)

    def _run(self) -> None:
        while not self._parts.stopping.is_set():
            try:
                self.look()
            except Exception:
                # Whatever happens here, the thread must live: without it the worker would never find a job again.
                log.exception("The keeper of this worker had an error and goes on.")
                self._parts.stopping.wait(1.0)
            self._parts.wake.wait(self._pause)
            self._parts.wake.clear()

    def look(self) -> None:
        """One round."""
        now = time.monotonic()
        if now >= self._heartbeat_at:
            self._heartbeat()
        if now >= self._reap_at:
            self._reap()
        for lane in Lane:
            free = self._parts.slots.free(lane)
            if free > 0:
                self._announce(lane, free)

    def _heartbeat(self) -> None:
        self._heartbeat_at = time.monotonic() + HEARTBEAT_SECONDS
        with self._parts.database.write() as session:
            jobs.heartbeat(session, self._parts.name, self._parts.info())

    def _reap(self) -> None:
        self._reap_at = time.monotonic() + self._reap_seconds
        with self._parts.database.read() as session:
            lost = any(one.over for one in jobs.held(session))
        if lost:
            with self._parts.database.write() as session:
                taken = jobs.reap(session)
            log.warning("Taken back from workers that were lost: jobs %s.", taken)

    def _announce(self, lane: Lane, free: int) -> None:
        resend = self._parts.settings.resend_seconds
        with self._parts.database.read() as session:
            if not jobs.any_due(session, lane, resend):
                return
        with self._parts.database.write() as session:
            due = jobs.take_due(session, lane, free, resend)
        for job_id in due:
            self._send(job_id, lane)
