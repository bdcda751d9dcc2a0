"""Where images may be used: the table of classes and splits, and the pinned test set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunItem
from app.domain.enums import Split
from app.domain.errors import AppError, Invalid
from app.domain.recipe import FIELDS
from app.services import plans, splits
from app.web import i18n
from app.web.deps import ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/splits")

ERROR_FIELDS = {"split_share": "share", "split_count": "per_class", "class_too_small_for_test": "per_class"}
MAX_PER_CLASS = 10_000_000


@dataclass(frozen=True)
class DrawForm:
    """What was typed to draw a test set; ``by`` is "share" or "count"."""

    by: str = "share"
    share: str = "0.15"
    per_class: str = "10"
    seed: str = "0"
    release: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitsPage:
    """The page of the splits."""

    project: Project
    table: splits.Table
    most: int
    warnings: Sequence[str]
    tested_runs: int
    form: DrawForm
    changed: int | None  # images that the last act moved


@router.get("", name="splits")
def index(request: Request, project: ProjectDep, session: ReadSession, moved: int | None = None) -> Response:
    """Show the splits."""
    return page(request, session, project, DrawForm(), moved)


@router.post("", name="splits_change")
def change(request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession) -> Response:
    """Draw or clear the test set; or, as JSON, move images: ``{"image_ids": […], "split": "test" or null}``."""
    if sent.by_program:
        split, ids = sent.values.get("split"), sent.values.get("image_ids")
        count = splits.set_split(session, project.id, read_ids(ids), read_split(split))
        return JSONResponse({"changed": count})
    if sent.values.get("action") == "clear":
        count = splits.clear_test(session, project.id)
        return redirect(request, "splits", slug=project.slug, query={"moved": count})
    form = DrawForm(
        by="count" if sent.values.get("by") == "count" else "share",
        share=sent.values.get("share", "")[:40],
        per_class=sent.values.get("per_class", "")[:40],
        seed=sent.values.get("seed", "")[:40],
        release=sent.values.get("release") == "1",
    )
    try:
        count = draw(session, project, form)
    except Invalid as error:
        session.rollback()
        return page(request, session, project, refused(request, form, error), status=422)
    return redirect(request, "splits", slug=project.slug, query={"moved": count})


def draw(session: Session, project: Project, form: DrawForm) -> int:
    """Draw the test set that the form asks for.

    Raises:
        Invalid: with ``fields`` for values that are no numbers, or what ``splits.draw_test`` refuses.
    """
    errors: dict[str, AppError] = {}
    seed, share, per_class = 0, None, None
    try:
        seed = FIELDS["seed"].parse(form.seed)
    except Invalid as error:
        errors["seed"] = error
    if form.by == "count":
        per_class = int(form.per_class) if form.per_class.isascii() and form.per_class.isdigit() else 0
        if not 1 <= per_class <= MAX_PER_CLASS:
            errors["per_class"] = Invalid("split_count", value=form.per_class)
    else:
        try:
            share = float(form.share)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            errors["share"] = Invalid("split_share", value=form.share)
    if errors:
        raise Invalid.of_fields(errors)
    return splits.draw_test(
        session, project.id, share=share, per_class=per_class, seed=seed, release_folder=form.release
    )


def refused(request: Request, form: DrawForm, error: Invalid) -> DrawForm:
    """The form with its errors in the reader's language."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    found = error.fields or {ERROR_FIELDS.get(error.code, form.by if form.by == "share" else "per_class"): error}
    messages = {name: sentence(item, gettext) for name, item in found.items()}
    return DrawForm(form.by, form.share, form.per_class, form.seed, form.release, messages)


def read_ids(value: Any) -> list[int]:
    """The ids of a request.

    Raises:
        Invalid: it is no list of whole numbers.
    """
    if not isinstance(value, list) or not all(type(item) is int and 0 < item < 2**53 for item in value):
        raise Invalid("request_invalid", fields="image_ids")
    return value


def read_split(value: Any) -> Split | None:
    """The split of a request; None makes images free.

    Raises:
        Invalid: there is no such split.
    """
    if value is None:
        return None
    if value in tuple(Split):
        return Split(value)
    raise Invalid("split_unknown", value=str(value)[:40])


def page(
    request: Request, session: Session, project: Project, form: DrawForm, moved: int | None = None, status: int = 200
) -> Response:
    """The page with the present counts."""
    table = splits.table(session, project.id)
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = SplitsPage(
        project=project,
        table=table,
        most=max((row.total for row in table.classes), default=0),
        warnings=[sentence(warning, gettext) for warning in plans.balance(table)],
        tested_runs=tested_runs(session, project),
        form=form,
        changed=moved,
    )
    return render(request, "splits/index.html", context, status_code=status)


def tested_runs(session: Session, project: Project) -> int:
    """How many runs have been made with a test set."""
    used = sa.exists().where(RunItem.run_id == Run.id, RunItem.split == Split.TEST)
    return session.scalar(sa.select(sa.func.count()).select_from(Run).where(Run.project_id == project.id, used)) or 0
