"""The migrations make exactly the tables of the models, on both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

import app.db.run_models  # noqa: F401 - fills the metadata
from app.db.migrate import alembic_config, upgrade
from app.db.session import Database
from app.domain.errors import AppError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FIRST_ROWS: dict[str, dict[str, Any]] = {
    "project": {"id": 1, "slug": "p", "name": "P", "description": "", "created_at": NOW, "next_run_number": 2}
    | {"next_import_number": 1},
    "label_class": {"id": 1, "project_id": 1, "name": "a", "name_key": "a", "color": "#000000", "key": "1"}
    | {"position": 0, "created_at": NOW},
    "image": {"id": 1, "project_id": 1, "sha256": "0" * 64, "canonical_sha256": "0" * 64, "class_id": 1}
    | {"thumbnail_sha256": "0" * 64, "name": "Ａ 012.png", "path": "a.png", "width": 1, "height": 1}
    | {
        "file_format": "PNG",
        "file_bytes": 1,
        "conversion": {},
        "label_version": 1,
        "split_source": "",
        "state": "active",
        "created_at": NOW,
    },
    "change_set": {"id": 1, "project_id": 1, "request_id": "r", "source": "label", "actor": "mika", "image_count": 1}
    | {"created_at": NOW},
    "label_event": {"id": 1, "change_set_id": 1, "image_id": 1, "version": 1, "after_id": 1},
    "job": {"id": 1, "project_id": 1, "kind": "train", "lane": "gpu", "spec": {}, "priority": 0, "needs": ""}
    | {"state": "done", "attempt": 1, "max_attempts": 3, "keep_best": False, "progress": {}, "result": {}}
    | {"error_params": {}, "created_at": NOW},
    "run": {"id": 1, "project_id": 1, "number": 1, "name": "", "kind": "kfold", "recipe": {}, "job_id": 1}
    | {"label_watermark": 1, "environment": {}, "note": "", "actor": "mika", "created_at": NOW},
    "run_item": {"id": 1, "run_id": 1, "image_id": 1, "canonical_sha256": "0" * 64, "label": 0, "label_version": 1}
    | {"split": "train"},
}


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


def test_upgrade__keeps_the_rows_of_the_first_version(any_database):
    """SQLite makes some tables anew to change them, and must not stumble over rows that refer to each other."""
    config = alembic_config()
    with any_database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        old = sa.MetaData()
        old.reflect(connection)
        for name, values in FIRST_ROWS.items():
            connection.execute(old.tables[name].insert().values(values))
    upgrade(any_database)
    check(any_database)
    with any_database.engine.connect() as connection:
        for name in FIRST_ROWS:
            assert connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar() == 1, name
        assert connection.execute(sa.text("SELECT note, skipped, label_version FROM image")).one() == ("", False, 1)
        assert connection.execute(sa.text("SELECT name_order FROM image")).scalar() == "a 0212.png"


def test_upgrade__refuses_a_newer_database(any_database):
    with any_database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AppError) as caught:
        upgrade(any_database)
    assert caught.value.code == "database_newer"
    with any_database.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"


@pytest.mark.slow
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
