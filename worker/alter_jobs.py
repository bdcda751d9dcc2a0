"""Tests on changed pictures: from the entry of a diary to its answer."""

import numpy as np

from app.db.diary_models import DiaryEntry
from app.db.run_models import Run
from app.domain.errors import NotFound
from app.services import diary, jobs
from app.services.diary import Chosen, Picture
from app.services.jobs import Claim
from worker import order_maker
from worker.altering_orders import Altered, AlterOrder, AlterPart
from worker.hearing import hear
from worker.lease import Lease
from worker.parts import Parts
from worker.supervisor import End, Outcome


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Ask the models, and keep what the change did to their answers together with the end of the job."""
    asked, order = _order(parts, claim)
    end, heard = hear(parts, claim, lease, order, Altered)
    if end.outcome is Outcome.DONE and not heard:
        return End(Outcome.FAILED, "diary_no_pictures", {})
    if end.outcome is Outcome.DONE:
        ids = np.concatenate([np.empty(0, np.int64), *(one.ids for one in heard)])
        before, after = (np.concatenate([getattr(one, name) for one in heard]) for name in ("before", "after"))
        with parts.database.write() as session:
            jobs.fence(session, claim.job_id, claim.attempt)
            diary.conclude(session, int(claim.spec["entry_id"]), asked, (ids, before, after))
    return end


def _order(parts: Parts, claim: Claim) -> tuple[list[Picture], AlterOrder]:
    with parts.database.read() as session:
        entry = session.get(DiaryEntry, int(claim.spec["entry_id"]))
        if entry is None or entry.alteration is None:
            raise NotFound("diary_missing", number=claim.spec["entry_id"])
        run = session.get_one(Run, entry.run_id)
        asked = diary.pictures(session, run, Chosen(**entry.chosen))
        made = []
        for fold, some in diary.fold_of(asked).items():
            ids = np.array([one.item_id for one in some], dtype=np.int64)
            sizes = np.array([(one.width, one.height) for one in some], dtype=np.int64).reshape(-1, 2)
            weights = order_maker.weights(session, run.id, fold)
            made.append(AlterPart(weights, ids, tuple(one.digest for one in some), sizes))
        storage = parts.settings.patient_store_address
        return asked, AlterOrder(storage, run.recipe, tuple(made), entry.alteration)
