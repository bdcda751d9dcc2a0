"""Heat maps of a run: which there are, on what scale they are shown, and how more are ordered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Explanation, Job, Run, RunClass, RunFold, RunItem
from app.domain import heat
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.domain.errors import Invalid, NotFound
from app.domain.explaining import OF_PIXELS, PIXELS, Method, method_of, suited
from app.services import jobs
from app.services.review import MEAN

LAYERS = "conv_layers"  # key of ``Run.environment``: names of the network's convolutions, input first
SCALE_PERCENTILE = 95  # the strongest twentieth of the maps may run into the last colour
MOST_ITEMS = 400  # images of one explain job
FEW_ITEMS = 4  # so few are made at once by the process that is kept ready


@dataclass(frozen=True)
class Wanted:
    """One heat map by everything that decides what is on it."""

    item_id: int
    fold: int
    layer: str
    class_position: int
    method: Method = Method.GRAD_CAM


@dataclass(frozen=True)
class Ordered:
    """An explain job: ``state`` of the job and, when it failed, why; pictures that are ``done``, of ``total``."""

    job_id: int
    state: JobState
    error_code: str | None
    error_params: dict[str, object]
    done: int
    total: int

    @property
    def finished(self) -> bool:
        """True when nothing more will come of this job."""
        return self.state in FINAL_STATES


def layers(session: Session, run: Run) -> list[str]:
    """Layers to choose from, input first; the last is the usual choice."""
    known = run.environment.get(LAYERS)
    if isinstance(known, list) and known:
        return [str(name) for name in known]
    made = (Explanation.run_id == run.id, Explanation.layer != PIXELS)
    query = sa.select(Explanation.layer).where(*made).distinct().order_by(Explanation.layer)
    return list(session.scalars(query))


def usual_layer(session: Session, run: Run) -> str | None:
    """The layer of the prepared maps, else the last convolution; None when neither is known."""
    prepared = session.scalar(
        sa.select(Explanation.layer)
        .where(Explanation.run_id == run.id, Explanation.method == Method.GRAD_CAM)
        .group_by(Explanation.layer)
        .order_by(sa.func.count().desc(), Explanation.layer.desc())
        .limit(1)
    )
    if prepared is not None:
        return prepared
    names = layers(session, run)
    return names[-1] if names else None


def usual(session: Session, run: Run) -> tuple[str, Method]:
    """Layer and method of the maps that were prepared."""
    layer = usual_layer(session, run)
    return (PIXELS, suited([])) if layer is None else (layer, Method.GRAD_CAM)


def find(session: Session, run: Run, wanted: Wanted) -> Explanation:
    """The stored map.

    Raises:
        NotFound: it has not been made.
    """
    found = session.scalar(
        sa.select(Explanation).where(
            Explanation.run_id == run.id,
            Explanation.item_id == wanted.item_id,
            Explanation.fold == wanted.fold,
            Explanation.layer == wanted.layer,
            Explanation.class_position == wanted.class_position,
            Explanation.method == wanted.method,
        )
    )
    if found is None:
        raise NotFound("heat_map_missing", item=wanted.item_id)
    return found


def available(session: Session, run: Run, wanted: Iterable[Wanted]) -> dict[int, Explanation]:
    """The stored maps among ``wanted`` by item id; one query."""
    asked = {one.item_id: one for one in wanted}
    if not asked:
        return {}
    rows = session.scalars(
        sa.select(Explanation).where(Explanation.run_id == run.id, Explanation.item_id.in_(sorted(asked)))
    )
    return {
        row.item_id: row
        for row in rows
        if Wanted(row.item_id, row.fold, row.layer, row.class_position, method_of(row.method)) == asked[row.item_id]
    }


def scale(session: Session, run: Run, fold: int, layer: str, method: Method = Method.GRAD_CAM) -> float:
    """The value of the last colour for all maps of one model, layer and method: a round number near their peaks."""
    same = (Explanation.fold == fold, Explanation.layer == layer, Explanation.method == method)
    query = sa.select(Explanation.peak).where(Explanation.run_id == run.id, *same)
    peaks = np.fromiter(session.scalars(query), np.float64)
    return heat.nice_limit(float(np.percentile(peaks, SCALE_PERCENTILE))) if peaks.size else 1.0


def order(session: Session, run: Run, wanted: Sequence[Wanted]) -> Job:
    """Queue a job that makes maps of one model, layer, class and method; asking again while it waits gives the same.

    A few maps overtake all other work; many take their turn beside imports.

    Raises:
        Invalid: nothing or too much asked for, the maps differ in model, layer, class or method, or the run has no
            such one.
        NotFound: an item of another run.
    """
    kinds = {(one.fold, one.layer, one.class_position, one.method) for one in wanted}
    if len(kinds) != 1 or len(wanted) > MOST_ITEMS:
        raise Invalid("explain_request_invalid", most=MOST_ITEMS)
    item_ids = sorted({one.item_id for one in wanted})
    ours = session.scalar(sa.select(sa.func.count()).where(RunItem.run_id == run.id, RunItem.id.in_(item_ids)))
    if ours != len(item_ids):
        raise NotFound("explain_item_missing")
    if not _there(session, run, wanted[0]):
        raise Invalid("explain_request_invalid", most=MOST_ITEMS)
    (fold, layer, class_position, method), *_ = kinds
    spec = {"run_id": run.id, "fold": fold, "layer": layer, "class_position": class_position, "item_ids": item_ids}
    if method is not Method.GRAD_CAM:
        spec["method"] = method
    waiting = session.scalars(
        sa.select(Job).where(
            Job.project_id == run.project_id, Job.kind == JobKind.EXPLAIN, Job.state.not_in(sorted(FINAL_STATES))
        )
    )
    for job in waiting:
        if job.spec == spec:
            return job
    lane = Lane.INTERACTIVE if len(item_ids) <= FEW_ITEMS else Lane.CPU
    return jobs.create(session, project_id=run.project_id, kind=JobKind.EXPLAIN, lane=lane, spec=spec)


def _there(session: Session, run: Run, wanted: Wanted) -> bool:
    """True when the run has this model, layer and class. Layers are known once the network has been built."""
    models = sa.select(sa.func.count()).where(RunFold.run_id == run.id)
    classes = sa.select(sa.func.count()).where(RunClass.run_id == run.id)
    folds = session.scalar(models) or 0
    known = layers(session, run)
    unknown = LAYERS not in run.environment  # a run of long ago: the worker says what there is
    return (
        (0 <= wanted.fold < folds or (wanted.fold == MEAN and folds > 1))
        and 0 <= wanted.class_position < (session.scalar(classes) or 0)
        and (wanted.layer == PIXELS if wanted.method in OF_PIXELS else wanted.layer in known or (not known and unknown))
    )


def ordered(session: Session, run: Run, job_id: int) -> Ordered:
    """How an explain job of this run fares.

    Raises:
        NotFound: it is no explain job of this run.
    """
    job = session.get(Job, job_id)
    if job is None or job.kind != JobKind.EXPLAIN or job.spec.get("run_id") != run.id:
        raise NotFound("job_missing", job=job_id)
    done, total = int(job.progress.get("done", 0)), len(job.spec["item_ids"])
    return Ordered(job.id, JobState(job.state), job.error_code, dict(job.error_params), done, total)
