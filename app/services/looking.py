"""What the channels of a layer say of a picture of a run, and its filters: asked of a worker, kept for a day."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job, Run, RunItem
from app.domain.enums import JobKind, Lane, PredictionRole
from app.domain.errors import Invalid, NotFound
from app.services import heatmaps, jobs, predictions, review

LAYER = "looked_layer"  # key of the specification of such a job


def usual_item(session: Session, run: Run) -> int | None:
    """A picture that was judged: the first of the test set, else of the validation."""
    for role in (PredictionRole.TEST, PredictionRole.VALIDATION):
        if review.has(session, run, role):
            return session.scalar(sa.select(sa.func.min(RunItem.id)).where(RunItem.run_id == run.id, _in(role)))
    return None


def _in(role: PredictionRole) -> sa.ColumnElement[bool]:
    test = RunItem.split == "test"
    return test if role is PredictionRole.TEST else ~test


def order(session: Session, run: Run, *, item: int, layer: str, model: int) -> Job:
    """Queue the question; ``model`` counts from 0.

    Raises:
        NotFound: the run has no such model or picture.
        Invalid: ``layer_missing``.
    """
    known = heatmaps.layers(session, run)
    if layer not in known:
        raise Invalid("layer_missing", layer=layer[:60], known=", ".join(known))
    digest = picture_of(session, run, item)
    weights = next((one.weights_sha256 for one in run.folds if one.fold == model), None)
    if not weights or not predictions.has_models(session, run):
        raise NotFound("weights_missing", run=run.number, fold=model + 1)
    spec = {"run_id": run.id, LAYER: layer, "model": weights, "picture_of_run": digest, "item": item, "fold": model}
    return jobs.create(session, project_id=run.project_id, kind=JobKind.PREDICT, lane=Lane.INTERACTIVE, spec=spec)


def picture_of(session: Session, run: Run, item: int) -> str:
    """The hash of a picture of the run. Raises NotFound."""
    digest = session.scalar(sa.select(RunItem.canonical_sha256).where(RunItem.run_id == run.id, RunItem.id == item))
    if digest is None:
        raise NotFound("explain_item_missing")
    return digest


def found(session: Session, run: Run, job_id: int) -> tuple[Job, dict[str, Any]]:
    """The question and its answer, {} while there is none.

    Raises:
        NotFound: there is no such question about this run (any more).
    """
    job = session.get(Job, job_id)
    if job is None or job.spec.get("run_id") != run.id or LAYER not in job.spec:
        raise NotFound("prediction_missing", job=job_id)
    return job, dict(job.result)
