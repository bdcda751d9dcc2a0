"""The laboratory of changes for single classes: what will be trained, the start, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.errors import Invalid
from app.domain.laboratory import MOST_CLASSES, MOST_SEEDS
from app.domain.recipe import Recipe
from app.services import groups, laboratory
from app.services.groups import Group
from app.services.laboratory import Result
from app.web import class_changes, i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.forms import TrainForm
from app.web.messages import sentence
from app.web.review_query import number_of
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}")

SEEDS, CLASS = "lab-seeds", "lab-class:"  # lab-class:NAME is the tick box of one class
USUAL_SEEDS = 3
LONGEST_ADDRESS = 6000


@dataclass(frozen=True)
class PlanPage:
    """What will be trained. ``sent``: all values of the train form; ``errors``: what is wrong with the choices.

    ``hindrances``: why nothing can be started from here, whatever is chosen.
    """

    project: Project
    sent: Mapping[str, str]
    back: str
    chosen: Sequence[str]
    seeds: int
    trainings: int
    errors: Sequence[str]
    hindrances: Sequence[str]
    most_classes: int = MOST_CLASSES
    most_seeds: int = MOST_SEEDS


@dataclass(frozen=True)
class ResultPage:
    """What came out of a group; ``result`` is None as long as there is nothing to compare."""

    project: Project
    group: Group
    result: Result | None


@router.get("/laboratory", name="laboratory")
def plan(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show the trainings that the recipe in the address (the values of the train form) would make."""
    return _plan(request, session, project, dict(request.query_params))


@router.post("/laboratory", name="laboratory_start")
def start(
    request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep
) -> Response:
    """Start them as one group."""
    values = {name: str(value) for name, value in sent.values.items()}
    recipe, errors = _recipe(request, values)
    if recipe is None:
        return _plan(request, session, project, values, errors, status=422)
    chosen, seeds = _wishes(project, values)
    try:
        made = laboratory.start(session, project, recipe, chosen, seeds, actor=actor)
    except Invalid as error:
        session.rollback()
        told = [sentence(one, _gettext(request)) for one in error.fields.values()] or [
            sentence(error, _gettext(request))
        ]
        return _plan(request, session, project, values, told, status=422)
    return redirect(request, "laboratory_result", slug=project.slug, number=made.id)


@router.get("/groups/{number}/laboratory", name="laboratory_result")
def result(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    number: Annotated[int, Path(ge=1, le=2**31 - 1)],
) -> Response:
    """Show the classes of each arm."""
    group = groups.by_id(session, project.id, number)
    found = laboratory.find(session, state.judged, project.id, number)
    return render(request, "laboratory/result.html", ResultPage(project, group, found))


def _plan(
    request: Request,
    session: Session,
    project: Project,
    values: dict[str, str],
    errors: Sequence[str] = (),
    status: int = 200,
) -> Response:
    chosen, seeds = _wishes(project, values)
    recipe, wrong = _recipe(request, values)
    made: Sequence[Any] = []
    hindrances = wrong
    if recipe is not None:
        hindrances = [sentence(one, _gettext(request)) for one in laboratory.hindrances(session, project, recipe)]
    if recipe is not None and not hindrances and not errors:
        try:
            made = laboratory.planned(recipe, chosen, seeds)
        except Invalid as error:
            errors = [sentence(error, _gettext(request))]
    kept = {name: value for name, value in values.items() if not name.startswith(CLASS) and name != SEEDS}
    back = urlencode(kept)
    page = PlanPage(
        project=project,
        sent=kept,
        back=back if len(back) < LONGEST_ADDRESS else "",
        chosen=chosen,
        seeds=seeds,
        trainings=len(made),
        errors=[one for one in errors if one not in hindrances],
        hindrances=hindrances,
    )
    return render(request, "laboratory/plan.html", page, status_code=status)


def _recipe(request: Request, values: Mapping[str, str]) -> tuple[Recipe | None, list[str]]:
    """The recipe of the form, or what is wrong with it."""
    known = {name: value for name, value in values.items() if not name.startswith(CLASS) and name != SEEDS}
    form = TrainForm.read(known, Recipe(), complete=known.get("form") == "1")
    errors, gettext = dict(form.errors), _gettext(request)
    if half := class_changes.trouble(form.changes, whole=True):
        errors[class_changes.KEY] = half
    told = [sentence(class_changes.named(error, gettext), gettext) for error in errors.values()]
    return None if errors else form.recipe, told


def _wishes(project: Project, values: Mapping[str, str]) -> tuple[list[str], int]:
    """The classes with an arm of their own, and how many seeds; the first classes where none is ticked."""
    names = [item.name for item in project.offered]
    ticked = [name for name in names if CLASS + name in values]
    asked = number_of(values.get(SEEDS), 1)
    return ticked or names[: min(2, MOST_CLASSES)], USUAL_SEEDS if asked is None else min(asked, 10**6)


def _gettext(request: Request) -> Any:
    return i18n.translations(i18n.choose(request)).gettext
