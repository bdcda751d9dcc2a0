"""What a run leaves behind, written for its worker.

Every function first asks ``jobs.fence``: only the present attempt of the job may write, so a worker that was thought
lost and woke up again changes nothing. Writing the same thing twice leaves one row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Checkpoint, EpochMetric, Explanation, Judgement, Prediction, Run, RunFold
from app.domain.enums import PredictionRole
from app.services import jobs, packs

_CHUNK = 500  # ids in one IN list
_UNTRAINED: dict[str, Any] = {
    "best_epoch": None,
    "stop_reason": "",
    "metrics": {},
    "weights_sha256": None,
    "seconds": None,
}


@dataclass(frozen=True)
class Writer:
    """The right of one attempt to write the results of one run."""

    job_id: int
    attempt: int
    run_id: int

    def fence(self, session: Session) -> None:
        """Raises LeaseLost when the attempt may write no more."""
        jobs.fence(session, self.job_id, self.attempt)


def clear(
    session: Session, writer: Writer, keep: Mapping[int, int | None] | None = None, *, only: Sequence[int] | None = None
) -> None:
    """A training begins, perhaps not for the first time: nothing of an earlier attempt stays but what ``keep`` names.

    Args:
        session: of a transaction that writes.
        writer: of the attempt that begins.
        keep: for each fold the last epoch that stays, because the training goes on after it; None for a finished
            model, of which everything stays. What belongs to all models (fold -1, heat maps) is always made again.
        only: a job that trains some folds of a run clears those, and leaves everything else to the others.
    """
    writer.fence(session)
    keep = keep or {}
    finished = [fold for fold, epoch in keep.items() if epoch is None]

    def gone(table: Any) -> list[sa.ColumnElement[bool]]:
        mine = [] if only is None else [table.fold.in_(only)]
        return [table.run_id == writer.run_id, table.fold.not_in(finished), *mine]

    later = [sa.and_(EpochMetric.fold == fold, EpochMetric.epoch <= epoch) for fold, epoch in keep.items() if epoch]
    session.execute(sa.delete(EpochMetric).where(*gone(EpochMetric), ~sa.or_(sa.false(), *later)))
    session.execute(sa.delete(Prediction).where(*gone(Prediction)))
    session.execute(sa.update(RunFold).where(*gone(RunFold)).values(**_UNTRAINED))
    packs.drop(session, writer.run_id)
    # A temperature was fitted to answers that are gone.
    session.execute(
        sa.update(Run).where(Run.id == writer.run_id, Run.temperature.is_not(None)).values(temperature=None)
    )
    if only is None:
        session.execute(sa.delete(Explanation).where(Explanation.run_id == writer.run_id))
        session.execute(sa.delete(Judgement).where(Judgement.run_id == writer.run_id))
        run = sa.update(Run).where(Run.id == writer.run_id).values(views=sa.null())
        session.execute(run.values(seconds=None) if keep else run.values(seconds=None, environment={}))


def restart_fold(session: Session, writer: Writer, fold: int) -> list[str]:
    """One model begins again: its rows go; returns the hashes of the checkpoint that nobody needs any more."""
    writer.fence(session)
    for table in (Prediction, EpochMetric):
        session.execute(sa.delete(table).where(table.run_id == writer.run_id, table.fold == fold))
    same = (RunFold.run_id == writer.run_id, RunFold.fold == fold)
    session.execute(sa.update(RunFold).where(*same).values(**_UNTRAINED))
    return drop_checkpoint(session, writer, fold)


def set_checkpoint(session: Session, writer: Writer, values: Mapping[str, Any]) -> list[str]:
    """The newest state of one model; ``values`` has ``fold``, ``epoch``, ``blobs`` and ``size``.

    Returns:
        Hashes that only the replaced checkpoint had. The caller deletes them after the commit: the bytes of each
        checkpoint are unique, so no other row can need them.
    """
    before = set(drop_checkpoint(session, writer, values["fold"]))
    session.add(Checkpoint(run_id=writer.run_id, attempt=writer.attempt, **values))
    session.flush()
    return sorted(before - set(values["blobs"].values()))


def drop_checkpoint(session: Session, writer: Writer, fold: int) -> list[str]:
    """The model is finished or begins again; returns the hashes to delete after the commit."""
    writer.fence(session)
    same = (Checkpoint.run_id == writer.run_id, Checkpoint.fold == fold)
    dropped = session.scalars(sa.delete(Checkpoint).where(*same).returning(Checkpoint.blobs)).all()
    return sorted({digest for blobs in dropped for digest in blobs.values()})


def checkpoints(session: Session, run_id: int) -> list[Checkpoint]:
    """Where the models of a run can go on, by fold."""
    return list(session.scalars(sa.select(Checkpoint).where(Checkpoint.run_id == run_id).order_by(Checkpoint.fold)))


def add_epoch(session: Session, writer: Writer, values: Mapping[str, Any]) -> None:
    """One finished epoch; ``values`` are the columns of ``EpochMetric`` from ``fold`` to ``seconds``."""
    writer.fence(session)
    same = (EpochMetric.run_id == writer.run_id, EpochMetric.fold == values["fold"])
    session.execute(sa.delete(EpochMetric).where(*same, EpochMetric.epoch == values["epoch"]))
    session.execute(sa.insert(EpochMetric).values(run_id=writer.run_id, attempt=writer.attempt, **values))


def end_fold(session: Session, writer: Writer, fold: int, values: Mapping[str, Any]) -> None:
    """One finished model; ``values`` are columns of ``RunFold``."""
    writer.fence(session)
    same = (RunFold.run_id == writer.run_id, RunFold.fold == fold)
    session.execute(sa.update(RunFold).where(*same).values(**values))


def add_predictions(
    session: Session,
    writer: Writer,
    fold: int,
    role: PredictionRole,
    item_ids: NDArray[np.int64],
    probabilities: NDArray[np.float32],
) -> None:
    """The probabilities of one model, shape (items, classes), float32; earlier ones of the same items are replaced."""
    writer.fence(session)
    _drop(session, item_ids.tolist(), fold)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    little_endian = probabilities.astype("<f4")
    rows = [
        {
            "run_id": writer.run_id,
            "item_id": item_id,
            "fold": fold,
            "role": role,
            "predicted": int(predicted[index]),
            "confidence": float(confidence[index]),
            "probabilities": little_endian[index].tobytes(),
        }
        for index, item_id in enumerate(item_ids.tolist())
    ]
    if rows:
        session.execute(sa.insert(Prediction), rows)


def _drop(session: Session, item_ids: Sequence[int], fold: int) -> None:
    for start in range(0, len(item_ids), _CHUNK):
        same = Prediction.item_id.in_(item_ids[start : start + _CHUNK])
        session.execute(sa.delete(Prediction).where(same, Prediction.fold == fold))


def add_explanations(session: Session, writer: Writer, maps: Iterable[Mapping[str, Any]]) -> None:
    """Heat maps; each mapping has the columns of ``Explanation`` but ``run_id``. A map that is there is replaced."""
    writer.fence(session)
    for values in maps:
        session.execute(
            sa.delete(Explanation).where(
                Explanation.item_id == values["item_id"],
                Explanation.fold == values["fold"],
                Explanation.layer == values["layer"],
                Explanation.class_position == values["class_position"],
                Explanation.method == values["method"],
            )
        )
        session.execute(sa.insert(Explanation).values(run_id=writer.run_id, **values))


def set_environment(session: Session, writer: Writer, values: Mapping[str, Any]) -> None:
    """Versions and machine of the worker that trained the run."""
    writer.fence(session)
    session.execute(sa.update(Run).where(Run.id == writer.run_id).values(environment=dict(values)))


def set_views(session: Session, writer: Writer, values: Mapping[str, Any]) -> None:
    """What the models of the run say of several views of each picture."""
    writer.fence(session)
    session.execute(sa.update(Run).where(Run.id == writer.run_id).values(views=dict(values)))


def set_seconds(session: Session, writer: Writer, seconds: float) -> None:
    """How long the whole training took, from the first picture read to the last heat map."""
    writer.fence(session)
    session.execute(sa.update(Run).where(Run.id == writer.run_id).values(seconds=seconds))
