"""Alembic's environment: runs on the connection that ``app.db.migrate`` hands over, or on MIWAKE_DATABASE_URL."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

import app.db.count_models
import app.db.diary_models
import app.db.feature_models
import app.db.health_models
import app.db.models
import app.db.opinion_models
import app.db.run_models
import app.db.version_models  # noqa: F401 - fills the metadata
from app.config import Settings
from app.db.base import Base, Utc
from app.db.session import make_engine


def run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        settings = Settings.from_env()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with make_engine(settings.database).connect() as connection:
            run_on(connection)
            connection.commit()
    else:
        run_on(connection)


def run_on(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our column types as SQLAlchemy's own: a migration must not change when our code does."""
    if kind == "type" and isinstance(item, Utc):
        return "sa.DateTime(timezone=True)"
    return False


run()
