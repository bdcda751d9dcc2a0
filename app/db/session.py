"""Connections and transactions, the same way for SQLite and PostgreSQL.

SQLite runs in WAL mode with ``synchronous=FULL`` (acknowledged writes survive a power cut), and every transaction that
writes begins with ``BEGIN IMMEDIATE``: a transaction that reads first and then writes would otherwise fail with
"database is locked" whenever another one wrote in between, and no time-out helps against that.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from app.db.clock import host_seconds
from app.db.together import Together
from app.domain.errors import Unusable

AFTER_COMMIT = "after_commit"
T = TypeVar("T")


class db_now(FunctionElement[float]):  # noqa: N801 - reads like a function in queries, as SQLAlchemy's own do
    """Seconds by the clock of the database: of its server, or of the machine for SQLite; only good for differences."""

    type = sa.Float()
    inherit_cache = True
    name = "db_now"


@compiles(db_now, "sqlite")
def _sqlite_now(_element: Any, _compiler: Any, **_kw: Any) -> str:
    return "host_seconds()"


@compiles(db_now, "postgresql")
def _postgresql_now(_element: Any, _compiler: Any, **_kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


# A network that swallows everything must not hold a worker for the quarter of an hour that TCP would wait: it could do
# nothing else until then. Seconds, but tcp_user_timeout is in milliseconds; a slow query is not meant by any of these.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


_PATIENCE_SQLITE = 15  # seconds for the lock


def make_engine(url: str) -> sa.Engine:
    """An engine for ``url`` with the settings the whole product relies on."""
    if sa.make_url(url).get_backend_name() != "sqlite":
        engine = sa.create_engine(url, connect_args=_PATIENCE, pool_pre_ping=True, pool_size=10, max_overflow=20)
        event.listen(engine, "handle_error", _refuse_unusable)
        return engine
    engine = sa.create_engine(url, connect_args={"timeout": _PATIENCE_SQLITE}, pool_size=10, max_overflow=20)
    event.listen(engine, "handle_error", _refuse_unusable)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours
        connection.create_function("host_seconds", 0, host_seconds)
        for pragma in (
            f"busy_timeout={1000 * _PATIENCE_SQLITE}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    _one_asks_for_the_lock(engine)
    return engine


def _one_asks_for_the_lock(engine: sa.Engine) -> None:
    """Begin transactions of SQLite; of those that write only one at a time asks for the lock, the others stand behind.

    SQLite asks again after sleeps that grow to a tenth of a second. Among many that come and go, one that sleeps can
    find the lock taken each time until its patience ends.
    """
    front = threading.Lock()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        how = connection.get_execution_options().get("sqlite_begin", "BEGIN")
        if how == "BEGIN":
            connection.exec_driver_sql(how)
            return
        at_front = front.acquire(timeout=_PATIENCE_SQLITE)  # whoever waited so long asks beside the others
        try:
            connection.exec_driver_sql(how)
        finally:
            if at_front:
                front.release()


def _refuse_unusable(context: sa.engine.ExceptionContext) -> None:
    """A number of a hundred digits, half a letter or a NUL came from outside and not from us: no crash, a refusal.

    The drivers say so by errors of different kinds, two of which SQLAlchemy does not know.
    """
    if isinstance(context.sqlalchemy_exception, sa.exc.DataError) or isinstance(
        context.original_exception, OverflowError | UnicodeEncodeError
    ):
        raise Unusable("value_unusable") from context.original_exception


def is_damage(error: sa.exc.DatabaseError) -> bool:
    """True when the file of SQLite is none, or is no longer what SQLite has written."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def _anybody(_session: Session) -> None:
    """Everything may be written."""


class Database:
    """Gives out sessions; the only way to the tables."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)
        self._write_engine = self.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        self._together = Together(self._write_engine) if self.engine.dialect.name == "sqlite" else None
        self._may_write: Callable[[Session], None] = _anybody

    def guarded(self, may_write: Callable[[Session], None]) -> "Database":
        """The same database through the same connections; every transaction that writes first calls ``may_write``.

        What that raises ends the transaction before anything is written.
        """
        other = copy(self)
        other._may_write = may_write
        return other

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            try:
                yield session
            finally:
                session.expunge_all()  # a rollback empties the objects it still knows; what was read stays readable
                session.rollback()

    @contextmanager
    def write(self, *, snapshot: bool = False) -> Iterator[Session]:
        """A transaction: committed at the end, rolled back on any error, then the after-commit calls are made.

        Nothing is acknowledged before this has returned. ``snapshot``: all its statements see one state of the
        database, on PostgreSQL too; it may then fail because another one wrote the same rows meanwhile.
        """
        engine = self._write_engine
        if snapshot and engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with Session(engine, expire_on_commit=False) as session:
            try:
                self._may_write(session)
                yield session
                session.commit()
            except BaseException:
                session.rollback()  # a failed commit leaves the pooled connection inside its transaction otherwise
                raise
        _call(session)

    def write_together(self, work: Callable[[Session], T]) -> T:
        """What ``work`` returns, once it is durable: for small writes that many people send at the same time.

        On SQLite those that come at the same time share a transaction (``app.db.together``); an error of one of them
        takes back its own rows only. ``work`` neither commits nor rolls back. PostgreSQL does all this by itself.
        """
        if self._together is None:
            with self.write() as session:
                return work(session)

        def guarded(session: Session) -> T:
            self._may_write(session)
            return work(session)

        result, session = self._together.do(guarded)
        _call(session)
        return result

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _call(session: Session) -> None:
    for call in session.info.pop(AFTER_COMMIT, []):
        call()


def is_writing(session: Session) -> bool:
    """True in a transaction that may write: what it sees may never become durable."""
    return "sqlite_begin" in session.get_bind().get_execution_options()


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Have ``call`` made once the transaction of ``session`` is durable; never when it is rolled back."""
    session.info.setdefault(AFTER_COMMIT, []).append(call)
