"""Removing a deleted project: rows and files, in this process."""

from sqlalchemy.orm import Session

from app.services import jobs, removal
from app.services.jobs import Claim
from worker.feature_jobs import ended
from worker.hearing import going
from worker.lease import Lease
from worker.parts import Parts
from worker.supervisor import End


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Remove what is left of the project of this job."""

    def fence(session: Session) -> None:
        jobs.fence(session, claim.job_id, claim.attempt)

    before, tell = int(claim.spec.get("images", 0)), going(parts, claim, lease, "delete")

    def go_on(done: int, total: int) -> bool:
        """Of all images that there were, also when this is not the first attempt."""
        return tell(before - total + done, before)

    removal.run(parts.database, parts.store, claim.project_id, fence, go_on)
    return ended(parts, lease)
