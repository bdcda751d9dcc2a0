"""A finished run with another way of stopping: where it would have ended, and with which result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.db.models import Project
from app.db.run_models import Run
from app.domain.errors import AppError, Invalid
from app.domain.recipe import FIELDS, Recipe
from app.domain.replay import Rule
from app.services import replays, runs
from app.services.replays import Replay
from app.web import charts, i18n, run_words
from app.web.deps import ProjectDep, ReadSession
from app.web.fields import TEXTS
from app.web.messages import sentence
from app.web.templating import render

router = APIRouter(prefix="/p/{slug}/runs/{number}")

NAMES = ("monitor", "patience", "min_delta")


@dataclass(frozen=True)
class ReplayPage:
    """The form with its outcome. ``errors`` and ``typed`` by the names of the fields."""

    project: Project
    run: Run
    typed: dict[str, str]
    errors: dict[str, str]
    monitors: Sequence[tuple[str, str]]
    replay: Replay | None
    saved: str
    taken: str
    loss: charts.Chart | None
    accuracy: charts.Chart | None
    two_stages: bool


@router.get("/replay", name="replay")
def show(request: Request, project: ProjectDep, session: ReadSession, number: int) -> Response:
    """What would have come of the run with the values of the address; without any, with its own."""
    run = runs.by_number(session, project.id, number)
    recipe = Recipe.from_json(run.recipe)
    t = i18n.translations(i18n.choose(request))
    plain = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in recipe.flat().items()}
    typed = {name: request.query_params.get(name, plain[name])[:40] for name in NAMES}
    rule, errors = _rule(typed, replays.rule_of(recipe))
    two_stages = recipe.all_epochs != recipe.epochs
    found = None if two_stages else replays.of(session, run, rule)
    page = ReplayPage(
        project=project,
        run=run,
        typed=typed,
        errors={name: sentence(error, t.gettext) for name, error in errors.items()},
        monitors=[(value, t.gettext(label)) for value, label in TEXTS["monitor"].choices.items()],
        replay=found,
        saved=run_words.duration(found.saved, t) if found else "",
        taken=run_words.duration(found.seconds, t) if found else "",
        loss=_chart(found, "loss"),
        accuracy=_chart(found, "accuracy"),
        two_stages=two_stages,
    )
    return render(request, "runs/replay.html", page, status_code=422 if errors else 200)


def _rule(typed: dict[str, str], own: Rule) -> tuple[Rule, dict[str, AppError]]:
    """The rule that was typed; what cannot be used is that of the run."""
    values: dict[str, Any] = {}
    errors: dict[str, AppError] = {}
    for name in NAMES:
        try:
            values[name] = FIELDS[name].parse(typed[name])
        except Invalid as error:
            values[name], errors[name] = getattr(own, name), error
    return Rule(**values), errors


def _chart(found: Replay | None, metric: str) -> charts.Chart | None:
    """The curves with the epochs that would have been kept, and a line where each model would have ended."""
    if found is None:
        return None
    kept = {fold.number - 1: fold.outcome.kept for fold in found.folds}
    ends = {fold.outcome.end + 1 for fold in found.folds if fold.outcome.reason == "early"}
    return charts.curves(found.rows, metric, kept, sorted(ends))
