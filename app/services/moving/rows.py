"""All rows of one database into another, SQLite or PostgreSQL, in one transaction.

What only says how the moment is (signs of life, leases, when a message was sent) stays behind.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.db import (  # noqa: F401 - all tables
    count_models,
    diary_models,
    feature_models,
    health_models,
    models,
    opinion_models,
    run_models,
    version_models,
)
from app.db.base import Base
from app.db.session import Database
from app.domain.errors import AppError, Conflict
from app.services import jobs

CHUNK = 1000
_COUNTS = (
    *(models.ImageCount, count_models.ImageBlock, count_models.ImageKind),
    *(count_models.FactCount, count_models.ImageStamp, count_models.FindingTally),
)
# The target keeps its counts itself.
BEHIND = {run_models.Worker.__tablename__, *(table.__tablename__ for table in _COUNTS)}
MOMENT = {run_models.Job.__tablename__: ("owner", "lease_until", "sent_at")}
Row = dict[str, Any]


@dataclass(frozen=True)
class TableProof:
    """A table in one database: how many rows, and the SHA-256 of all their values in the order of their keys."""

    name: str
    count: int
    digest: str


def tables() -> list[sa.Table]:
    """What is moved, referred tables first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in BEHIND]


def refuse_busy(database: Database) -> None:
    """Raises Conflict when a job runs or a worker is alive: the copy would be one of no moment that ever was."""
    with database.read() as session:
        active = session.scalar(sa.select(sa.func.count()).where(run_models.Job.state.in_(jobs.ACTIVE))) or 0
        names = ", ".join(worker.name for worker in jobs.workers_alive(session))
    if names:
        raise Conflict("move_workers", workers=names)
    if active:
        raise Conflict("move_jobs", count=active)


def is_empty(database: Database) -> bool:
    """True when there is no row in any table that is moved."""
    with database.engine.connect() as connection:
        return not any(connection.scalar(sa.select(sa.exists(sa.select(table)))) for table in tables())


def copy(source: Database, target: Database) -> None:
    """Copy all rows; the target, which must be empty, has all of them afterwards or none."""
    with (
        _snapshot(source) as reading,
        target.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as writing,
    ):
        for table in tables():
            _copy_table(reading, writing, table)
        for table in tables():
            _set_sequence(reading, writing, table)


def proof(database: Database) -> list[TableProof]:
    """Counts and hashes of all tables; two databases with equal ones hold the same."""
    with _snapshot(database) as connection:
        return [_proof(connection, table) for table in tables()]


def _snapshot(database: Database) -> Any:
    """A transaction that sees one state of the database however long it lasts."""
    engine = database.engine
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    return engine.begin()


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[Row]:
    """The rows in the order of their keys, without what belongs to the moment."""
    forgotten = dict.fromkeys(MOMENT.get(table.name, ()))
    query = sa.select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=CHUNK).execute(query).mappings():
        yield {**row, **forgotten}


def _copy_table(reading: sa.Connection, writing: sa.Connection, table: sa.Table) -> None:
    own = _own_references(table)
    later: list[Row] = []
    chunk: list[Row] = []
    for row in _rows(reading, table):
        if any(row[name] is not None for name in own):  # it may point to a row that is not there yet
            later.append({f"_{name}": row[name] for name in (*own, *_key(table))})
            row.update(dict.fromkeys(own))
        chunk.append(row)
        if len(chunk) == CHUNK:
            writing.execute(sa.insert(table), chunk)
            chunk = []
    if chunk:
        writing.execute(sa.insert(table), chunk)
    if later:
        where = [table.c[name] == sa.bindparam(f"_{name}") for name in _key(table)]
        values: Row = {name: sa.bindparam(f"_{name}") for name in own}
        writing.execute(sa.update(table).where(*where).values(values), later)


def _own_references(table: sa.Table) -> list[str]:
    """Columns that point to another row of the same table."""
    return [key.parent.name for key in table.foreign_keys if key.column.table is table]


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _set_sequence(reading: sa.Connection, writing: sa.Connection, table: sa.Table) -> None:
    """Let new rows get ids that no row ever had, deleted ones included."""
    column = table.autoincrement_column
    if column is None:
        return
    top = max(writing.scalar(sa.select(sa.func.max(column))) or 0, _last_id(reading, table, column))
    if not top:
        return
    if writing.dialect.name == "postgresql":
        name = sa.func.pg_get_serial_sequence(table.name, column.name)
        writing.execute(sa.select(sa.func.setval(name, top)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        writing.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        writing.execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :top)"), {"name": table.name, "top": top}
        )


def _last_id(reading: sa.Connection, table: sa.Table, column: sa.Column[Any]) -> int:
    if reading.dialect.name == "postgresql":
        name = reading.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
        query = sa.text("SELECT coalesce(pg_sequence_last_value(CAST(:name AS regclass)), 0)")
        return int(reading.scalar(query, {"name": name}) or 0) if name else 0
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return 0
    found = reading.scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    return int(found or 0)


def _proof(connection: sa.Connection, table: sa.Table) -> TableProof:
    digest, count = hashlib.sha256(), 0
    for row in _rows(connection, table):
        digest.update(json.dumps(row, sort_keys=True, default=_plain, ensure_ascii=True).encode() + b"\n")
        count += 1
    return TableProof(table.name, count, digest.hexdigest())


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


def compare(source: list[TableProof], target: list[TableProof]) -> None:
    """Raises AppError naming the first table that differs."""
    for before, after in zip(source, target, strict=True):
        if before != after:
            raise AppError("move_differs", table=before.name, before=before.count, after=after.count)
