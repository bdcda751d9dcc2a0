"""What the runs said of one image."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db.run_models import Prediction, Run, RunClass, RunItem
from app.domain.enums import PredictionRole


@dataclass(frozen=True, slots=True)
class Said:
    """One prediction with the names the run knew. ``confidence`` is the probability of the predicted class."""

    run_number: int
    run_name: str
    role: str
    predicted: str
    confidence: float
    label: str

    @property
    def right(self) -> bool:
        """True when the prediction is the label that the run saw."""
        return self.predicted == self.label


def of_image(session: Session, project_id: int, image_id: int, limit: int = 20) -> list[Said]:
    """The predictions of the newest runs; those of single folds on the test set are left out."""
    predicted, label = aliased(RunClass), aliased(RunClass)
    query = (
        sa.select(Run.number, Run.name, Prediction.role, predicted.name, Prediction.confidence, label.name)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(Run, Run.id == RunItem.run_id)
        .join(predicted, sa.and_(predicted.run_id == Run.id, predicted.position == Prediction.predicted))
        .join(label, sa.and_(label.run_id == Run.id, label.position == RunItem.label))
        .where(RunItem.image_id == image_id, Run.project_id == project_id)
        .where(Prediction.role != PredictionRole.TEST_FOLD)
        .order_by(Run.id.desc(), Prediction.id.desc())
        .limit(limit)
    )
    return [Said(*row) for row in session.execute(query)]
