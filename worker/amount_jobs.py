"""How many more pictures would help a run: measured here, without TensorFlow, in seconds."""

from app.db.run_models import Run
from app.services import amounts, jobs
from app.services.jobs import Claim
from app.storage.arrays import Arrays
from worker.lease import Lease, Word
from worker.parts import Parts
from worker.supervisor import End, Outcome


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Train the small classifier with less and less data."""
    with parts.database.read() as session:
        data = amounts.load(session, Arrays(parts.store), session.get_one(Run, int(claim.spec["run_id"])))
    if data is None:
        return End(Outcome.FAILED, "features_missing", {})

    def go_on(done: int, total: int) -> bool:
        with parts.database.write() as session:
            values = {"phase": "amount", "done": done, "total": total}
            jobs.set_progress(session, claim.job_id, claim.attempt, values)
        return lease.word is Word.GO_ON and not parts.stopping.is_set()

    found = amounts.measure(data, go_on)
    if found is None:
        if lease.word is Word.LOST:
            return End(Outcome.LOST)
        return End(Outcome.RELEASED if parts.stopping.is_set() else Outcome.CANCELLED)
    with parts.database.write() as session:
        jobs.set_result(session, claim.job_id, claim.attempt, found)
    return End(Outcome.DONE)
