"""The pictures of a run on a plane by what its own network makes of them before it answers.

The map of the project (``feature_map``) shows which pictures look alike; this one shows which of them the run takes for
alike. Of a K-fold run all models count alike, so that nearly every picture was learned from by some of them.
"""

from enum import StrEnum

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import AnswerPack, Job, Run, RunItem
from app.domain import architectures
from app.domain.enums import FINAL_STATES, JobKind, Lane
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.recipe import Recipe
from app.services import features, jobs, packs, predictions
from app.services.feature_map import Plane
from app.storage.arrays import Arrays

MOST = 20_000  # pictures of a map, drawn from more
WIDEST = 4096  # values before the last layer; a flattened map of more says where something stands, not what it is
_LAST = "logits"
Ints = NDArray[np.int64]


class Hindrance(StrEnum):
    """Why a run can have no map of its own."""

    NO_MODELS = "models"  # they are not there
    NO_LAYER = "layer"  # the network answers from the pixels at once, or from too many values


def hindrance(session: Session, run: Run) -> Hindrance | None:
    """Why no map of its own can be made of ``run``; None when one can."""
    if not predictions.has_models(session, run):
        return Hindrance.NO_MODELS
    return Hindrance.NO_LAYER if last_layer(run) is None else None


def last_layer(run: Run) -> str | None:
    """The name of the layer before the answer; None where there is none of its own, or one that is too wide."""
    try:
        table = architectures.layer_table(Recipe.from_json(run.recipe), 2)  # classes change the last layer alone
    except Invalid:  # of a run of another version
        return None
    before = table[: next(place for place, layer in enumerate(table) if layer.name == _LAST)]
    learned = any(layer.parameters for layer in before)
    if not before or not learned or len(before[-1].shape) != 1 or before[-1].shape[0] > WIDEST:
        return None
    return next(layer.name for layer in reversed(before) if layer.kind != "Dropout")


def pictures(session: Session, run: Run) -> tuple[Ints, tuple[str, ...]]:
    """The images of a run in the order of their ids, and their files; of more than MOST an even draw."""
    query = sa.select(RunItem.image_id, RunItem.canonical_sha256).where(RunItem.run_id == run.id)
    rows = session.execute(query.order_by(RunItem.image_id)).all()
    chosen = np.sort(np.random.default_rng(run.id).permutation(len(rows))[:MOST]).tolist()
    return np.array([rows[at][0] for at in chosen], np.int64), tuple(rows[at][1] for at in chosen)


def load(session: Session, arrays: Arrays, run: Run) -> Plane | None:
    """The map that was made of a run; None while there is none."""
    row = session.get(AnswerPack, (run.id, packs.MAP, packs.ALL))
    try:
        found = arrays.named(row.sha256) if row is not None else None
    except NotFound:  # another one has just taken its place
        return None
    return None if found is None else Plane(found["ids"], found["places"], found["groups"], final=True, newer=False)


def request(session: Session, run: Run) -> Job:
    """Have a worker make it; a job that waits or runs is enough.

    Raises:
        Conflict: ``map_of_run_impossible``.
    """
    if hindrance(session, run) is not None:
        raise Conflict("map_of_run_impossible", run=run.number)
    job = newest(session, run)
    if job is not None and job.state not in FINAL_STATES:
        return job
    spec = {"project_id": run.project_id, "run_id": run.id}
    return jobs.create(
        session, project_id=run.project_id, kind=JobKind.MAP, lane=Lane.CPU, spec=spec, priority=features.PRIORITY
    )


def newest(session: Session, run: Run) -> Job | None:
    """The job that makes it now, or did last."""
    query = sa.select(Job).where(Job.project_id == run.project_id, Job.kind == JobKind.MAP)
    query = query.where(Job.spec["run_id"].as_integer() == run.id)
    return session.scalars(query.order_by(Job.id.desc()).limit(1)).first()
