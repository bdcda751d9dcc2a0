"""Brings a database to the newest schema; the same call for start-up, commands and tests."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from app.db.session import Database, is_damage
from app.domain.errors import AppError

LOCK = 8124  # number of our advisory lock in PostgreSQL
FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config() -> Config:
    """Alembic's settings without a file of their own."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """All revisions of this program, and the newest."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return frozenset(script.revision for script in scripts.walk_revisions()), frozenset(scripts.get_heads())


def upgrade(database: Database) -> None:
    """Run the missing migrations in one transaction.

    Raises:
        AppError: the database was written by a newer version of the program, or its file is damaged.
    """
    try:
        _upgrade(database)
    except DatabaseError as error:
        if not is_damage(error):
            raise
        raise AppError("database_damaged", file=str(database.engine.url.database)) from None


def _upgrade(database: Database) -> None:
    known, heads = _revisions()
    with database.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
        if connection.dialect.name == "postgresql":  # web and workers may start at the same moment
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        present = MigrationContext.configure(connection).get_current_heads()
        if not set(present) <= known:
            raise AppError("database_newer", revision=", ".join(present))
        if set(present) == heads:
            return
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def at_head(database: Database) -> bool:
    """True when the database has the newest schema that this program knows."""
    with database.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    return set(present) == _revisions()[1]
