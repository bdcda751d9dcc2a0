"""What a Celery message makes a worker do: look at one job."""

import logging

from app import log_fields
from app.services import jobs
from worker import runner
from worker.parts import Parts

log = logging.getLogger(__name__)


def look_at(parts: Parts, job_id: int) -> None:
    """Claim job ``job_id`` and run it, if it still waits and a place in its lane is free."""
    if parts.stopping.is_set():
        return
    with parts.database.read() as session:
        lane = jobs.waiting_lane(session, job_id, parts.able)
    if lane is None:
        return  # somebody else was quicker, or it was cancelled: messages may come twice and late
    if not parts.slots.take(lane):
        with parts.database.write() as session:
            jobs.put_back(session, job_id)
        return
    try:
        with parts.database.write() as session:
            claim = jobs.claim(session, job_id, parts.name, parts.settings.lease_seconds, parts.able)
        if claim is not None:
            with log_fields.about(job=job_id, run=claim.spec.get("run_id"), attempt=claim.attempt):
                runner.run(parts, claim)
    finally:
        parts.slots.give(lane)
        parts.wake.set()
