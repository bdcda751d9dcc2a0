"""Trainings that were started together, as one table; they are stopped and tried again as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response

from app.db.models import Project
from app.services import groups, jobs, laboratory, searches
from app.services.groups import Cell, Group, Member
from app.web import i18n, network_card, run_names, run_words
from app.web.deps import ProjectDep, ReadSession, WriteSession
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/groups/{number}")

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True)
class ShownRun:
    """One run with its values in words."""

    member: Member
    values: Sequence[str]
    duration: str


@dataclass(frozen=True)
class ShownCell:
    """Runs that differ only in the seed, with their common values in words; ``best``: the highest validation."""

    cell: Cell
    values: Sequence[str]
    duration: str
    best: bool


@dataclass(frozen=True)
class GroupPage:
    """One matrix."""

    project: Project
    group: Group
    labels: Sequence[str]  # of what varies
    cell_labels: Sequence[str]  # without the seed
    runs: Sequence[ShownRun]
    cells: Sequence[ShownCell]
    warnings: Sequence[str]
    unattended: bool  # it has not ended, and no worker is alive
    laboratory: bool  # what the changes of pictures do to each class can be told of it


@router.get("", name="group")
def show(request: Request, project: ProjectDep, session: ReadSession, number: Number) -> Response:
    """The table of one matrix; a search for settings has a page of its own."""
    if searches.exists(session, project.id, number):
        return redirect(request, "search", slug=project.slug, number=number)
    group = groups.by_id(session, project.id, number)
    t = i18n.translations(i18n.choose(request))
    kept = [name for name in group.fields if name != groups.SEED]
    means = [cell.validation.mean for cell in group.cells if cell.validation]
    best = max(means) if len(means) > 1 else None
    page = GroupPage(
        project=project,
        group=group,
        labels=[run_names.label(name, t.gettext) for name in group.fields],
        cell_labels=[run_names.label(name, t.gettext) for name in kept],
        runs=[
            ShownRun(member, _words(group.fields, member.values, t.gettext), run_words.duration(member.line.seconds, t))
            for member in group.members
        ],
        cells=[
            ShownCell(
                cell,
                _words(kept, cell.values, t.gettext),
                run_words.duration(cell.seconds, t),
                best is not None and cell.validation is not None and cell.validation.mean == best,
            )
            for cell in group.cells
        ],
        warnings=network_card.of_several((member.recipe for member in group.members), t),
        unattended=not group.finished and not jobs.workers_alive(session),
        laboratory=laboratory.is_one([member.recipe for member in group.members]),
    )
    return render(request, "runs/group.html", page)


@router.post("/stop", name="group_stop")
def stop(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> RedirectResponse:
    """Stop every run that has not ended."""
    groups.cancel(session, project.id, number)
    return redirect(request, "group", slug=project.slug, number=number)


@router.post("/retry", name="group_retry")
def retry(request: Request, project: ProjectDep, session: WriteSession, number: Number) -> RedirectResponse:
    """Try again what failed or was stopped."""
    groups.retry(session, project.id, number)
    return redirect(request, "group", slug=project.slug, number=number)


def _words(names: Sequence[str], values: Sequence[Any], gettext: Callable[[str], str]) -> list[str]:
    return [run_names.word(name, value, gettext) for name, value in zip(names, values, strict=True)]
