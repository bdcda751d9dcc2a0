"""Jobs around features: computing them, asking a run about pictures without a label, laying pictures out on a plane."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import sqlalchemy as sa

from app.db.feature_models import ProjectArray
from app.db.health_models import HealthCheck
from app.db.models import Image
from app.db.run_models import Run, RunClass
from app.domain.recipe import Recipe
from app.services import feature_map, feature_space, features, health_check, jobs, suggesting
from app.services.jobs import Claim
from app.storage.arrays import Array, Arrays
from worker import order_maker
from worker.hearing import going, hear
from worker.lease import Lease, Word
from worker.orders import AskOrder, FeatureBlock, FeatureOrder, Message, Progress, Said
from worker.parts import Parts
from worker.supervisor import End, Outcome, Supervisor

SIZE = 160  # pixels; see ``features.METHOD``
BATCH = 32
Write = Callable[[Sequence[Message]], None]


def features_of(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Compute what is missing, then the space of the project. What is computed stays when the job is stopped."""
    project_id = claim.project_id
    with parts.database.read() as session:
        wanted = features.missing(session, project_id)
        done, total = features.counts(session, project_id)
    if wanted:
        recipe = Recipe(image_size=SIZE, batch_size=BATCH).to_json()
        order = FeatureOrder(parts.settings.patient_store_address, recipe, tuple(wanted))
        end = Supervisor(parts, lease, order, _writer(parts, claim, done, total)).run()
        if end.outcome is not Outcome.DONE:
            return end
    with parts.database.read() as session:
        rows = features.places(session, project_id)
    if rows:
        made = feature_space.build(rows, Arrays(parts.store))
        _keep(parts, claim, features.SPACE, made, {"method": features.METHOD})
        _look_again(parts, project_id, new=bool(wanted))
    with parts.database.read() as session:
        due = suggesting.due(session, project_id)
    if due:
        suggesting.refresh(parts.database, parts.store, Arrays(parts.store), project_id)
    return ended(parts, lease)


def _look_again(parts: Parts, project_id: int, *, new: bool) -> None:
    """What only features tell of the health of a project is found without anybody asking for another check."""
    with parts.database.write() as session:
        check = session.get(HealthCheck, project_id)
        if check is not None and (new or not check.results.get("features")):
            health_check.request(session, project_id, turned=bool(check.results.get("turned")))


def _writer(parts: Parts, claim: Claim, before: int, total: int) -> Write:
    started = time.monotonic()

    def write(said: Sequence[Message]) -> None:
        with parts.database.write() as session:
            jobs.fence(session, claim.job_id, claim.attempt)
            for message in said:
                if isinstance(message, FeatureBlock):
                    features.add_block(session, message.digests, message.sha256)
                elif isinstance(message, Progress):
                    left = (time.monotonic() - started) / message.done * (message.total - message.done)
                    shown = {"phase": message.phase, "done": before + message.done, "total": total}
                    values = {**shown, "seconds_left": round(left)}
                    jobs.set_progress(session, claim.job_id, claim.attempt, values)

    return write


def suggest(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Ask a run about the pictures without a label."""
    with parts.database.read() as session:
        run = session.get_one(Run, int(claim.spec["run_id"]))
        models = order_maker.weights(session, run.id, order_maker.MEAN)
        rows = session.execute(
            sa.select(Image.id, Image.canonical_sha256)
            .where(Image.id.in_(suggesting.unlabelled(claim.project_id)))
            .order_by(Image.id)
        ).all()
        known = sa.select(RunClass.class_id).where(RunClass.run_id == run.id).order_by(RunClass.position)
        classes = np.array(session.scalars(known).all(), dtype=np.int64)
        info = suggesting.run_info(session, run)
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    digests = tuple(row[1] for row in rows)
    order = AskOrder(parts.settings.patient_store_address, run.recipe, models, ids, digests)
    end, heard = hear(parts, claim, lease, order, Said)
    if end.outcome is Outcome.DONE:
        none = np.empty((0, len(classes)), dtype=np.float32)
        answered = np.concatenate([ids[:0], *(one.ids for one in heard)])
        said = np.concatenate([none, *(one.probabilities for one in heard)])
        spread = np.concatenate([np.empty(0, dtype=np.float32), *(one.spread for one in heard)])
        made = suggesting.ranked(answered, classes, said) | {"spread": spread}
        _keep(parts, claim, features.RUN, made, info)
    return end


def lay_out(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Places of all pictures on a plane, for the page of the map."""
    with parts.database.read() as session:
        row = session.get(ProjectArray, (claim.project_id, features.SPACE))
        space = feature_space.load(session, Arrays(parts.store), claim.project_id)
    if row is None or space is None:
        return End(Outcome.FAILED, "features_missing", {})

    made = feature_map.compute(space, going(parts, claim, lease, "map"))
    if made is None:
        return ended(parts, lease)
    _keep(parts, claim, features.MAP, made, {"space": row.sha256})
    return End(Outcome.DONE)


def _keep(parts: Parts, claim: Claim, kind: str, made: dict[str, Array], info: dict[str, object]) -> None:
    sha256 = parts.store.put(feature_space.packed(made, claim.project_id))
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        count = len(made["ids"])
        feature_space.keep(session, parts.store, claim.project_id, kind, sha256=sha256, count=count, info=info)


def ended(parts: Parts, lease: Lease) -> End:
    """How a job ended that was carried out in this process."""
    if lease.word is Word.LOST:
        return End(Outcome.LOST)
    if lease.word is not Word.GO_ON:
        return End(Outcome.CANCELLED)
    return End(Outcome.RELEASED if parts.stopping.is_set() else Outcome.DONE)
