"""How far the probabilities of a run can be believed, and the temperature that is kept with its models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Job, Run
from app.domain import calibration
from app.domain.enums import JobState, PredictionRole
from app.domain.errors import Conflict
from app.services import answers, fold_answers, review


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

    @property
    def at_limit(self) -> bool:
        """True when no temperature fits, as where all answers are right."""
        return self.temperature is not None and calibration.at_limit(self.temperature)


def look(session: Session, kept: answers.Kept, run: Run, role: PredictionRole) -> Sureness:
    """The sureness of one role of ``run``."""
    classes = len(review.classes(session, run))
    said = answers.load(session, kept, run, role, classes)
    learned = answers.load(session, kept, run, PredictionRole.VALIDATION, classes)
    right = said.predicted == said.labels
    heat = learned.temperature
    after: list[calibration.Bin] = []
    if heat is not None and len(right):
        # What is said of the test set is the mean of all models, so each is softened, as for a new picture.
        several = role is PredictionRole.TEST
        models = (lambda: fold_answers.each(session, kept, run, classes)) if several else None
        predicted, confidence = said.softened(heat, models)
        after = calibration.bins(confidence, predicted == said.labels)
    return Sureness(said, calibration.bins(said.confidence, right), heat, after, role is PredictionRole.VALIDATION)


def fitted(session: Session, kept: answers.Kept, run: Run) -> float:
    """The temperature of a finished run; a second of work with many answers, so for a session that only reads.

    Raises:
        Conflict: the run is not finished, or said nothing of pictures that it had not learned from.
    """
    _refuse_unfinished(session, run)
    learned = answers.load(session, kept, run, PredictionRole.VALIDATION, len(review.classes(session, run)))
    if learned.temperature is None:
        raise Conflict("no_temperature", run=run.number)
    return learned.temperature


def keep_temperature(session: Session, run: Run, temperature: float) -> None:
    """Keep a temperature with the models of ``run``: what they say of new pictures is scaled by it.

    Raises:
        Conflict: the run is not finished; perhaps it was started again meanwhile.
    """
    _refuse_unfinished(session, run)
    run.temperature = temperature


def drop_temperature(run: Run) -> None:
    """Let the models of ``run`` speak for themselves again."""
    run.temperature = None


def _refuse_unfinished(session: Session, run: Run) -> None:
    if session.get_one(Job, run.job_id).state != JobState.DONE:
        raise Conflict("run_unfinished", run=run.number)
