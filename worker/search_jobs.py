"""A search for settings is carried on when its trainings have ended."""

from app.db.run_models import Job
from app.domain.enums import JobState
from app.services import jobs, searches
from app.services.jobs import Claim
from worker.lease import Lease
from worker.parts import Parts
from worker.supervisor import End, Outcome


def run(parts: Parts, claim: Claim, _lease: Lease) -> End:
    """Begin the trainings that come next, or end the search with what is left of the luck of the best one."""
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        job = session.get_one(Job, claim.job_id)
        if job.state != JobState.RUNNING:
            return End(Outcome.CANCELLED)  # it is to stop: what has not begun need not begin
        if searches.advance(session, job):
            return End(Outcome.SHARED)
    with parts.database.read() as session:
        result = searches.result(session, claim.job_id)
    with parts.database.write() as session:
        jobs.set_result(session, claim.job_id, claim.attempt, result)
    return End(Outcome.DONE)
