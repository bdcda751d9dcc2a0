"""Where images may be used: the table of classes and splits, and the pinned test set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunItem
from app.domain.enums import Split
from app.domain.errors import AppError, Invalid
from app.domain.groups import BURST, COPIES, NAME, NONE, name_pattern
from app.domain.recipe import FIELDS
from app.services import grouping, plans, splits
from app.services.grouping import Grouping
from app.web import i18n
from app.web.deps import ProjectDep, ReadSession, WriteSession
from app.web.field_text import FieldText
from app.web.fields import TEXTS
from app.web.messages import sentence
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/splits")

ERROR_FIELDS = {
    "split_share": "share",
    "split_count": "per_class",
    "class_too_small_for_test": "per_class",
    "group_pattern": "pattern",
    "group_seconds": "seconds",
}
MAX_PER_CLASS = 10_000_000


@dataclass(frozen=True)
class DrawForm:
    """What was typed to draw a test set; ``by`` is "share" or "count"."""

    by: str = "share"
    share: str = "0.15"
    per_class: str = "10"
    seed: str = "0"
    release: bool = False
    together: str = COPIES
    pattern: str = "*_#"
    seconds: str = "2"
    errors: Mapping[str, str] = field(default_factory=dict)

    def read_count(self) -> int:
        """How many images of each class.

        Raises:
            Invalid: ``split_count``.
        """
        count = int(self.per_class) if self.per_class.isascii() and self.per_class.isdigit() else 0
        if not 1 <= count <= MAX_PER_CLASS:
            raise Invalid("split_count", value=self.per_class)
        return count

    def read_share(self) -> float:
        """The part of the images.

        Raises:
            Invalid: ``split_share``.
        """
        try:
            share = float(self.share)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise Invalid("split_share", value=self.share)
        return share


@dataclass(frozen=True)
class SplitsPage:
    """The page of the splits."""

    project: Project
    table: splits.Table
    most: int
    warnings: Sequence[str]
    tested_runs: int
    form: DrawForm
    together: FieldText
    pattern: FieldText
    pause: FieldText
    copies: int  # groups that the newest check found
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
        together=sent.values.get("together", COPIES)[:40],
        pattern=sent.values.get("pattern", DrawForm.pattern)[:200],
        seconds=sent.values.get("seconds", DrawForm.seconds)[:40],
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
    readers: dict[str, Callable[[], Any]] = {
        "seed": lambda: FIELDS["seed"].parse(form.seed),
        "together": lambda: FIELDS["group_by"].parse(form.together),
    }
    readers |= {"per_class": form.read_count} if form.by == "count" else {"share": form.read_share}
    if form.together == NAME:
        readers["pattern"] = lambda: name_pattern(form.pattern)
    if form.together == BURST:
        readers["seconds"] = lambda: FIELDS["group_seconds"].parse(form.seconds)
    read: dict[str, Any] = {}
    errors: dict[str, AppError] = {}
    for name, reader in readers.items():
        try:
            read[name] = reader()
        except Invalid as error:
            errors[name] = error
    if errors:
        raise Invalid.of_fields(errors)
    return splits.draw_test(
        session,
        project.id,
        share=read.get("share"),
        per_class=read.get("per_class"),
        seed=read["seed"],
        release_folder=form.release,
        together=Grouping(form.together, form.pattern, read.get("seconds", Grouping.seconds)),
    )


def refused(request: Request, form: DrawForm, error: Invalid) -> DrawForm:
    """The form with its errors in the reader's language."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    found = error.fields or {ERROR_FIELDS.get(error.code, form.by if form.by == "share" else "per_class"): error}
    messages = {name: sentence(item, gettext) for name, item in found.items()}
    return replace(form, errors=messages)


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
        warnings=[sentence(one, gettext) for one in (*plans.balance(table), *grouping.torn(session, project.id, NONE))],
        tested_runs=tested_runs(session, project),
        form=form,
        together=TEXTS["group_by"],
        pattern=TEXTS["group_pattern"],
        pause=TEXTS["group_seconds"],
        copies=grouping.copy_groups(session, project.id),
        changed=moved,
    )
    return render(request, "splits/index.html", context, status_code=status)


def tested_runs(session: Session, project: Project) -> int:
    """How many runs have been made with a test set."""
    used = sa.exists().where(RunItem.run_id == Run.id, RunItem.split == Split.TEST)
    return session.scalar(sa.select(sa.func.count()).select_from(Run).where(Run.project_id == project.id, used)) or 0
