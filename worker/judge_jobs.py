"""A run judged again with several views of each picture: from the row of its job to the result."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.run_models import Run
from app.domain.enums import PredictionRole
from app.domain.errors import NotFound
from app.services import jobs, judging
from app.services.jobs import Claim
from app.services.judging import Heard, Picture
from app.storage.packed import pack
from worker import order_maker
from worker.hearing import hear
from worker.judging_orders import JudgeOrder, JudgePart, JudgePiece
from worker.lease import Lease
from worker.parts import Parts
from worker.supervisor import End, Outcome


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Ask the models, and keep what they said together with how long it took."""
    with parts.database.read() as session:
        order = _order(session, claim, parts.settings)
    end, heard = hear(parts, claim, lease, order, JudgePiece)
    if end.outcome is not Outcome.DONE:
        return end
    found = _together(order, heard)
    if not found:
        return End(Outcome.FAILED, "judge_no_pictures", {})
    data = pack(judging.packed(found))
    file = parts.store.put(data), len(data)
    asked = {role: sum(len(part.ids) for part in order.parts if part.role is role) for role in found}
    with parts.database.read() as session:
        numbers = judging.numbers(session, session.get_one(Run, int(claim.spec["run_id"])), found, asked)
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        judging.conclude(session, claim.job_id, numbers, file)
    return end


def _order(session: Session, claim: Claim, settings: Settings) -> JudgeOrder:
    mine = session.get(Run, int(claim.spec["run_id"]))
    if mine is None:
        raise NotFound("run_missing", number=claim.spec["run_id"])
    made = [
        _part(session, mine, role, fold, some)
        for role in judging.ROLES
        for fold, some in _by_fold(judging.pictures(session, mine, role)).items()
    ]
    return JudgeOrder(settings.patient_store_address, mine.recipe, str(claim.spec["views"]), tuple(made))


def _by_fold(asked: Sequence[Picture]) -> Mapping[int, list[Picture]]:
    found: dict[int, list[Picture]] = {}
    for one in asked:
        found.setdefault(one.fold, []).append(one)
    return dict(sorted(found.items()))


def _part(session: Session, mine: Run, role: PredictionRole, fold: int, some: Sequence[Picture]) -> JudgePart:
    ids = np.array([one.item_id for one in some], np.int64)
    return JudgePart(role, order_maker.weights(session, mine.id, fold), ids, tuple(one.digest for one in some))


def _together(order: JudgeOrder, heard: Sequence[JudgePiece]) -> dict[PredictionRole, Heard]:
    """All pieces of each role in the order of the items."""
    models = {part.role: len(part.weights) for part in order.parts}
    found = {}
    for role, count in models.items():
        mine = [piece for piece in heard if piece.role is role]
        if not mine:
            continue
        ids = np.concatenate([piece.ids for piece in mine])
        places = np.argsort(ids)
        found[role] = Heard(
            items=ids[places],
            plain=np.concatenate([piece.plain for piece in mine])[places],
            probabilities=np.concatenate([piece.probabilities for piece in mine])[places],
            models=count,
            plain_seconds=sum(piece.plain_seconds for piece in mine),
            seconds=sum(piece.seconds for piece in mine),
        )
    return found
