"""Data versions: the list, one of them, and what lies between two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response

from app.db.models import LabelClass, Project
from app.db.version_models import DataVersion
from app.services import version_changes, version_classes, versions
from app.services.version_changes import Change, Kind, Relabelled
from app.services.version_classes import Renamed
from app.services.versions import Line, Share
from app.web import i18n, pictures
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}")

PER_PAGE = 120
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Which = Annotated[int, Query(ge=1, le=2**31 - 1)]
Name = Annotated[str, Form(max_length=400)]


@dataclass(frozen=True)
class VersionsPage:
    """All versions of a project."""

    project: Project
    lines: Sequence[Line]


@dataclass(frozen=True)
class VersionPage:
    """One version: what it is made of, and the runs that were given it."""

    project: Project
    line: Line
    table: Mapping[int | None, Mapping[str, int]]
    classes: Mapping[int, LabelClass]
    called: Mapping[int, str]  # what classes were called then, where that was kept
    splits: Mapping[str, str]
    others: Sequence[DataVersion]


@dataclass(frozen=True)
class ComparePage:
    """Two versions: counts of each kind of change, and the images of one kind."""

    project: Project
    before: DataVersion
    after: DataVersion
    all_versions: Sequence[DataVersion]
    counts: Mapping[Kind, int]
    flow: Sequence[Relabelled]
    renamed: Sequence[Renamed]
    kind: Kind | None
    changes: Sequence[Change]
    more: int | None
    classes: Mapping[int, LabelClass]
    splits: Mapping[str, str]


@router.get("/versions", name="versions")
def index(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show all versions."""
    return render(request, "versions/index.html", VersionsPage(project, versions.listed(session, project.id)))


@router.post("/versions", name="version_freeze")
def freeze(request: Request, project: ProjectDep, state: StateDep, actor: ActorDep, name: Name = "") -> Response:
    """Freeze the data as it is now, under a name."""
    number = versions.freeze_apart(state.database, project.id, actor=actor, name=name)
    return redirect(request, "version", slug=project.slug, number=number)


@router.get("/versions/compare", name="versions_compare")
def compare(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    a: Which,
    b: Which,
    kind: Kind | None = None,
    behind: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """Show what lies between two versions."""
    before, after = (versions.by_number(session, project.id, number) for number in (a, b))
    counts = version_changes.counts(session, project.id, a, b)
    shown = kind or next((one for one, count in counts.items() if count), None)
    changes: list[Change] = []
    if shown is not None:
        changes = version_changes.page(session, project.id, a, b, shown, behind=behind, limit=PER_PAGE + 1)
    page = ComparePage(
        project=project,
        before=before,
        after=after,
        all_versions=[line.version for line in versions.listed(session, project.id)],
        counts=counts,
        flow=version_changes.relabelled(session, project.id, a, b),
        renamed=version_changes.renamed(session, project.id, a, b),
        kind=shown,
        changes=changes[:PER_PAGE],
        more=changes[PER_PAGE - 1].image_id if len(changes) > PER_PAGE else None,
        classes=class_map(project),
        splits=split_words(request),
    )
    return render(request, "versions/compare.html", page)


@router.get("/versions.json", name="versions_data")
def data(project: ProjectDep, session: ReadSession) -> list[dict[str, Any]]:
    """All versions for programs."""
    return [line.as_json() for line in versions.listed(session, project.id)]


@router.get("/versions/compare.json", name="versions_compare_data")
def compare_data(project: ProjectDep, session: ReadSession, a: Which, b: Which) -> dict[str, Any]:
    """The counts between two versions for programs."""
    names = {item.id: item.name for item in project.classes}
    return version_changes.as_json(session, project.id, names, a, b)


@router.get("/versions/{number}", name="version")
def one(request: Request, number: Number, project: ProjectDep, session: ReadSession) -> Response:
    """Show one version."""
    version = versions.by_number(session, project.id, number)
    lines = versions.listed(session, project.id)
    page = VersionPage(
        project=project,
        line=next(line for line in lines if line.version.id == version.id),
        table=table(versions.shares(session, project.id, number)),
        classes=class_map(project),
        called=version_classes.names(session, version),
        splits=split_words(request),
        others=[line.version for line in lines if line.version.id != version.id],
    )
    return render(request, "versions/version.html", page)


@router.post("/versions/{number}", name="version_rename")
def rename(request: Request, number: Number, project: ProjectDep, session: WriteSession, name: Name = "") -> Response:
    """Call a version something else."""
    versions.rename(session, project.id, number, name)
    return redirect(request, "version", slug=project.slug, number=number)


def table(shares: Sequence[Share]) -> dict[int | None, dict[str, int]]:
    """Images by class and split, excluded ones apart."""
    found: dict[int | None, dict[str, int]] = {}
    for share in shares:
        row = found.setdefault(share.class_id, {})
        key = "excluded" if share.excluded else share.split or "none"
        row[key] = row.get(key, 0) + share.count
    return found


def class_map(project: Project) -> dict[int, LabelClass]:
    """The classes of a project by id."""
    return {item.id: item for item in project.classes}


def split_words(request: Request) -> dict[str, str]:
    """The names of the splits in the reader's language."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    return {key: gettext(text) for key, text in pictures.SPLITS.items()}
