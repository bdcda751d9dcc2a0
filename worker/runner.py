"""One claimed job from its row to its end. Nothing here knows Celery."""

import errno
import logging
import time
import traceback
from collections.abc import Callable

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.domain.enums import JobKind, Lane
from app.domain.errors import AppError
from app.services import jobs
from app.services.jobs import Claim, LeaseLost
from app.services.results import Writer
from worker import (
    alter_jobs,
    amount_jobs,
    checking,
    deleting,
    fan_out,
    feature_jobs,
    importing,
    interactive_jobs,
    judge_jobs,
    map_jobs,
    order_maker,
    rate_jobs,
    search_jobs,
    weight_jobs,
    writing,
)
from worker.lease import Lease
from worker.parts import Parts
from worker.supervisor import End, Outcome, Supervisor

END_TRIES = 60
RELEASES = 5  # attempts that may end because the database was away
log = logging.getLogger(__name__)


def run(parts: Parts, claim: Claim) -> None:
    """Do the work of ``claim`` and write how it ended; never raises for what the work did wrong."""
    limit = parts.settings.job_seconds
    lease = Lease(parts.database, claim, parts.settings.lease_seconds, limit)
    log.info("Job %s (%s) begins, attempt %s.", claim.job_id, claim.kind, claim.attempt)
    started = time.monotonic()
    try:
        if claim.kind is not JobKind.DELETE:  # which makes room
            parts.store.check_space()
        with lease.watched():
            end = WORK[claim.kind](parts, claim, lease)
            if end.outcome is Outcome.CANCELLED and lease.overdue:
                end = End(Outcome.FAILED, "job_too_long", {"seconds": round(limit)}, end.trace)
    except LeaseLost:
        end = End(Outcome.LOST)
    except OperationalError as error:
        end = _database_end(error, claim)
    except Exception as error:
        end = reason(error)
    why = f" ({end.code})" if end.code else ""
    log.info("Job %s: %s%s, %.1f s.", claim.job_id, end.outcome, why, time.monotonic() - started)
    write_end(parts, claim, end)
    if claim.kind is JobKind.TRAIN and end.outcome is Outcome.DONE:
        parts.unpacked.set()
        interactive_jobs.prepare_newest(parts)


def _database_end(error: OperationalError, claim: Claim) -> End:
    """The database was away, not the job at fault: given back, and begun again as long as that may help."""
    if "is full" in str(error.orig):  # SQLite has no number for it
        return End(Outcome.FAILED, "disk_full", {"folder": ""})
    if claim.attempt > RELEASES:
        return reason(error)
    log.warning("Job %s is given back, because the database failed: %s", claim.job_id, error.orig)
    return End(Outcome.RELEASED)


def reason(error: Exception) -> End:
    """A failure in this process as a code with parameters."""
    if isinstance(error, AppError):
        return End(Outcome.FAILED, error.code, dict(error.params))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return End(Outcome.FAILED, "disk_full", {"folder": str(error.filename or "")})
    log.exception("A job failed for a reason nobody foresaw.")
    trace = "".join(traceback.format_exception(error))[-20_000:]
    return End(Outcome.FAILED, "internal", {"error": f"{type(error).__name__}: {error}"[:300]}, trace)


def write_end(parts: Parts, claim: Claim, end: End) -> None:
    """Write the end, trying for a minute when the database does not answer; after that the lease runs out."""
    for _ in range(END_TRIES):
        try:
            with parts.database.write() as session:
                _end(session, claim, end)
        except SQLAlchemyError as error:
            log.warning("Job %s: its end was not written: %s", claim.job_id, error)
            if parts.stopping.wait(1.0):
                return
        else:
            return


def _end(session: Session, claim: Claim, end: End) -> None:
    if end.outcome is Outcome.DONE:
        jobs.finish(session, claim.job_id, claim.attempt)
    elif end.outcome is Outcome.FAILED:
        jobs.fail(session, claim.job_id, claim.attempt, end.code, end.params, end.trace)
    elif end.outcome is Outcome.CANCELLED:
        jobs.end_cancelled(session, claim.job_id, claim.attempt)
    elif end.outcome is Outcome.SHARED:
        jobs.await_children(session, claim.job_id, claim.attempt)
    elif end.outcome is Outcome.RELEASED:
        jobs.release(session, claim.job_id, claim.attempt)


def _explain(parts: Parts, claim: Claim, lease: Lease) -> End:
    if claim.lane is Lane.INTERACTIVE:
        return interactive_jobs.explain(parts, claim, lease)
    with parts.database.read() as session:
        order = order_maker.explain_order(session, claim.spec, parts.settings)
    writer = Writer(claim.job_id, claim.attempt, claim.spec["run_id"])
    return Supervisor(parts, lease, order, writing.messages(parts, writer, part=True)).run()


WORK: dict[JobKind, Callable[[Parts, Claim, Lease], End]] = {
    JobKind.TRAIN: fan_out.train,
    JobKind.FOLD: fan_out.train_fold,
    JobKind.EXPLAIN: _explain,
    JobKind.PREDICT: interactive_jobs.predict,
    JobKind.IMPORT: importing.whole,
    JobKind.IMPORT_PART: importing.part,
    JobKind.FACTS: checking.run,
    JobKind.FEATURES: feature_jobs.features_of,
    JobKind.SUGGEST: feature_jobs.suggest,
    JobKind.ALTER: alter_jobs.run,
    JobKind.AMOUNT: amount_jobs.run,
    JobKind.MAP: map_jobs.run,
    JobKind.JUDGE: judge_jobs.run,
    JobKind.RATES: rate_jobs.run,
    JobKind.SEARCH: search_jobs.run,
    JobKind.DELETE: deleting.run,
    JobKind.WEIGHTS: weight_jobs.run,
}
