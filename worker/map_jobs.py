"""Maps: of a project by the features of the offline network, of a run by what its own network makes of the pictures."""

import sqlalchemy as sa

from app.db.run_models import Job, Run
from app.services import feature_map, feature_space, jobs, packs, run_map
from app.services.jobs import Claim
from app.storage.arrays import Array
from worker import feature_jobs, order_maker
from worker.hearing import going, hear
from worker.lease import Lease
from worker.map_orders import Embedded, EmbedOrder
from worker.parts import Parts
from worker.supervisor import End, Outcome


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Lay pictures out, for the page of the map."""
    if "run_id" not in claim.spec:
        return feature_jobs.lay_out(parts, claim, lease)
    ids, order = _order(parts, claim)
    end, heard = hear(parts, claim, lease, order, Embedded)
    if end.outcome is not Outcome.DONE:
        return end
    if not heard or not len(heard[-1].places):
        return End(Outcome.FAILED, "map_no_pictures", {})
    made = feature_map.arranged(ids[heard[-1].places], heard[-1].few, going(parts, claim, lease, "map"))
    if made is None:
        return feature_jobs.ended(parts, lease)
    _keep(parts, claim, made)
    return End(Outcome.DONE)


def _order(parts: Parts, claim: Claim) -> tuple[run_map.Ints, EmbedOrder]:
    with parts.database.read() as session:
        mine = session.get_one(Run, int(claim.spec["run_id"]))
        ids, digests = run_map.pictures(session, mine)
        weights = order_maker.weights(session, mine.id, order_maker.MEAN)
        return ids, EmbedOrder(parts.settings.patient_store_address, mine.recipe, weights, digests)


def _keep(parts: Parts, claim: Claim, made: dict[str, Array]) -> None:
    data = feature_space.packed(made, claim.project_id)
    digest = parts.store.put(data)
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        mine = session.get_one(Run, int(claim.spec["run_id"]))
        attempt = session.scalar(sa.select(Job.attempt).where(Job.id == mine.job_id)) or 0
        state = packs.State(0, 0, 0, attempt)
        packs.keep_map(session, mine, packs.Made(packs.MAP, packs.ALL, state, digest, len(data)))
