"""Finished runs with answers of our choice, on top of the pictures of the inspection tests."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Explanation, Prediction, Run, RunItem
from app.domain.enums import PredictionRole
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.storage import Store
from tests.inspect import factory
from tests.inspect.factory import Made

RECIPE = PRESETS["wbc"].recipe
# Places among the 24 test pictures (labels 0, 1, 2, 0, 1, 2, …) at which a run is wrong.
FIRST_WRONG = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
SECOND_WRONG = (0, 1, 10)  # 8 became right, 1 became wrong, 2 stay wrong
THIRD_WRONG = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def fill(session: Session, store: Store) -> Made:
    """Runs 1 to 3: hold-out, with the mistakes above; run 4: five folds."""
    made = factory.project(session, store, train=15, test=8)
    for number, wrong in enumerate((FIRST_WRONG, SECOND_WRONG, THIRD_WRONG), start=1):
        row = run(session, store, made, replace(RECIPE, epochs=RECIPE.epochs + number, seed=number))
        answer(session, row, wrong)
    run(session, store, made, RECIPE, folds=5)
    return made


def run(session: Session, store: Store, made: Made, recipe: Recipe, folds: int = 0) -> Run:
    """A finished run that knows of no later change of a label."""
    row = factory.run(session, store, made, folds=folds, recipe=recipe)
    row.label_watermark = 0
    session.flush()
    return row


def answer(session: Session, row: Run, wrong: Sequence[int]) -> None:
    """Let the run be wrong on the test pictures at the places ``wrong`` alone: there it says the next class."""
    query = sa.select(Prediction, RunItem.label).join(RunItem, RunItem.id == Prediction.item_id)
    query = query.where(Prediction.run_id == row.id, Prediction.role == PredictionRole.TEST).order_by(RunItem.image_id)
    for place, (prediction, label) in enumerate(session.execute(query).all()):
        said = (label + 1) % 3 if place in wrong else label
        values = np.full(3, 0.1, "<f4")
        values[said] = 0.8
        prediction.predicted, prediction.confidence = said, float(values[said])
        prediction.probabilities = values.tobytes()
        session.execute(sa.delete(Explanation).where(Explanation.item_id == prediction.item_id))
    session.flush()
