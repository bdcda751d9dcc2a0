"""Maps: of a project by the features of the offline network, of a run by what its own network makes of the pictures."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from app.db.run_models import Job, Run
from app.services import feature_map, feature_space, jobs, packs, run_map
from app.services.jobs import Claim
from app.storage.arrays import Array
from worker import feature_jobs, order_maker
from worker.lease import Lease, Word
from worker.map_orders import Embedded, EmbedOrder
from worker.orders import Message, Progress
from worker.parts import Parts
from worker.supervisor import End, Outcome, Supervisor


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Lay pictures out, for the page of the map."""
    if "run_id" not in claim.spec:
        return feature_jobs.lay_out(parts, claim, lease)
    ids, order = _order(parts, claim)
    heard: list[Embedded] = []

    def write(said: Sequence[Message]) -> None:
        heard.extend(message for message in said if isinstance(message, Embedded))
        told = [message for message in said if isinstance(message, Progress)]
        if told:
            _tell(parts, claim, told[-1].phase, told[-1].done, told[-1].total)

    end = Supervisor(parts, lease, order, write).run()
    if end.outcome is not Outcome.DONE:
        return end
    if not heard or not len(heard[-1].places):
        return End(Outcome.FAILED, "map_no_pictures", {})
    made = feature_map.arranged(ids[heard[-1].places], heard[-1].few, _going(parts, claim, lease))
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


def _going(parts: Parts, claim: Claim, lease: Lease) -> Callable[[int, int], bool]:
    def go_on(done: int, total: int) -> bool:
        _tell(parts, claim, "map", done, total)
        return lease.word is Word.GO_ON and not parts.stopping.is_set()

    return go_on


def _tell(parts: Parts, claim: Claim, phase: str, done: int, total: int) -> None:
    with parts.database.write() as session:
        values = {"phase": phase, "done": done, "total": total}
        jobs.set_progress(session, claim.job_id, claim.attempt, values)


def _keep(parts: Parts, claim: Claim, made: dict[str, Array]) -> None:
    data = feature_space.packed(made, claim.project_id)
    digest = parts.store.put(data)
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        mine = session.get_one(Run, int(claim.spec["run_id"]))
        attempt = session.scalar(sa.select(Job.attempt).where(Job.id == mine.job_id)) or 0
        state = packs.State(0, 0, 0, attempt)
        packs.keep_map(session, mine, packs.Made(packs.MAP, packs.ALL, state, digest, len(data)))
