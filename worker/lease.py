"""The hold of this process on its job: renewed in time, and the way in which it hears of a stop."""

import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from app.db.session import Database
from app.domain.enums import JobState
from app.services import jobs
from app.services.jobs import Claim

PEEK_SECONDS = 0.25
log = logging.getLogger(__name__)


class Word(StrEnum):
    """What the job table says of the job."""

    GO_ON = "go on"
    KEEP_BEST = "end, and keep the best so far"
    CANCEL = "end at once"
    LOST = "not ours any more"


class Lease:
    """Renews at a third of ``seconds``; gives itself up before another worker may start the job.

    A thread does it (``watched``), so that nothing the work waits for, such as the start of a process or a large write,
    can cost the job. ``until`` is in seconds of ``time.monotonic``: a moment before the lease in the table ends.
    ``on_renewed`` is called with the new ``until``. After ``limit`` seconds (0: none) the word is to end at once.
    """

    def __init__(self, database: Database, claim: Claim, seconds: float, limit: float = 0.0) -> None:
        self._began, self._limit = time.monotonic(), limit
        self._database, self._claim, self._seconds = database, claim, seconds
        self._renewed = time.monotonic()
        self._word = Word.GO_ON
        self.on_renewed: Callable[[float], None] = lambda _until: None

    @property
    def until(self) -> float:
        """The moment at which this process must have stopped working."""
        return self._renewed + 0.9 * self._seconds

    @property
    def word(self) -> Word:
        """The newest answer of the table; without one in time, the job is lost.

        The work sees that by itself: the thread that asks may hang in a network that answers nothing.
        """
        if not self._is_over() and self.overdue:
            return Word.CANCEL
        return self._word

    @property
    def overdue(self) -> bool:
        """True when the work takes longer than a job may."""
        return bool(self._limit) and time.monotonic() - self._began > self._limit

    def _is_over(self) -> bool:
        if time.monotonic() > self.until:
            self._word = Word.LOST
        return self._word is Word.LOST

    def tick(self) -> Word:
        """Renew when it is time for it, and look."""
        now = time.monotonic()
        if self._is_over():
            return self._word
        try:
            if now - self._renewed > self._seconds / 3:
                self._renew(now)
            seen = self._look()
            if not self._is_over():  # the question may have taken longer than the lease
                self._word = seen
        except SQLAlchemyError as error:
            log.warning("Job %s: the database does not answer: %s", self._claim.job_id, error)
        return self.word

    @contextlib.contextmanager
    def watched(self) -> Iterator["Lease"]:
        """Hold the job while the work goes on in the calling thread."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(PEEK_SECONDS):
                self.tick()

        ids = contextvars.copy_context()  # what this thread logs is about the job too
        thread = threading.Thread(target=lambda: ids.run(watch), name="lease", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def _renew(self, now: float) -> None:
        with self._database.write() as session:
            if jobs.renew(session, self._claim.job_id, self._claim.attempt, self._seconds):
                self._renewed = now
                self.on_renewed(self.until)

    def _look(self) -> Word:
        with self._database.read() as session:
            seen = jobs.peek(session, self._claim.job_id)
        if seen is None or seen.attempt != self._claim.attempt:
            return Word.LOST
        if seen.state is JobState.RUNNING:
            return Word.GO_ON
        if seen.state is JobState.CANCELLING:
            return Word.KEEP_BEST if seen.keep_best else Word.CANCEL
        return Word.LOST
