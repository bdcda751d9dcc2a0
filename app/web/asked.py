"""The recipe that a program asks for: the values that it sent, over those of a preset or of an earlier run."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain import best
from app.domain.errors import AppError, Invalid, NotFound
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.services import choosing, renamed, runs
from app.services.runs import ANYHOW, How
from app.web import several
from app.web.forms import TrainForm

MOST = 2**53 - 1  # larger ids do not survive JSON, and no database here has them


def read(session: Session, project: Project, values: Mapping[str, Any]) -> TrainForm:
    """``preset`` or ``from`` (a run's number) give the values that were not sent; nothing sent is the best of some.

    Raises:
        Invalid: with ``fields``: no such preset or run.
    """
    values = {key: value for key, value in values.items() if value is not None or key not in ("preset", "from")}
    copied = values.get("from")
    if copied is not None and not (type(copied) is int and 1 <= copied <= MOST):
        raise Invalid.of_fields({"from": Invalid("field_int", value=str(copied)[:40], low="1", high=str(MOST))})
    try:
        base, name, how = start_values(session, project, str(values.get("preset", "")), copied)
    except NotFound as error:
        raise Invalid.of_fields({"from" if copied is not None else "preset": error}) from None
    known = {"name": name, "needs": how.needs, "spread": str(how.spread)}
    return TrainForm.read({**known, **values}, base, complete=False, strict=True)


def read_one(session: Session, project: Project, values: Mapping[str, Any]) -> TrainForm:
    """As ``read``, where one recipe is wanted: values that would make several of it are errors.

    Raises:
        Invalid: as ``read``.
    """
    form = read(session, project, values)
    many: dict[str, AppError] = {key: Invalid("field_unknown", name=key[:60]) for key in values if several.known(key)}
    for key, error in many.items():
        form = form.refused(key, error)
    return form


def start_values(session: Session, project: Project, preset: str, copied: int | None) -> tuple[Recipe, str, How]:
    """The recipe, the name and the way of carrying it out that a form begins with.

    Raises:
        NotFound: no such run or preset.
    """
    if copied is not None:
        run = runs.by_number(session, project.id, copied)
        return renamed.recipe_of(session, run), run.name, runs.how_of(session, run)
    if preset in ("", best.NAME):
        return choosing.default(session, project), "", ANYHOW
    if preset not in PRESETS:
        raise NotFound("preset_missing", name=preset[:40], known=", ".join(PRESETS))
    return PRESETS[preset].recipe, "", ANYHOW
