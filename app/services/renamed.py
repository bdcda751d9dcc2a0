"""Recipes of earlier runs for trainings of today: what they say of classes, by the names that these have now."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import LabelClass
from app.db.run_models import Run, RunClass
from app.domain.recipe import Recipe


def recipe_of(session: Session, run: Run) -> Recipe:
    """The recipe of a run; a class that is gone keeps the name that it had."""
    return now(session, run.id, Recipe.from_json(run.recipe))


def now(session: Session, run_id: int, recipe: Recipe) -> Recipe:
    """``recipe``, which names classes as the run of this id does, with the names that they have now."""
    if not recipe.names_classes:
        return recipe
    query = sa.select(RunClass.name, LabelClass.name).join(LabelClass, LabelClass.id == RunClass.class_id)
    rows = session.execute(query.where(RunClass.run_id == run_id))
    return recipe.with_names(dict(rows.all()))
