"""What is trained where nobody says what: the ready recipes that fit, one after the other; the better one is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run
from app.domain import best, search
from app.domain.recipe import Recipe
from app.services import examples, pacing, plans, preflight, runs, searches, splits
from app.services.preflight import Preflight, Seconds
from app.services.runs import ANYHOW, How
from app.services.searches import Plan


@dataclass(frozen=True)
class Candidate:
    """A recipe that is tried, and what is known of it before the start.

    Attributes:
        seconds: how long it takes; ``measured``: by earlier trainings, and not only supposed.
    """

    recipe: Recipe
    found: Preflight
    seconds: Seconds
    measured: bool


def ready(session: Session, project: Project, seed: int = 0) -> tuple[Recipe, ...]:
    """The ready recipes that are tried in a project; which they are follows from its labelled images."""
    table = splits.table(session, project.id)
    least = min((row.free + row.validation for row in table.used), default=0)
    found = best.candidates(table.free + table.validation, examples.mean_side(session, project.id), least)
    return tuple(replace(one, seed=seed) for one in found)


def default(session: Session, project: Project) -> Recipe:
    """The values that a form begins with; unchanged they stand for all the recipes that are tried."""
    return replace(ready(session, project)[0], preset=best.NAME)


def chosen(session: Session, project: Project, recipe: Recipe) -> tuple[Recipe, ...]:
    """The recipes that ``recipe`` stands for, none where it is to be trained as it is."""
    if recipe.preset != best.NAME:
        return ()
    found = ready(session, project, recipe.seed)
    return found if best.meant(recipe, found[0]) else ()


def plain(session: Session, project: Project, recipe: Recipe) -> Recipe:
    """``recipe`` as one training: its values came from the first of the recipes that would have been tried."""
    return replace(recipe, preset=ready(session, project)[0].preset) if recipe.preset == best.NAME else recipe


def train(
    session: Session, project: Project, recipe: Recipe, *, name: str = "", actor: str, how: How = ANYHOW
) -> Run | Job:
    """Queue what ``recipe`` stands for: one training, or the search that tries all that fit and keeps the better one.

    A recipe that no worker can hold is left out as long as there is another one.

    Raises:
        Invalid: as ``runs.create`` and ``searches.start``.
    """
    found = chosen(session, project, recipe)
    if len(found) < 2:
        return runs.create(session, project, plain(session, project, recipe), name=name, actor=actor, how=how)
    seen = forecast(session, project, found, how.needs)
    fitting = [one.recipe for one in seen if one.found.refusal is None] or list(found)
    plan = Plan(search.READY, len(fitting), ready=tuple(one.to_json() for one in fitting), seed=recipe.seed)
    return searches.start(session, project, fitting[0], plan, name=name, actor=actor, how=how)


def forecast(session: Session, project: Project, found: Sequence[Recipe], needs: str) -> list[Candidate]:
    """What is known of each recipe before the start; the epochs of all but the first are bounded by what it costs."""
    table = splits.table(session, project.id)
    made: list[Candidate] = []
    for recipe in found:
        plan = plans.forecast(table, recipe)
        learned = plan.train if not recipe.folds else plan.train * (recipe.folds - 1)
        spent = sum(one.seconds.high for one in made)
        images = plan.train + plan.validation + plan.test
        fits = pacing.bounded(session, project.id, recipe, (learned, images), spent) if made else recipe
        seen = preflight.look(session, project.id, fits, plan, needs)
        supposed = best.about(fits, learned, images)
        made.append(Candidate(fits, seen, seen.seconds or Seconds(supposed, supposed), seen.seconds is not None))
    return made
