"""What belongs to a deleted project is removed: rows in small transactions, then files that nothing needs any more.

Everything can end in the middle and begin again: what is left is found by the rows that are left, and files by the
absence of rows.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.base import Base
from app.db.count_models import FactCount, ImageBlock, ImageKind, ImageStamp
from app.db.diary_models import DiaryEntry
from app.db.feature_models import ProjectArray
from app.db.health_models import HealthCheck, HealthFinding, HealthMember, ImageFact
from app.db.models import (
    ChangeSet,
    ClassEvent,
    Image,
    ImageCount,
    ImageLease,
    ImportBatch,
    ImportEntry,
    LabelClass,
    LabelEvent,
    MarkEvent,
    SavedView,
)
from app.db.opinion_models import Opinion, OpinionImage, OpinionRound
from app.db.run_models import (
    AnswerPack,
    Checkpoint,
    EpochMetric,
    Explanation,
    Job,
    Judgement,
    Prediction,
    Run,
    RunClass,
    RunFold,
    RunItem,
)
from app.db.session import Database
from app.db.version_models import DataClass, DataItem, DataVersion
from app.domain.enums import JobKind
from app.services import maintenance, own_ids, uploads
from app.storage import Store

FIRST, LEAST, MOST = 100, 20, 2000  # rows at once
WRITE_SECONDS = 0.05  # a transaction that takes longer is followed by a smaller one
TOLD_SECONDS = 0.5
Step = Callable[[Session, int, int], int]
_OF_IMAGE = (LabelEvent, MarkEvent, DataItem, ImageFact, HealthMember, ImageLease, Opinion, OpinionImage)
_OF_ITEM = (Explanation, Prediction)
_OF_RUN = (AnswerPack, Judgement, EpochMetric, Checkpoint, DiaryEntry, RunFold, RunClass)
_OF_PROJECT = (
    HealthCheck, ProjectArray, OpinionRound, SavedView, DataVersion, ImportBatch, LabelClass, ImageCount, ImageBlock,
    ImageKind, FactCount, ImageStamp,
)  # fmt: skip


def run(
    database: Database,
    store: Store,
    project_id: int,
    fence: Callable[[Session], None],
    go_on: Callable[[int, int], bool],
) -> bool:
    """Remove everything; True when it came to the end.

    Args:
        database: of the project.
        store: with its files.
        project_id: a project that was deleted.
        fence: called in each transaction first; what it raises ends the work.
        go_on: called now and then with how many images are gone of how many; False ends the work.
    """
    _drop_uploads(database, store, project_id)
    images = sa.select(sa.func.count()).where(Image.project_id == project_id)
    with database.read() as session:
        total = session.scalar(images) or 0
    done, told = 0, 0.0
    for step in _STEPS:
        size, removed = FIRST, 1
        while removed:
            begun = time.monotonic()
            with database.write() as session:
                fence(session)
                removed = step(session, project_id, size)
            took = time.monotonic() - begun
            size = max(LEAST, size // 2) if took > WRITE_SECONDS else min(MOST, size * 2)
            done += removed if step is _images else 0
            if time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                if not go_on(done, total):
                    return False
            time.sleep(took)  # others write in the meantime: somebody may be labelling
    maintenance.drop_unneeded(database, store)
    return go_on(total, total)


def _drop_uploads(database: Database, store: Store, project_id: int) -> None:
    """Zips of imports that failed are kept for another try; there will be none."""
    query = sa.select(Job.spec).where(Job.project_id == project_id, Job.kind == JobKind.IMPORT)
    with database.read() as session:
        names = [spec["upload"] for spec in session.scalars(query) if "upload" in spec]
    for name in names:
        uploads.drop(store, name)


def _some(
    session: Session,
    column: InstrumentedAttribute[int],
    size: int,
    order: Sequence[InstrumentedAttribute[Any]],
    *where: sa.ColumnElement[bool],
) -> list[int]:
    """The first ids in the ``order`` of an index that begins with ``where``, so that the others are not looked at."""
    return list(session.scalars(sa.select(column).where(*where).order_by(*order).limit(size)))


def _gone(session: Session, tables: Sequence[type[Base]], column: str, ids: Sequence[int]) -> None:
    for table in tables:
        named: Any = getattr(table, column)
        session.execute(sa.delete(table).where(named.in_(ids)), execution_options={"synchronize_session": False})


def _runs(session: Session, project_id: int, size: int) -> int:
    """Frozen images of one run with what the models said of them; behind the last of them the run itself."""
    run_id = session.scalar(sa.select(Run.id).where(Run.project_id == project_id).order_by(Run.number).limit(1))
    if run_id is None:
        return 0
    ids = _some(session, RunItem.id, size, [RunItem.image_id], RunItem.run_id == run_id)
    _gone(session, _OF_ITEM, "item_id", ids)
    _gone(session, [RunItem], "id", ids)
    if ids:
        return len(ids)
    _gone(session, _OF_RUN, "run_id", [run_id])
    _gone(session, [Run], "id", [run_id])
    return 1


def _entries(session: Session, project_id: int, size: int) -> int:
    """What became of the files of one import, which itself is needed by its images."""
    some = sa.exists().where(ImportEntry.import_id == ImportBatch.id)
    left = sa.select(ImportBatch.id).where(ImportBatch.project_id == project_id, some)
    import_id = session.scalar(left.order_by(ImportBatch.number).limit(1))
    if import_id is None:
        return 0
    order = [ImportEntry.verdict, ImportEntry.id]
    ids = _some(session, ImportEntry.id, size, order, ImportEntry.import_id == import_id)
    _gone(session, [ImportEntry], "id", ids)
    return len(ids)


def _images(session: Session, project_id: int, size: int) -> int:
    ids = _some(session, Image.id, size, [Image.state, Image.id], Image.project_id == project_id)
    _gone(session, _OF_IMAGE, "image_id", ids)
    own_ids.label_events_gone(session)
    _gone(session, [Image], "id", ids)
    return len(ids)


def _findings(session: Session, project_id: int, size: int) -> int:
    mine = HealthFinding.project_id == project_id
    ids = _some(session, HealthFinding.id, size, [HealthFinding.kind, HealthFinding.score], mine)
    _gone(session, [HealthFinding], "id", ids)
    return len(ids)


def _links(session: Session, project_id: int, size: int) -> int:
    """Which change took which back; without it they can go in any order."""
    linked = sa.or_(ChangeSet.undoes_id.is_not(None), ChangeSet.undone_by_id.is_not(None))
    ids = _some(session, ChangeSet.id, size, [ChangeSet.id], ChangeSet.project_id == project_id, linked)
    session.execute(sa.update(ChangeSet).where(ChangeSet.id.in_(ids)).values(undoes_id=None, undone_by_id=None))
    return len(ids)


def _changes(session: Session, project_id: int, size: int) -> int:
    ids = _some(session, ChangeSet.id, size, [ChangeSet.id], ChangeSet.project_id == project_id)
    _gone(session, [ClassEvent], "change_set_id", ids)
    _gone(session, [ChangeSet], "id", ids)
    return len(ids)


def _rest(session: Session, project_id: int, _size: int) -> int:
    """What does not grow with the images; the job that does all this stays."""
    versions = sa.select(DataVersion.id).where(DataVersion.project_id == project_id)
    session.execute(sa.delete(DataClass).where(DataClass.version_id.in_(versions)))
    _gone(session, _OF_PROJECT, "project_id", [project_id])
    others = (Job.project_id == project_id, Job.kind != JobKind.DELETE)
    session.execute(sa.delete(Job).where(*others), execution_options={"synchronize_session": False})
    return 0


_STEPS: tuple[Step, ...] = (_runs, _entries, _images, _findings, _links, _changes, _rest)
