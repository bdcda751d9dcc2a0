"""Projects: make one, find one by its address, and the figures of the first pages."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, selectinload

from app.db.models import Image, ImageCount, LabelClass, Project
from app.db.run_models import Job, Run, RunFold
from app.domain.enums import FINAL_STATES, ImageState, JobState, Split
from app.domain.errors import Invalid, NotFound
from app.services import early

MAX_NAME = 200
MAX_SLUG = 70  # leaves room for "-2" in the 80 characters of the column
THUMBNAILS = 4
ALIVE = Project.deleted_at.is_(None)  # of a project that nobody has deleted


@dataclass(frozen=True)
class ImageCounts:
    """How many images of a project are active, labelled and in each split."""

    total: int = 0
    labelled: int = 0
    test: int = 0
    validation: int = 0
    train: int = 0
    excluded: int = 0

    @property
    def labelled_share(self) -> float:
        """The labelled part of the active images, 0 to 1."""
        return self.labelled / self.total if self.total else 0.0

    @property
    def unlabelled(self) -> int:
        return self.total - self.labelled


@dataclass(frozen=True)
class Thumbnail:
    """What a page needs to show a small picture."""

    image_id: int
    sha256: str
    name: str


@dataclass(frozen=True)
class RunSummary:
    """One run in a list: state and the validation accuracy of its models."""

    number: int
    name: str
    kind: str
    state: str
    accuracy: float | None  # mean over the finished folds, 0 to 1
    folds: int
    created_at: datetime
    stopped: bool = False  # its best so far was kept, see ``app.services.early``

    @property
    def shown(self) -> str:
        """The state as a list says it."""
        return early.KEPT if self.stopped else self.state

    @property
    def final(self) -> bool:
        """True when nothing more will happen to the run."""
        return self.state in FINAL_STATES


@dataclass(frozen=True)
class ProjectSummary:
    """One card of the first page."""

    project: Project
    counts: ImageCounts
    classes: int
    thumbnails: Sequence[Thumbnail]
    last_run: RunSummary | None


def create(session: Session, *, name: str, description: str = "") -> Project:
    """Make a project; its address is made from its name.

    Raises:
        Invalid: the name is empty or too long.
    """
    clean = clean_name(name)
    if not clean:
        raise Invalid("project_name_empty")
    tried = ""
    while True:
        slug = _free_slug(session, slug_of(clean))
        project = Project(name=clean, slug=slug, description=description.strip())
        try:
            with session.begin_nested():
                session.add(project)
        except IntegrityError:
            if slug == tried:
                raise
            tried = slug  # somebody took the address a moment ago: it is seen now, and the next free one is tried
        else:
            return project


def clean_name(name: str) -> str:
    """``name`` as ``clean_line`` gives it.

    Raises:
        Invalid: the name is too long.
    """
    clean = clean_line(name)
    if len(clean) > MAX_NAME:
        raise Invalid("name_too_long", length=len(clean), limit=MAX_NAME)
    return clean


def clean_line(text: str) -> str:
    """``text`` in NFC, on one line, without control, direction or other invisible characters."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if unicodedata.category(letter).startswith("Z") else letter for letter in text)
    # Cc, Cf, Cs, Co, Cn: nothing a reader can see. The joiner and the variation selector hold emoji together.
    shown = (letter for letter in text if letter == "\u200d" or not unicodedata.category(letter).startswith("C"))
    return " ".join("".join(shown).split()).strip("\u200d\ufe0f ")


