"""Where images may be used: the table of classes and splits, what is drawn at random, and moves by hand."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.enums import LabelSource, Split
from app.domain.errors import AppError, Invalid
from app.domain.groups import NONE
from app.services import grouping, labels, plans, split_draws, split_moves, splits
from app.services.marks import Who
from app.services.split_draws import Drawn
from app.web import i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.draw_form import DrawForm
from app.web.field_text import FieldText
from app.web.fields import TEXTS
from app.web.health_done import is_number
from app.web.messages import sentence
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/splits")


@dataclass(frozen=True)
class Moved:
    """What the last act did: how many images it changed, and the change set that takes it back."""

    count: int
    change_set_id: int | None
    request_id: str
    fewer: str = ""  # classes that gave all they have
    per_class: str = ""  # how many of each class were asked for


@dataclass(frozen=True)
class SplitsPage:
    """The page of the splits."""

    project: Project
    table: splits.Table
    most: int
    warnings: Sequence[str]
    tested_runs: int
    forms: Mapping[Split, DrawForm]
    surplus: int  # images that a draw for the training left over
    together: FieldText
    pattern: FieldText
    pause: FieldText
    copies: int  # groups that the newest check found
    moved: Moved | None
    error: str


@router.get("", name="splits")
def index(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    moved: int | None = None,
    change: int | None = None,
    fewer: str = "",
    each: str = "",
) -> Response:
    """Show the splits. ``moved``, ``change``, ``fewer`` and ``each`` tell what was done just now."""
    names = {row.name for row in project.classes}
    short = ", ".join(name for name in fewer[:2000].split("\n") if name in names)
    done = None
    if moved is not None:
        done = Moved(moved, change, uuid.uuid4().hex, short, each if is_number(each) else "")
    return page(request, session, project, moved=done)


@router.post("", name="splits_change")
def change(
    request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep
) -> Response:
    """Draw, put back what was drawn, or take that back; or, as JSON, move images:
    ``{"image_ids": […], "split": "test" or null}``."""
    who: Who = {"source": LabelSource.SPLITS, "actor": actor, "request_id": f"splits-{uuid.uuid4().hex}"}
    if sent.by_program:
        split, ids = sent.values.get("split"), sent.values.get("image_ids")
        made = split_moves.set_split(session, project.id, read_ids(ids), read_split(split), **who)
        return JSONResponse({"changed": made.image_count, "change_set": made.id})
    form = DrawForm.sent(sent.values)
    action = str(sent.values.get("action", ""))
    try:
        query = acted(session, project, form, action, str(sent.values.get("change", "")), who)
    except AppError as error:
        session.rollback()
        return refused(request, session, project, form, error, typed=action not in ("undo", "clear"))
    return redirect(request, "splits", slug=project.slug, query=query)


def acted(
    session: Session, project: Project, form: DrawForm, action: str, change_set: str, who: Who
) -> dict[str, str | int | None]:
    """Do what a button says; returns what the page tells of it.

    Raises:
        Invalid: with ``fields`` for values that are no numbers, or what a draw refuses.
    """
    if action == "undo":
        target = int(change_set) if is_number(change_set) else 0
        taken = labels.undo(session, project.id, target, actor=who["actor"], request_id=who["request_id"])
        return {"moved": taken.change_set.image_count}
    if action == "clear":
        if form.split == Split.TRAIN:
            made = split_draws.release_training(session, project.id, **who)
        else:
            made = split_draws.clear(session, project.id, form.split, **who)
        return {"moved": made.image_count, "change": made.id}
    drawn = draw(session, project, form, who)
    fewer = "\n".join(name for name, _count in drawn.fewer)
    each = form.per_class if drawn.fewer else None
    return {"moved": drawn.change_set.image_count, "change": drawn.change_set.id, "fewer": fewer or None, "each": each}


def draw(session: Session, project: Project, form: DrawForm, who: Who) -> Drawn:
    """Draw what the form asks for.

    Raises:
        Invalid: with ``fields`` for values that are no numbers, or what ``split_draws`` refuses.
    """
    read = form.read()
    same: dict[str, Any] = {"seed": read.seed, "together": read.together, **who}
    if form.split == Split.TRAIN:
        return split_draws.draw_training(session, project.id, read.amount, **same)
    release = form.release
    return split_draws.draw(session, project.id, form.split, read.amount, release_folder=release, **same)


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


def refused(
    request: Request, session: Session, project: Project, form: DrawForm, error: AppError, *, typed: bool
) -> Response:
    """The page again with what was refused: beside the field where something was typed."""
    if typed and isinstance(error, Invalid):
        return page(request, session, project, form.refused(request, error), status=error.status)
    message = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    return page(request, session, project, error=message, status=error.status)


def page(
    request: Request,
    session: Session,
    project: Project,
    form: DrawForm | None = None,
    *,
    moved: Moved | None = None,
    error: str = "",
    status: int = 200,
) -> Response:
    """The page with the present counts."""
    table = splits.table(session, project.id)
    gettext = i18n.translations(i18n.choose(request)).gettext
    forms = {split: DrawForm(split=split) for split in Split}
    forms[Split.TRAIN] = DrawForm(split=Split.TRAIN, by="count", per_class="100")
    if form is not None:
        forms[form.split] = form
    context = SplitsPage(
        project=project,
        table=table,
        most=max((row.total for row in table.classes), default=0),
        warnings=[sentence(one, gettext) for one in (*plans.balance(table), *grouping.torn(session, project.id, NONE))],
        tested_runs=splits.tested_runs(session, project.id),
        forms=forms,
        surplus=splits.excluded_for(session, project.id, split_draws.SURPLUS),
        together=TEXTS["group_by"],
        pattern=TEXTS["group_pattern"],
        pause=TEXTS["group_seconds"],
        copies=grouping.copy_groups(session, project.id),
        moved=moved,
        error=error,
    )
    return render(request, "splits/index.html", context, status_code=status)
