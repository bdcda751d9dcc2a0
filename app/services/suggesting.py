"""Where suggestions come from: a head fitted on the labels there are, and what the newest run says of the rest."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.feature_models import ProjectArray
from app.db.models import Image, ImageCount, LabelClass
from app.db.run_models import Job, Prediction, Run, RunItem
from app.db.session import Database
from app.domain import linear_head
from app.domain.enums import FINAL_STATES, ImageState, JobKind, Lane, PredictionRole, Split
from app.services import feature_space, features, jobs, predictions
from app.services.feature_space import Space
from app.services.image_filter import named
from app.storage import Store
from app.storage.arrays import Array, Arrays

EVERY = 25  # labels after which the head is fitted again
LEAST = 10  # labelled pictures, of two classes, before there is a head at all
WIDTH = 128  # leading directions of the space that it looks at; more make it no better
MOST = 5000  # labelled pictures that it is fitted on; of more some are drawn
SIMILAR, RUN = "similar", "run"


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a head learns from: places in the space and classes, of images in use and not of the test set."""

    places: NDArray[np.int64]
    classes: NDArray[np.int64]
    labels: int  # labelled images in all
    offered: tuple[int, ...]


def due(session: Session, project_id: int) -> bool:
    """True when a head is missing or 25 labels were given since it was fitted, or the features are newer than it."""
    row = session.get(ProjectArray, (project_id, features.HEAD))
    space = session.get(ProjectArray, (project_id, features.SPACE))
    labels = int(session.scalar(_count(project_id)) or 0)
    if space is None or not space.sha256 or labels < LEAST:
        return False
    if row is None or not row.sha256:
        return True
    return abs(labels - int(row.info["number"])) >= EVERY or row.info.get("space") != space.sha256


def _count(project_id: int) -> sa.Select[int]:
    """As many as ``_learned_from`` gives, from the counts that the database keeps."""
    kept = (ImageCount.project_id == project_id, ImageCount.state == ImageState.ACTIVE)
    query = sa.select(sa.func.sum(ImageCount.count)).where(*kept)
    return query.where(ImageCount.class_id != 0, ImageCount.split != Split.TEST)


def _learned_from(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Image.project_id == project_id,
        Image.class_id.is_not(None),
        Image.state == ImageState.ACTIVE,
        sa.or_(Image.split.is_(None), Image.split != Split.TEST),
    )


def refresh(database: Database, store: Store, arrays: Arrays, project_id: int) -> bool:
    """Fit the head again and keep what it says of all pictures; True when there is a new one.

    The fit takes a fraction of a second and holds no transaction. Two at the same time do no harm: the later one stays.
    """
    with database.read() as session:
        row = session.get(ProjectArray, (project_id, features.SPACE))
        held = feature_space.of_row(arrays, row)
        if row is None or held is None:
            return False
        name, space = row.sha256, feature_space.read(held)
        learned = _labelled(session, project_id, space)
    made = fitted(space, learned)
    if made is None:
        return False
    found, info = made
    sha256 = store.put(feature_space.packed(found, project_id))
    with database.write() as session:
        feature_space.keep(
            session,
            store,
            project_id,
            features.HEAD,
            sha256=sha256,
            count=len(found["ids"]),
            info={**info, "space": name},
        )
    return True


def _labelled(session: Session, project_id: int, space: Space) -> Labelled:
    offered = sa.select(LabelClass.id).where(LabelClass.project_id == project_id, LabelClass.retired.is_(False))
    classes = tuple(session.scalars(offered.order_by(LabelClass.position, LabelClass.id)))
    rows = session.execute(
        sa.select(Image.id, Image.class_id).where(*_learned_from(project_id)).order_by(Image.id)
    ).all()
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    labels = np.array([row[1] for row in rows], dtype=np.int64)
    known = np.isin(ids, space.ids) & np.isin(labels, classes)
    chosen = np.flatnonzero(known)
    if len(chosen) > MOST:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST, replace=False))
    return Labelled(np.searchsorted(space.ids, ids[chosen]), labels[chosen], len(rows), classes)


def fitted(space: Space, learned: Labelled) -> tuple[dict[str, Array], dict[str, Any]] | None:
    """The head's word on every picture of a space; None when there are too few labels to learn from."""
    classes, labels = np.unique(learned.classes, return_inverse=True)
    if len(learned.places) < LEAST or len(classes) < 2:
        return None
    started = time.perf_counter()
    few = space.few[:, :WIDTH]
    head = linear_head.fit(few[learned.places], labels.astype(np.int64), len(classes))
    found = ranked(space.ids, classes, head.probabilities(few))
    info = {
        "kind": SIMILAR,
        "number": learned.labels,
        "right": head.right,
        "total": head.total,
        "temperature": round(head.temperature, 3),
        "seconds": round(time.perf_counter() - started, 3),
    }
    return found, info


def ranked(ids: NDArray[np.int64], classes: NDArray[np.int64], probabilities: NDArray[np.float32]) -> dict[str, Array]:
    """Probabilities (n, classes) as the arrays that ``suggestions.said`` reads."""
    best = probabilities.argmax(axis=1)
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return {
        "ids": ids,
        "classes": classes[best].astype(np.int64),
        "confidence": two[:, 1].astype(np.float32),
        "margin": (two[:, 1] - two[:, 0]).astype(np.float32),
    }


def unlabelled(project_id: int, among: Sequence[int] | None = None) -> sa.Select[int]:
    """Images that a run is asked about: in use, without a label, and not of the pinned test set."""
    return sa.select(Image.id).where(
        Image.project_id == project_id if among is None else named(project_id, among),
        Image.class_id.is_(None),
        Image.state == ImageState.ACTIVE,
        sa.or_(Image.split.is_(None), Image.split != Split.TEST),
    )


def run_info(session: Session, run: Run) -> dict[str, Any]:
    """Who speaks, and how many of the images that its models were not trained on a run got right."""
    query = (
        sa.select(sa.func.count(), sa.func.sum(sa.case((Prediction.predicted == RunItem.label, 1), else_=0)))
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(Prediction.run_id == run.id, Prediction.role == PredictionRole.VALIDATION)
    )
    total, right = session.execute(query).one()
    return {"kind": RUN, "number": run.number, "right": int(right or 0), "total": int(total)}


def newer_run(session: Session, project_id: int) -> Run | None:
    """The newest whole run, when there are pictures without a label that it was not asked about."""
    run = predictions.newest_run(session, project_id)
    row = session.get(ProjectArray, (project_id, features.RUN))
    if (
        run is None
        or not _any_unlabelled(session, project_id)
        or (row is not None and row.info.get("number") == run.number)
    ):
        return None
    return run


def _any_unlabelled(session: Session, project_id: int) -> bool:
    query = sa.select(Image.id).where(
        Image.project_id == project_id, Image.class_id.is_(None), Image.state == ImageState.ACTIVE
    )
    return session.scalar(query.limit(1)) is not None


def ask_run(session: Session, project_id: int, run: Run) -> Job:
    """Have a worker ask a run about all pictures without a label; a job that waits or runs is enough."""
    row = features.row_of(session, project_id, features.RUN)
    job = session.get(Job, row.job_id) if row.job_id is not None else None
    if job is not None and job.state not in FINAL_STATES and job.spec.get("run_id") == run.id:
        return job
    spec = {"project_id": project_id, "run_id": run.id}
    made = jobs.create(
        session, project_id=project_id, kind=JobKind.SUGGEST, lane=Lane.CPU, spec=spec, priority=features.PRIORITY
    )
    row.job_id = made.id
    return made