def slug_of(name: str) -> str:
    """``name`` for an address: letters and digits of any script, everything else becomes one hyphen."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = unicodedata.normalize("NFC", text)
    letters = (letter if unicodedata.category(letter)[0] in "LNM" and letter != "\ufe0f" else " " for letter in text)
    return "-".join("".join(letters).split())[:MAX_SLUG].strip("-") or "project"


def _free_slug(session: Session, wish: str) -> str:
    taken = set(session.scalars(sa.select(Project.slug).where(Project.slug.startswith(wish, autoescape=True))))
    number, slug = 1, wish
    while slug in taken:
        number += 1
        slug = f"{wish}-{number}"
    return slug


def by_slug(session: Session, slug: str) -> Project:
    """The project of an address with its classes loaded.

    Raises:
        NotFound: there is none.
    """
    wanted = unicodedata.normalize("NFC", slug)
    query = sa.select(Project).where(Project.slug == wanted, ALIVE).options(selectinload(Project.classes))
    project = session.scalar(query)
    if project is None:
        raise NotFound("project_missing", slug=slug[:MAX_SLUG])
    return project


# Every label asks these two; putting a statement together anew costs as much as asking it.
_ID_OF = sa.select(Project.id).where(Project.slug == sa.bindparam("slug"), ALIVE)
_LOCK = sa.select(Project.id).where(Project.id == sa.bindparam("project_id"), ALIVE).with_for_update(key_share=True)


def id_of(session: Session, slug: str) -> int:
    """The id of the project of an address, for requests that need nothing else of it.

    Raises:
        NotFound: there is none.
    """
    found = session.scalar(_ID_OF, {"slug": unicodedata.normalize("NFC", slug)})
    if found is None:
        raise NotFound("project_missing", slug=slug[:MAX_SLUG])
    return found


def lock(session: Session, project_id: int) -> None:
    """Let transactions that make classes, images or labels of one project wait for each other until this one has ended.

    On SQLite the write transaction does the same and FOR UPDATE is left out. With the lock held, PostgreSQL's later
    statements see everything that was committed before, so what is read now is still right when we write.

    Raises:
        NotFound: there is no such project.
    """
    if session.scalar(_LOCK, {"project_id": project_id}) is None:
        raise NotFound("project_missing", slug=project_id)


def summaries(session: Session) -> list[ProjectSummary]:
    """All projects, the newest first, with what their cards show; the number of queries does not grow with them."""
    found = session.scalars(sa.select(Project).where(ALIVE).order_by(Project.id.desc())).all()
    counts, thumbnails = image_counts(session), _thumbnails(session)
    per_project = sa.select(LabelClass.project_id, sa.func.count()).group_by(LabelClass.project_id)
    classes = {row[0]: row[1] for row in session.execute(per_project)}
    newest = sa.select(sa.func.max(Run.id)).group_by(Run.project_id)
    last_runs = _runs(session, Run.id.in_(newest))
    return [
        ProjectSummary(
            project=project,
            counts=counts.get(project.id, ImageCounts()),
            classes=classes.get(project.id, 0),
            thumbnails=thumbnails.get(project.id, ()),
            last_run=last_runs.get(project.id, [None])[0],
        )
        for project in found
    ]


def image_counts(session: Session, project: Project | None = None) -> dict[int, ImageCounts]:
    """Project id -> counts, of one project or of all."""
    active = ImageCount.state == ImageState.ACTIVE

    def count(*conditions: sa.ColumnElement[bool]) -> sa.Function[int]:
        return sa.func.sum(sa.case((sa.and_(active, *conditions), ImageCount.count), else_=0))

    query = sa.select(
        ImageCount.project_id,
        count(),
        count(ImageCount.class_id != 0),
        count(ImageCount.split == Split.TEST),
        count(ImageCount.split == Split.VALIDATION),
        count(ImageCount.split == Split.TRAIN),
        sa.func.sum(sa.case((sa.not_(active), ImageCount.count), else_=0)),
    ).group_by(ImageCount.project_id)
    if project is not None:
        query = query.where(ImageCount.project_id == project.id)
    return {row[0]: ImageCounts(*map(int, row[1:])) for row in session.execute(query)}


def recent_runs(session: Session, project: Project, limit: int = 5) -> list[RunSummary]:
    """The last runs of a project, the newest first."""
    newest = sa.select(Run.id).where(Run.project_id == project.id).order_by(Run.id.desc()).limit(limit)
    return _runs(session, Run.id.in_(newest.scalar_subquery())).get(project.id, [])


def runs_total(session: Session, project: Project) -> Mapping[str, int]:
    """Number of runs of a project by the state of their job."""
    query = (
        sa.select(Job.state, sa.func.count())
        .join(Run, Run.job_id == Job.id)
        .where(Run.project_id == project.id)
        .group_by(Job.state)
    )
    return {JobState(state): count for state, count in session.execute(query)}


def _thumbnails(session: Session) -> dict[int, list[Thumbnail]]:
    """Four pictures of every project. Ordered by hash they are a mixed sample that an index has ready."""
    sample = (
        sa.select(Image.id)
        .where(Image.project_id == Project.id, Image.state == ImageState.ACTIVE)
        .order_by(Image.sha256)
        .limit(THUMBNAILS)
        .correlate(Project)
    )
    shown = aliased(Image)
    query = sa.select(Project.id, shown.id, shown.thumbnail_sha256, shown.name).join(shown, shown.id.in_(sample))
    found: dict[int, list[Thumbnail]] = {}
    for project_id, image_id, sha256, name in session.execute(query):
        found.setdefault(project_id, []).append(Thumbnail(image_id, sha256, name))
    return found


def _runs(session: Session, condition: sa.ColumnElement[bool]) -> dict[int, list[RunSummary]]:
    rows = session.execute(
        sa.select(Run, Job.state, early.STOPPED)
        .join(Job, Job.id == Run.job_id)
        .where(condition)
        .order_by(Run.id.desc())
    ).all()
    metrics = session.execute(
        sa.select(RunFold.run_id, RunFold.metrics).where(RunFold.run_id.in_([run.id for run, *_ in rows]))
    ).all()
    found: dict[int, list[RunSummary]] = {}
    for run, state, stopped in rows:
        folds = [values for run_id, values in metrics if run_id == run.id]
        known = [float(values["val_accuracy"]) for values in folds if values.get("val_accuracy") is not None]
        summary = RunSummary(
            number=run.number,
            name=run.name,
            kind=run.kind,
            state=state,
            accuracy=sum(known) / len(known) if known else None,
            folds=len(folds),
            created_at=run.created_at,
            stopped=stopped,
        )
        found.setdefault(run.project_id, []).append(summary)
    return found
