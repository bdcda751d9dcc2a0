"""A project is deleted: nobody sees it from that moment on, and a job removes what belongs to it.

Nothing of it can be brought back, so its name is typed, and nothing may be under way in it. The row of the project
stays: its number and the ids that it remembers never come again.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import Image, ImageCount, ImportBatch, LabelClass, Project
from app.db.run_models import Job, Run
from app.db.session import after_commit
from app.db.version_models import DataVersion
from app.domain.enums import FINAL_STATES, JobKind, Lane
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import jobs, own_ids, projects, uploads

PRIORITY = -5  # whatever a person waits for goes first


@dataclass(frozen=True)
class Extent:
    """What goes with a project. ``size``: bytes of the originals; ``busy``: its jobs that wait or run."""

    images: int
    labelled: int
    classes: int
    imports: int
    runs: int
    versions: int
    size: int
    busy: int


def extent(session: Session, project: Project) -> Extent:
    """What deleting the project would remove."""
    mine = ImageCount.project_id == project.id
    labelled = sa.case((ImageCount.class_id != 0, ImageCount.count), else_=0)
    sums = sa.select(sa.func.sum(ImageCount.count), sa.func.sum(labelled), sa.func.sum(ImageCount.bytes)).where(mine)
    images, known, size = (int(value or 0) for value in session.execute(sums).one())

    def number(column: sa.ColumnElement[int] | sa.orm.InstrumentedAttribute[int]) -> int:
        return session.scalar(sa.select(sa.func.count()).where(column == project.id)) or 0

    return Extent(
        images=images,
        labelled=known,
        classes=len(project.classes),
        imports=number(ImportBatch.project_id),
        runs=number(Run.project_id),
        versions=number(DataVersion.project_id),
        size=size,
        busy=_busy(session, project.id),
    )


def _busy(session: Session, project_id: int) -> int:
    """How many jobs wait or run; a training counts once, whatever its parts are."""
    alone, going_on = Job.parent_id.is_(None), Job.state.not_in(sorted(FINAL_STATES))
    query = sa.select(sa.func.count()).select_from(Job)
    return session.scalar(query.where(Job.project_id == project_id, alone, going_on)) or 0


def check_name(project: Project, typed: str) -> None:
    """Raises Invalid when ``typed`` is not the name of the project."""
    if projects.clean_line(typed) != project.name:
        raise Invalid("deletion_name_differs", name=project.name)


def request(session: Session, project_id: int, data_dir: Path) -> Job:
    """Hide the project and have a worker remove all of it; what came of an upload on this machine goes at once.

    Args:
        session: a transaction that writes.
        project_id: the project.
        data_dir: of this process, where the rest of an upload may lie.

    Raises:
        NotFound: there is no such project (any more).
        Conflict: a job of it waits or runs.
    """
    # Whoever is just making a job or a label holds the row a little, and is waited for.
    alive = sa.select(Project).where(Project.id == project_id, projects.ALIVE).with_for_update()
    project = session.scalar(alive, execution_options={"populate_existing": True})
    if project is None:
        raise NotFound("project_missing", slug=project_id)
    if count := _busy(session, project_id):
        raise Conflict("deletion_busy", count=count, name=project.name)
    images = sa.select(sa.func.count()).where(Image.project_id == project_id)
    job = jobs.create(
        session,
        project_id=project_id,
        kind=JobKind.DELETE,
        lane=Lane.CPU,
        spec={"images": session.scalar(images) or 0},
        priority=PRIORITY,
    )
    for column, owner in ((Image.id, Image), (LabelClass.id, LabelClass), (Run.id, Run)):
        newest = session.scalar(sa.select(sa.func.max(column)).where(owner.project_id == project_id))
        own_ids.never_again(session, project_id, column, [newest or 0])
    for import_id in session.scalars(sa.select(ImportBatch.id).where(ImportBatch.project_id == project_id)):
        after_commit(session, partial(uploads.forget, data_dir, import_id))
    # No address has a slash in its name: this one meets none, and the old one is free for another project.
    project.deleted_at, project.slug, project.description = utc_now(), f"/{project_id}", ""
    session.flush()
    return job
