"""A finished run judged again with several views of each picture: asked for, what came of it, the two ways compared.

Each validation image is judged by the model that did not see it, the test set by all models together, as the run was.
What the run said itself stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session, joinedload

from app.db.base import utc_now
from app.db.run_models import Job, Judgement, Prediction, Run, RunFold, RunItem
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane, PredictionRole
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.views import SEVERAL
from app.services import answers, jobs, packs
from app.services.answers import Answers, Kept
from app.storage import Store
from app.storage.packed import open_packed

ROLES = (PredictionRole.TEST, PredictionRole.VALIDATION)
MEAN = -1
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Picture:
    """A picture that was judged: its row, its own copy, and the model that judges it (-1: all together)."""

    item_id: int
    digest: str
    fold: int


@dataclass(frozen=True)
class Heard:
    """What the models said of the pictures of one role that could be read.

    Attributes:
        plain: positions of the classes that were said of the pictures as they are, now, (n,).
        probabilities: the mean over all views, (n, classes).
        models: how many judge each picture.
        plain_seconds, seconds: for the pictures as they are, and for all views.
    """

    items: Ints
    plain: Ints
    probabilities: NDArray[np.float32]
    models: int
    plain_seconds: float
    seconds: float


def pictures(session: Session, run: Run, role: PredictionRole) -> list[Picture]:
    """The pictures of one role in the order of the run, each with the model whose answer counts."""
    query = (
        sa.select(RunItem.id, RunItem.canonical_sha256, Prediction.fold)
        .join(Prediction, Prediction.item_id == RunItem.id)
        .where(Prediction.run_id == run.id, Prediction.role == role)
    )
    return [Picture(*row) for row in session.execute(query.order_by(RunItem.id))]


def start(session: Session, run: Run, kind: str, *, actor: str) -> Job:
    """Have a worker judge the run with the views of ``kind``; a job that waits or runs for that is enough.

    Raises:
        Invalid: ``views_unknown``, or ``queue_full``.
        Conflict: ``judge_unfinished``, ``judge_nothing``.
        NotFound: ``judge_no_models``.
    """
    if kind not in SEVERAL:
        raise Invalid("views_unknown", value=str(kind)[:60], known=", ".join(SEVERAL))
    _refuse(session, run)
    session.execute(sa.select(Run.id).where(Run.id == run.id).with_for_update())  # two at once get one job
    row = find(session, run, kind)
    if row is not None and not ended(row):
        return row.job
    spec = {"run_id": run.id, "views": kind}
    job = jobs.create(session, project_id=run.project_id, kind=JobKind.JUDGE, lane=Lane.CPU, spec=spec)
    if row is None:
        session.add(Judgement(run_id=run.id, views=kind, job_id=job.id, actor=actor))
    else:
        row.job_id, row.actor = job.id, actor
    session.flush()
    return job


def hindrance(session: Session, run: Run) -> str | None:
    """The code of the reason why a run cannot be judged; None when it can."""
    if session.get_one(Job, run.job_id).state != JobState.DONE:
        return "judge_unfinished"
    said = sa.select(Prediction.fold).where(Prediction.run_id == run.id, Prediction.role.in_(ROLES)).distinct()
    folds = set(session.scalars(said)) - {MEAN}
    if not folds:
        return "judge_nothing"
    kept = sa.select(RunFold.fold).where(RunFold.run_id == run.id, RunFold.weights_sha256.is_not(None))
    return None if folds <= set(session.scalars(kept)) else "judge_no_models"


def _refuse(session: Session, run: Run) -> None:
    code = hindrance(session, run)
    if code == "judge_no_models":
        raise NotFound(code, run=run.number)
    if code is not None:
        raise Conflict(code, run=run.number)


def find(session: Session, run: Run, kind: str) -> Judgement | None:
    """The judgement of a run with the views of ``kind``; None when nobody asked for it."""
    return next((row for row in listed(session, run) if row.views == kind), None)


def listed(session: Session, run: Run) -> list[Judgement]:
    """All that were asked for, in the order of the kinds."""
    query = sa.select(Judgement).where(Judgement.run_id == run.id).options(joinedload(Judgement.job))
    rows = session.scalars(query.execution_options(populate_existing=True))
    return sorted(rows, key=lambda row: SEVERAL.index(row.views))


def ended(row: Judgement) -> bool:
    """True when no job works on it."""
    return JobState(row.job.state) in FINAL_STATES


def stop(session: Session, run: Run, kind: str) -> None:
    """End the job of ``kind``; a former result stays.

    Raises:
        NotFound: nobody asked for it.
    """
    row = find(session, run, kind)
    if row is None:
        raise NotFound("judge_missing", run=run.number, views=str(kind)[:60])
    jobs.cancel(session, row.job_id)


def packed(found: Mapping[PredictionRole, Heard]) -> dict[str, packs.Array]:
    """The arrays of the file with the answers."""
    arrays: dict[str, packs.Array] = {}
    for role, heard in found.items():
        arrays |= {f"{role}_items": heard.items, f"{role}_probabilities": heard.probabilities}
    return arrays


def numbers(
    session: Session, run: Run, found: Mapping[PredictionRole, Heard], asked: Mapping[PredictionRole, int]
) -> dict[str, Any]:
    """What ``Judgement.numbers`` keeps; ``asked``: how many pictures of each role there were."""
    return {str(role): _numbers(session, run, role, heard, asked[role]) for role, heard in found.items()}


def _numbers(session: Session, run: Run, role: PredictionRole, heard: Heard, asked: int) -> dict[str, Any]:
    query = sa.select(Prediction.item_id, Prediction.predicted)
    rows = session.execute(query.where(Prediction.run_id == run.id, Prediction.role == role))
    before = dict(rows.all())
    pairs = zip(heard.items.tolist(), heard.plain.tolist(), strict=True)
    return {
        "images": len(heard.items),
        "unread": asked - len(heard.items),
        "models": heard.models,
        "plain_seconds": heard.plain_seconds,
        "seconds": heard.seconds,
        "differs": sum(before.get(item) != said for item, said in pairs),
    }


def conclude(session: Session, job_id: int, kept: dict[str, Any], file: tuple[str, int]) -> None:
    """Keep the result of a job; that of a job whose place another one took is dropped.

    Args:
        kept: as ``numbers`` gives them.
        file: hash and size of the file with the answers, which is in the store.
    """
    row = session.scalar(sa.select(Judgement).where(Judgement.job_id == job_id))
    if row is not None:
        row.numbers, row.judged_at = kept, utc_now()
        row.sha256, row.size = file


def said(
    session: Session, kept: Kept, run: Run, row: Judgement, role: PredictionRole
) -> tuple[Answers, Answers] | None:
    """What the run said of the pictures as they are, and what it says over the views; None without a usable file."""
    digest, store = row.sha256, kept.store
    if digest is None or store is None or str(role) not in (row.numbers or {}):
        return None
    plain = answers.load(session, kept, run, role, len(run.classes))
    try:
        several = kept.get((run.id, digest, role), lambda: _read(store, digest, role, plain))
    except packs.UNUSABLE as error:
        packs.log.warning("The judgement of run %s with several views cannot be used: %s", run.id, error)
        return None
    return plain, several


def _read(store: Store, digest: str, role: PredictionRole, plain: Answers) -> Answers:
    """The answers of the file, with the labels that the run saw."""
    file = open_packed(store, digest)
    items, probabilities = file.get(f"{role}_items"), file.get(f"{role}_probabilities")
    places = np.searchsorted(plain.items, items).clip(max=max(len(plain.items) - 1, 0))
    if not np.array_equal(plain.items[places], items):
        raise ValueError("it is of other pictures")
    return Answers(
        items=items,
        images=plain.images[places],
        labels=plain.labels[places],
        predicted=probabilities.argmax(axis=1),
        folds=plain.folds[places],
        probabilities=probabilities,
        mapped=file.mapped,
    )
