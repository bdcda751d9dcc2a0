"""Rows that contradict other rows: broken keys, runs, labels, imports. Only SELECTs, the same on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import Base, utc_now
from app.db.models import Image, ImportBatch, ImportEntry, LabelEvent, Project
from app.db.run_models import Checkpoint, EpochMetric, Prediction, Run, RunClass, RunFold, RunItem
from app.db.run_models import Job as JobRow
from app.db.session import Database
from app.domain.enums import EntryVerdict, JobState, PredictionRole
from app.services import maintenance, projects
from app.services.checks.found import Found

MOST = 200  # findings of one kind: a thousand of them say no more


def database(session: Session) -> Iterator[Found]:
    """Damage that the database itself can see: its pages, indexes and foreign keys."""
    if session.get_bind().dialect.name == "sqlite":
        for (text,) in session.execute(sa.text("PRAGMA integrity_check(100)")):
            if text != "ok":
                yield Found("check_database_damaged", {"reason": text})
        for table, row, parent, _number in session.execute(sa.text("PRAGMA foreign_key_check")).fetchmany(MOST):
            yield Found("check_key_broken", {"table": table, "row": row, "parent": parent})
        return
    for name in session.scalars(sa.text("SELECT conname FROM pg_constraint WHERE NOT convalidated")):
        yield Found("check_database_damaged", {"reason": f"constraint {name}"})
    for name in session.scalars(sa.text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")):
        yield Found("check_database_damaged", {"reason": f"index {name}"})
    for table in Base.metadata.sorted_tables:  # every page is read: one that is damaged fails here
        session.execute(sa.select(sa.func.count()).select_from(table))
    yield from _broken_keys(session)


def _broken_keys(session: Session) -> Iterator[Found]:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            other = key.column.table.alias("other")
            lost = sa.select(*table.primary_key.columns).where(
                key.parent.is_not(None), ~sa.exists().where(other.c[key.column.name] == key.parent)
            )
            for row in session.execute(lost.limit(MOST)):
                params: dict[str, object] = {
                    "table": table.name,
                    "row": ", ".join(map(str, row)),
                    "parent": key.column.table.name,
                }
                yield Found("check_key_broken", params)


def runs(session: Session) -> Iterator[Found]:
    """Trainings that are done and have no models, no images, no epochs or not all predictions; models without runs.

    One that was to keep its best need not have trained all of its models.
    """
    done = sa.select(Run.id).join(JobRow, JobRow.id == Run.job_id).where(JobRow.state == JobState.DONE)
    of = (Project.name, Run.number)
    base = sa.select(Run.id, *of).join(Project, Project.id == Run.project_id).where(Run.id.in_(done), projects.ALIVE)
    kept = sa.exists().where(JobRow.id == Run.job_id, JobRow.keep_best)
    missing = sa.exists().where(RunFold.run_id == Run.id, RunFold.weights_sha256.is_(None))
    there = sa.exists().where(RunFold.run_id == Run.id, RunFold.weights_sha256.is_not(None))
    yield from _runs(session, base.where(sa.or_(sa.and_(missing, ~kept), ~there)), "check_run_weights")
    yield from _runs(session, base.where(~sa.exists().where(RunFold.run_id == Run.id)), "check_run_models")
    yield from _runs(session, base.where(~sa.exists().where(RunItem.run_id == Run.id)), "check_run_images")
    yield from _runs(session, base.where(~sa.exists().where(EpochMetric.run_id == Run.id)), "check_run_epochs")
    classes = sa.select(sa.func.count()).where(RunClass.run_id == Run.id).scalar_subquery()
    yield from _runs(session, base.where(classes < 2), "check_run_classes")
    judged = Prediction.run_id == Run.id, Prediction.role == PredictionRole.VALIDATION
    have = sa.select(sa.func.count()).where(*judged).scalar_subquery()
    trained = RunFold.run_id == Run.id, RunFold.weights_sha256.is_not(None)
    want = sa.select(sa.func.sum(RunFold.validation_count)).where(*trained).scalar_subquery()
    yield from _runs(session, base.where(have != sa.func.coalesce(want, 0)), "check_run_predictions")


def _runs(session: Session, query: Any, code: str) -> Iterator[Found]:
    for _run_id, project, number in session.execute(query.limit(MOST)):
        yield Found(code, {"project": project, "run": number})


def checkpoints(session: Session, database: Database) -> Iterator[Found]:
    """Saved states of trainings that are done: room that nobody needs."""
    query = (
        sa.select(Project.name, Run.number, Checkpoint.fold, Checkpoint.run_id)
        .join(Run, Run.id == Checkpoint.run_id)
        .join(Project, Project.id == Run.project_id)
        .join(JobRow, JobRow.id == Run.job_id)
        .where(JobRow.state == JobState.DONE)
    )
    for project, number, fold, run_id in session.execute(query.limit(MOST)):

        def forget(run_id: int = run_id, fold: int = fold) -> bool:
            return maintenance.forget_state(database, run_id, fold)

        yield Found("check_state_left", {"project": project, "run": number, "fold": fold + 1}, forget)


def labels(session: Session) -> Iterator[Found]:
    """The history of each image must lead, step by step and without a gap, to the label that it has."""
    before = sa.func.lag(LabelEvent.after_id).over(partition_by=LabelEvent.image_id, order_by=LabelEvent.version)
    place = sa.func.row_number().over(partition_by=LabelEvent.image_id, order_by=LabelEvent.version)
    steps = sa.select(
        LabelEvent.image_id, LabelEvent.version, LabelEvent.before_id, before.label("was"), place.label("place")
    ).subquery()
    torn = sa.or_(steps.c.place != steps.c.version, steps.c.before_id.is_distinct_from(steps.c.was))
    query = sa.select(steps.c.image_id, Image.name).distinct().join(Image, Image.id == steps.c.image_id).where(torn)
    for image_id, name in session.execute(query.limit(MOST)):
        yield Found("check_history_torn", {"image": image_id, "name": name})
    last = sa.select(LabelEvent.image_id, LabelEvent.after_id, LabelEvent.version).subquery()
    newest = sa.and_(last.c.image_id == Image.id, last.c.version == Image.label_version)
    differs = sa.or_(
        sa.and_(Image.label_version > 0, last.c.version.is_(None)),
        Image.class_id.is_distinct_from(last.c.after_id),
        sa.exists().where(LabelEvent.image_id == Image.id, LabelEvent.version > Image.label_version),
    )
    for image_id, name in session.execute(
        sa.select(Image.id, Image.name).outerjoin(last, newest).where(differs).order_by(Image.id).limit(MOST)
    ):
        yield Found("check_label_differs", {"image": image_id, "name": name})


def imports(session: Session) -> Iterator[Found]:
    """Imports whose counts are not those of their files."""
    counts = {EntryVerdict.REFUSED: ImportBatch.refused_count, EntryVerdict.DUPLICATE: ImportBatch.duplicate_count}
    for verdict, column in counts.items():
        same = ImportEntry.import_id == ImportBatch.id, ImportEntry.verdict == verdict
        number = sa.select(sa.func.count()).where(*same).scalar_subquery()
        query = sa.select(Project.name, ImportBatch.number).join(Project, Project.id == ImportBatch.project_id)
        wrong = query.where(ImportBatch.finished, column != number)
        for project, found in session.execute(wrong.limit(MOST)):
            yield Found("check_import_counts", {"project": project, "number": found})


def clock(session: Session) -> Iterator[Found]:
    """Times that lie ahead: a clock was set back, and what is sorted by time may look out of order."""
    ahead = utc_now() + timedelta(hours=1)
    number = session.scalar(sa.select(sa.func.count()).select_from(JobRow).where(JobRow.created_at > ahead)) or 0
    if number:
        yield Found("check_clock", {"count": number})
