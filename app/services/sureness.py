"""How far the probabilities of a run can be believed, and the temperature that is kept with its models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Run
from app.domain import calibration
from app.domain.enums import PredictionRole
from app.domain.errors import Conflict
from app.services import answers, review


@dataclass(frozen=True)
class Sureness:
    """The answers of one role with everything about their confidence.

    Attributes:
        temperature: fitted to the answers about pictures that the answering model had not seen, never to the test
            set; None where there are none.
        after: the bins with that temperature.
        own: the temperature was fitted to these very answers, so ``after`` flatters it.
    """

    said: answers.Answers
    bins: list[calibration.Bin]
    temperature: float | None
    after: list[calibration.Bin]
    own: bool

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is the label."""
        found: NDArray[np.bool_] = self.said.predicted == self.said.labels
        return found


def look(session: Session, kept: answers.Kept, run: Run, role: PredictionRole) -> Sureness:
    """The sureness of one role of ``run``."""
    classes = len(review.classes(session, run))
    said = answers.load(session, kept, run, role, classes)
    learned = answers.load(session, kept, run, PredictionRole.VALIDATION, classes)
    right = said.predicted == said.labels
    heat = learned.temperature
    after: list[calibration.Bin] = []
    if heat is not None and len(right):
        after = calibration.bins(said.softened(heat), right)
    return Sureness(said, calibration.bins(said.confidence, right), heat, after, role is PredictionRole.VALIDATION)


def keep_temperature(session: Session, kept: answers.Kept, run: Run) -> float:
    """Fit the temperature and keep it with the models of ``run``: what they say of new pictures is scaled by it.

    Raises:
        Conflict: the run said nothing of pictures that it had not learned from.
    """
    learned = answers.load(session, kept, run, PredictionRole.VALIDATION, len(review.classes(session, run)))
    if learned.temperature is None:
        raise Conflict("no_temperature", run=run.number)
    run.temperature = learned.temperature
    return learned.temperature


def drop_temperature(run: Run) -> None:
    """Let the models of ``run`` speak for themselves again."""
    run.temperature = None
