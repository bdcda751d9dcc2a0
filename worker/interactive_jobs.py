"""Jobs that somebody waits for: one prediction, a few heat maps, models made ready. The runner calls them."""

import dataclasses
import logging

from app.db.run_models import Job
from app.services import best_weights, jobs, looking, predictions, results
from app.services.jobs import Claim
from app.services.results import Writer
from worker import order_maker
from worker.files import Filed
from worker.interactive import Unanswered
from worker.lease import Lease, Word
from worker.looking_orders import LayerLook
from worker.orders import Failed, HeatMaps, Predicted, Question
from worker.parts import Parts
from worker.supervisor import End, Outcome

log = logging.getLogger(__name__)


def predict(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Ask the models of a run about one picture or a layer, make a file of one of them, or only make them ready."""
    order: Question
    with parts.database.read() as session:
        if predictions.PICTURE in claim.spec:
            order = order_maker.predict_order(session, claim.spec, parts.settings)
        elif looking.LAYER in claim.spec:
            order = order_maker.look_order(session, claim.spec, parts.settings)
        elif best_weights.WEIGHTS in claim.spec:
            order = order_maker.file_order(session, claim.spec, parts.settings)
        else:
            order = order_maker.prepare_order(session, claim.spec["run_id"], parts.settings)
    return _ask(parts, claim, lease, order)


def explain(parts: Parts, claim: Claim, lease: Lease) -> End:
    """A few heat maps."""
    with parts.database.read() as session:
        order = order_maker.explain_order(session, claim.spec, parts.settings)
    return _ask(parts, claim, lease, order)


def prepare_newest(parts: Parts) -> None:
    """Start the process that answers, with the models of the newest finished run: most likely those asked first."""
    with parts.database.read() as session:
        run = predictions.newest_run(session)
        order = order_maker.prepare_order(session, run.id, parts.settings) if run is not None else None
    parts.warm.prepare(order)


def _ask(parts: Parts, claim: Claim, lease: Lease, order: Question) -> End:
    try:
        reply = parts.warm.ask(order, lambda: lease.word is Word.GO_ON and not parts.stopping.is_set())
    except Unanswered as error:
        return End(Outcome.FAILED, error.code, dict(error.params))
    if reply is None:
        return _given_up(lease)
    if isinstance(reply.answer, Failed):
        return End(Outcome.FAILED, reply.answer.code, reply.answer.params, reply.answer.trace)
    _write(parts, claim, reply.answer)
    return End(Outcome.DONE)


def _given_up(lease: Lease) -> End:
    if lease.word is Word.GO_ON:
        return End(Outcome.RELEASED)
    return End(Outcome.LOST if lease.word is Word.LOST else Outcome.CANCELLED)


def _write(parts: Parts, claim: Claim, answer: Predicted | HeatMaps | Filed | LayerLook | None) -> None:
    """One transaction with the end of the job in it: the page that waits sees answer and end together."""
    with parts.database.write() as session:
        if isinstance(answer, Predicted | Filed | LayerLook):
            jobs.fence(session, claim.job_id, claim.attempt)
            session.get_one(Job, claim.job_id).result = dataclasses.asdict(answer)
        elif isinstance(answer, HeatMaps):
            writer = Writer(claim.job_id, claim.attempt, claim.spec["run_id"])
            results.add_explanations(session, writer, [dataclasses.asdict(one) for one in answer.maps])
        session.flush()
        jobs.finish(session, claim.job_id, claim.attempt)
