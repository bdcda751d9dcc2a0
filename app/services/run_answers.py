"""What a finished run said of each image that it judged: as arrays, for filters and orders of the gallery."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Job, Run, RunClass
from app.domain.enums import FINAL_STATES, PredictionRole
from app.domain.errors import NotFound
from app.services import answers
from app.services.kept import Kept

RUNS = 8  # kept in memory, those that were asked for last; one of a million images has 30 MB
LISTED = 30  # the newest runs that can be chosen


@dataclass(frozen=True)
class RunAnswers:
    """One answer for each image that the run did not learn from: that of its validation, or of the test set.

    Attributes:
        images: their ids in order, (n,).
        said: class ids, (n,).
        right: whether it is the label that the run saw, (n,).
        confidence: probability of the answer, (n,).
        loss: minus the logarithm of the probability of that label, (n,).
    """

    images: NDArray[np.int64]
    said: NDArray[np.int64]
    right: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    loss: NDArray[np.float32]

    def at(self, image_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of the answers for images; -1 where there is none."""
        places = np.searchsorted(self.images, image_ids)
        places[places == len(self.images)] = 0
        known = self.images[places] == image_ids if len(self.images) else np.zeros(len(image_ids), bool)
        found: NDArray[np.int64] = np.where(known, places, -1)
        return found


_kept: Kept[RunAnswers] = Kept(RUNS)


def finished(session: Session, project_id: int) -> list[Run]:
    """The newest runs that have come to an end."""
    query = sa.select(Run).join(Job, Job.id == Run.job_id).where(Run.project_id == project_id)
    return list(session.scalars(query.where(Job.state.in_(FINAL_STATES)).order_by(Run.id.desc()).limit(LISTED)))


def of(session: Session, project_id: int, number: int) -> RunAnswers:
    """The answers of a run.

    Raises:
        NotFound: there is no such run.
    """
    query = sa.select(Run, Job.attempt, Job.state, Job.finished_at).join(Job, Job.id == Run.job_id)
    found = session.execute(query.where(Run.project_id == project_id, Run.number == number)).one_or_none()
    if found is None:
        raise NotFound("run_missing", number=number)
    run, *state = found
    if state[1] not in FINAL_STATES:
        return _read(session, run)
    return _kept.get(session, (run.id, *state), lambda: _read(session, run))


def _read(session: Session, run: Run) -> RunAnswers:
    query = sa.select(RunClass.class_id).where(RunClass.run_id == run.id).order_by(RunClass.position)
    classes = np.array(list(session.scalars(query)), np.int64)
    once = answers.Kept()
    roles = (PredictionRole.VALIDATION, PredictionRole.TEST)
    said = [answers.load(session, once, run, role, len(classes)) for role in roles]
    together: dict[str, NDArray[Any]] = {
        "images": np.concatenate([one.images for one in said]),
        "said": classes[np.concatenate([one.predicted for one in said])],
        "right": np.concatenate([one.predicted == one.labels for one in said]),
        "confidence": np.concatenate([one.confidence for one in said]),
        "loss": np.concatenate([one.losses.astype(np.float32) for one in said]),
    }
    order = np.argsort(together["images"], kind="stable")
    return RunAnswers(**{name: values[order] for name, values in together.items()})
