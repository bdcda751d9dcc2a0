"""The migrations make exactly the tables of the models, on both databases."""

import pytest
import sqlalchemy as sa
from alembic import command

import app.db.run_models  # noqa: F401 - fills the metadata
from app.db.migrate import alembic_config, upgrade
from app.db.session import Database
from app.domain.errors import AppError


def check(database: Database) -> None:
    """Fail when a new migration would change anything."""
    config = alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_upgrade__gives_the_tables_of_the_models(any_database):
    check(any_database)


def test_upgrade__twice_changes_nothing(any_database):
    upgrade(any_database)
    check(any_database)


def test_upgrade__refuses_a_newer_database(any_database):
    with any_database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AppError) as caught:
        upgrade(any_database)
    assert caught.value.code == "database_newer"
    with any_database.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_downgrade__removes_everything(database):
    config = alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
    upgrade(database)
    check(database)


def test_sqlite__keeps_what_it_acknowledged(database):
    with database.read() as session:
        values = {
            name: session.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
