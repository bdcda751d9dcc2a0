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

from app.db.run_models import EpochMetric, Explanation, Prediction, Run, RunFold
from app.domain.enums import PredictionRole
from app.services import jobs

_CHUNK = 500  # ids in one IN list


@dataclass(frozen=True)
class Writer:
    """The right of one attempt to write the results of one run."""

    job_id: int
    attempt: int
    run_id: int

    def fence(self, session: Session) -> None:
        """Raises LeaseLost when the attempt may write no more."""
        jobs.fence(session, self.job_id, self.attempt)


def clear(session: Session, writer: Writer) -> None:
    """A training begins, perhaps not for the first time: nothing of an earlier attempt stays."""
    writer.fence(session)
    for table in (Explanation, Prediction, EpochMetric):
        session.execute(sa.delete(table).where(table.run_id == writer.run_id))
    empty: dict[str, Any] = {
        "best_epoch": None,
        "stop_reason": "",
        "metrics": {},
        "weights_sha256": None,
        "seconds": None,
    }
    session.execute(sa.update(RunFold).where(RunFold.run_id == writer.run_id).values(**empty))
    session.execute(sa.update(Run).where(Run.id == writer.run_id).values(seconds=None, environment={}))


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
                Explanation.method == "grad-cam",
            )
        )
        session.execute(sa.insert(Explanation).values(run_id=writer.run_id, method="grad-cam", **values))


def set_environment(session: Session, writer: Writer, values: Mapping[str, Any]) -> None:
    """Versions and machine of the worker that trained the run."""
    writer.fence(session)
    session.execute(sa.update(Run).where(Run.id == writer.run_id).values(environment=dict(values)))


def set_seconds(session: Session, writer: Writer, seconds: float) -> None:
    """How long the whole training took, from the first picture read to the last heat map."""
    writer.fence(session)
    session.execute(sa.update(Run).where(Run.id == writer.run_id).values(seconds=seconds))
