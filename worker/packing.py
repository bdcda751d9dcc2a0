"""The thread that packs the answers of runs: of each that has just been finished, and of older ones that have none."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from app.db.run_models import Run
from app.domain.errors import AppError
from app.services import packing, packs
from worker.parts import Parts

AT_ONCE = 100
log = logging.getLogger(__name__)


class Packing:
    """Works beside the jobs: nobody waits for it, because the pages read the rows as long as there is no file."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._thread = threading.Thread(target=self._run, name="packing", daemon=True)

    def start(self) -> None:
        """Begin with the runs that have no files yet."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the end of the run that is being packed; ``parts.stopping`` is set already."""
        self._parts.unpacked.set()
        if self._thread.is_alive():  # a worker that never reached its broker has not started it
            self._thread.join(5.0)

    def _run(self) -> None:
        self._parts.unpacked.set()
        while not self._parts.stopping.is_set():
            self._parts.unpacked.wait()
            self._parts.unpacked.clear()
            tried: set[int] = set()
            while (run_id := self._next(tried)) is not None and not self._parts.stopping.is_set():
                tried.add(run_id)  # once, whatever comes of it: a run without anything to pack stays due
                try:
                    pack(self._parts, run_id)
                except Exception:
                    # Whatever it is, the thread must live; the pages do without the file.
                    log.exception("The answers of run %s were not packed.", run_id)

    def _next(self, tried: set[int]) -> int | None:
        try:
            with self._parts.database.read() as session:
                due = packs.due(session, AT_ONCE + len(tried))
        except SQLAlchemyError as error:
            log.warning("It is not known which runs are to be packed: %s", error)
            return None
        return next((run_id for run_id in due if run_id not in tried), None)


def pack(parts: Parts, run_id: int) -> None:
    """Make the files of one run and write their rows, unless the run has changed meanwhile."""
    with parts.database.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise AppError("run_missing", number=run_id)
        made = packing.make(session, parts.store, run)
    with parts.database.write() as session:
        kept = packs.keep(session, session.get_one(Run, run_id), made)
    log.info("Run %s: %s files of answers, %s bytes%s.", run_id, len(made), sum(one.size for one in made),
             "" if kept else ", not kept")  # fmt: skip
