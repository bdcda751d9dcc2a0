"""A run whose folds are trained by several jobs: what is given away, what is trained here, and the sum of it."""

import dataclasses
import logging
import statistics
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.db.run_models import Job, Run
from app.domain.enums import FINAL_STATES, JobKind
from app.services import jobs, results, spreading
from app.services.jobs import Claim
from app.services.results import Writer
from app.services.spreading import Spread
from worker import order_maker, resuming, writing
from worker.lease import Lease
from worker.orders import Epoch, Message, Progress, TrainOrder
from worker.parts import Parts
from worker.sharing import Share
from worker.supervisor import End, Outcome, Supervisor

ASK_SECONDS = 5.0  # between two questions whether others are idle
Write = Callable[[Sequence[Message]], None]
log = logging.getLogger(__name__)


def train(parts: Parts, claim: Claim, lease: Lease) -> End:
    """A whole run: its folds here, as children, or some here and some there; then the sum."""
    run_id = claim.spec["run_id"]
    with parts.database.read() as session:
        order = order_maker.train_order(session, run_id, parts.settings)
        children = jobs.children(session, claim.job_id)
    given = {int(child.spec["fold"]) for child in children}
    own = tuple(fold for fold in _left(order) if fold not in given)
    unfinished = any(child.state not in FINAL_STATES for child in children)
    if claim.keep_best:
        return _close(parts, claim, lease, dataclasses.replace(order, only=own) if unfinished else order)
    if not given and len(own) > 1 and _spreads_at_once(parts, claim):
        return _give_away(parts, claim, own)
    if given and own:
        order = dataclasses.replace(order, only=own)
    elif unfinished:
        return End(Outcome.SHARED)
    return _supervise(parts, claim, lease, order)


def train_fold(parts: Parts, claim: Claim, lease: Lease) -> End:
    """One fold of a run; the parent sums up."""
    with parts.database.read() as session:
        only = (int(claim.spec["fold"]),)
        order = order_maker.train_order(session, claim.spec["run_id"], parts.settings, only)
    return (_close if claim.keep_best else _supervise)(parts, claim, lease, order)


def _close(parts: Parts, claim: Claim, lease: Lease, order: TrainOrder) -> End:
    """The best so far was asked for, and who trained is gone: its saved states are judged, and nothing is trained."""
    if claim.kind is JobKind.TRAIN and order.only is not None and not set(order.only) & set(order.resume):
        return End(Outcome.SHARED)  # children have what there is, and are not done with it
    if not order.finished and not order.resume:
        return End(Outcome.CANCELLED)
    return _supervise(parts, claim, lease, dataclasses.replace(order, closing=True))


def _supervise(parts: Parts, claim: Claim, lease: Lease, order: TrainOrder) -> End:
    writer = Writer(claim.job_id, claim.attempt, claim.spec["run_id"])
    with parts.database.write() as session:
        results.clear(session, writer, resuming.kept(order), only=order.only)
    share = Share(parts.context)
    write = writing.messages(parts, writer, part=order.only is not None)
    watch = _Watch(parts, claim, order, share, write)
    end = Supervisor(parts, lease, order, watch.write, share).run()
    own_part = claim.kind is JobKind.TRAIN and (watch.closed or order.only is not None)
    return End(Outcome.SHARED) if own_part and end.outcome is Outcome.DONE else end


def _left(order: TrainOrder) -> list[int]:
    return [plan.fold for plan in order.plans if plan.fold not in order.finished]


def _spreads_at_once(parts: Parts, claim: Claim) -> bool:
    wish = Spread(claim.spec.get("spread", Spread.AUTO))
    if wish is not Spread.AUTO:
        return wish is Spread.SPREAD
    with parts.database.read() as session:
        job, run = session.get_one(Job, claim.job_id), session.get_one(Run, claim.spec["run_id"])
        known = spreading.estimate(session, run, job, parts.name)
    return known is not None and known.worth(int(run.recipe["folds"]))


def _give_away(parts: Parts, claim: Claim, folds: Sequence[int]) -> End:
    specs = spreading.fold_specs(claim.spec["run_id"], folds)
    with parts.database.write() as session:
        jobs.share_out(session, claim.job_id, claim.attempt, JobKind.FOLD, specs)
    log.info("Job %s: %s folds are trained by other jobs.", claim.job_id, len(folds))
    return End(Outcome.SHARED)


class _Watch:
    """Listens to a training: measures its start, and gives its later folds away when it proves long and others idle."""

    def __init__(self, parts: Parts, claim: Claim, order: TrainOrder, share: Share, write: Write) -> None:
        self._parts, self._claim, self._order, self._share, self._write = parts, claim, order, share, write
        self._began, self._started = time.monotonic(), False
        self._seconds: dict[int, list[float]] = {}
        self._ask_at = 0.0
        self.closed = False  # True when no other fold is begun here
        auto = Spread(claim.spec.get("spread", Spread.AUTO)) is Spread.AUTO
        self._may_share = auto and claim.kind is JobKind.TRAIN and not order.closing and len(_left(order)) > 1

    def write(self, messages: Sequence[Message]) -> None:
        """Store the messages of the child, and draw the conclusions."""
        self._write(messages)
        for message in messages:
            if isinstance(message, Epoch):
                self._seconds.setdefault(message.fold, []).append(message.seconds)
            if not self._started and (isinstance(message, Epoch) or _first_step(message)):
                self._tell_start()
        if self._may_share and self._seconds and not self.closed and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + ASK_SECONDS
            try:
                self._consider()
            except (SQLAlchemyError, TimeoutError) as error:
                log.warning("Job %s: its folds stay together: %s", self._claim.job_id, error)

    def _tell_start(self) -> None:
        self._started = True
        values = {spreading.START: round(time.monotonic() - self._began, 2)}
        with self._parts.database.write() as session:
            jobs.set_result(session, self._claim.job_id, self._claim.attempt, values)

    def _consider(self) -> None:
        fold_seconds = _epoch_seconds(self._seconds) * int(self._order.recipe["epochs"])
        later = [fold for fold in self._mine() if fold > max(self._seconds)]
        with self._parts.database.read() as session:
            job = session.get_one(Job, self._claim.job_id)
            price = spreading.cost(session, job, self._parts.name, fold_seconds)
        if price.worth(len(later)):
            self._give_later_ones()

    def _give_later_ones(self) -> None:
        """First the child is told, so that no fold is trained twice; a fold that got no child is trained later."""
        begun = self._share.close()
        self.closed = True
        folds = [fold for fold in self._mine() if fold > begun]
        if folds:
            _give_away(self._parts, self._claim, folds)

    def _mine(self) -> list[int]:
        only = self._order.only
        return [fold for fold in _left(self._order) if only is None or fold in only]


def _first_step(message: Message) -> bool:
    return isinstance(message, Progress) and message.phase == "train"


def _epoch_seconds(seconds: dict[int, list[float]]) -> float:
    """The first epoch of each fold is left out where there are others: the function is compiled in it."""
    later = [value for values in seconds.values() for value in values[1:]]
    return statistics.median(later or [value for values in seconds.values() for value in values])
