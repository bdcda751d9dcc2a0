"""The weights that a run kept of each model: those of its best epochs, one of which is the model itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Job, Run, RunFold
from app.domain.enums import JobKind, JobState, Lane
from app.domain.errors import AppError, NotFound
from app.services import jobs
from app.storage import Store

WEIGHTS = "weights"  # key of ``Job.spec``: the saved model that a file is made of
BOTH = ("val_loss", "val_accuracy")


@dataclass(frozen=True)
class Kept:
    """The weights of one model after one epoch.

    Attributes:
        fold: of the model, counted from 0.
        by: why the epoch was kept: ``val_loss``, ``val_accuracy``, "stage 1" (its best, with which the next began).
        test: accuracy on the pinned test set; None without one.
        digest: of the saved model; "" where it was not kept.
        used: every other number of the run belongs to this epoch of the model.
    """

    fold: int
    by: tuple[str, ...]
    epoch: int
    stage: int
    val_loss: float | None
    val_accuracy: float | None
    test: float | None
    digest: str
    used: bool

    @property
    def best_by(self) -> tuple[str, ...]:
        """Of ``BOTH`` those by which it is the best."""
        return tuple(name for name in self.by if name in BOTH)


def listed(run: Run) -> list[Kept]:
    """All that ``run`` (with its folds loaded) kept, the used one of each model first."""
    return [kept for fold in run.folds if fold.weights_sha256 for kept in _of(fold)]


def one(run: Run, fold: int, epoch: int) -> Kept:
    """The weights of a model after an epoch.

    Raises:
        NotFound: ``weights_not_kept``.
    """
    for kept in listed(run):
        if (kept.fold, kept.epoch) == (fold, epoch) and kept.digest:
            return kept
    raise NotFound("weights_not_kept", run=run.number, model=fold + 1, epoch=epoch)


def order(session: Session, store: Store, run: Run, kept: Kept) -> int:
    """Have a file made that Keras alone can read; returns the id of the job, which may be done already."""
    query = sa.select(Job).where(
        Job.project_id == run.project_id, Job.kind == JobKind.PREDICT, Job.state == JobState.DONE,
        Job.spec[WEIGHTS].as_string() == kept.digest,
    )  # fmt: skip
    for job in session.scalars(query.order_by(Job.id.desc())):
        if store.exists(str(job.result.get("file", ""))):
            return job.id
    by = list(kept.by)
    about = {"run": run.number, "model": kept.fold + 1, "epoch": kept.epoch, "stage": kept.stage, "best_by": by}
    spec = {"run_id": run.id, WEIGHTS: kept.digest, "about": about}
    made = jobs.create(session, project_id=run.project_id, kind=JobKind.PREDICT, lane=Lane.INTERACTIVE, spec=spec)
    return made.id


def made(session: Session, store: Store, job_id: int) -> bytes:
    """The file of a job of ``order``.

    Raises:
        AppError: why it could not be made; ``weights_not_ready`` while it is being made.
    """
    job = session.get(Job, job_id)
    if job is None or job.state != JobState.DONE:
        if job is not None and job.error_code:
            raise AppError(job.error_code, **job.error_params)
        raise AppError("weights_not_ready")
    return store.get(str(job.result["file"]))


def _of(fold: RunFold) -> Iterator[Kept]:
    """The best epochs of one model; a run from before they were all kept has at least that of the model."""
    epochs: dict[int, dict[str, Any]] = {}
    for name, values in fold.metrics.get("kept", {}).items():
        found = epochs.setdefault(int(values["epoch"]), {**values, "by": ()})
        found["by"] = (*found["by"], name)
    if fold.best_epoch is not None:
        epochs.setdefault(fold.best_epoch, {**fold.metrics, "by": ()})
    for epoch, values in sorted(epochs.items(), key=lambda item: (item[0] != fold.best_epoch, item[0])):
        used = epoch == fold.best_epoch
        digest = fold.weights_sha256 if used else values.get("weights_sha256")
        images = values.get("test_images")
        test = values["test_right"] / images if images else None
        yield Kept(
            fold.fold, values["by"], epoch, int(values.get("stage") or 1), values.get("val_loss"),
            values.get("val_accuracy"), test, digest or "", used,
        )  # fmt: skip
