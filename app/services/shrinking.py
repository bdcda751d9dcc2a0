"""A training that did not fit into memory, started again with less in a step."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunFold
from app.domain import gathering
from app.domain.errors import Invalid
from app.domain.recipe import FIELDS, Recipe
from app.services import renamed, runs

NO_MEMORY = ("out_of_memory", "killed")  # error codes of jobs


def step(recipe: Recipe, folds: Sequence[RunFold]) -> int:
    """Pictures in the largest step: the batch, or all that there are to learn from where they are fewer."""
    return min(recipe.batch_size, _learned(recipe, folds) or recipe.batch_size)


def _learned(recipe: Recipe, folds: Sequence[RunFold]) -> int:
    """Pictures of an epoch, at most: added copies are shown beside the originals."""
    copies = recipe.most_copies
    return max((fold.train_count for fold in folds), default=0) * (1 + copies)


def smaller(recipe: Recipe, folds: Sequence[RunFold]) -> dict[str, int]:
    """Half the step, or where that is one picture three quarters of its side; {} when nothing smaller is left.

    Each change of the weights sees as many pictures as before: the gradients of more steps are gathered.
    """
    largest = step(recipe, folds)
    if largest > 1:
        return gathering.in_steps_of(largest // 2, recipe, _learned(recipe, folds))
    size = recipe.image_size * 3 // 4
    return {"image_size": size} if size >= FIELDS["image_size"].low else {}


def again(session: Session, run: Run, *, actor: str) -> Run:
    """A new run like ``run`` that needs less; asked for twice, it is made once.

    Raises:
        Invalid: ``nothing_smaller``; as ``runs.create``.
    """
    recipe = renamed.recipe_of(session, run)
    changes = smaller(recipe, run.folds)
    if not changes:
        raise Invalid("nothing_smaller")
    request = f"smaller:{run.id}"
    known = runs.asked_for(session, run.project_id, request)
    if known is not None:
        return session.get_one(Run, known.spec["run_id"])
    how = runs.How(runs.how_of(session, run).needs, runs.how_of(session, run).spread, request=request)
    project = session.get_one(Project, run.project_id)
    return runs.create(session, project, recipe.updated(changes), name=run.name, actor=actor, how=how)
