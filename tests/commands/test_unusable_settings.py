"""Settings that cannot be used: one sentence without any password, exit code 3, and nothing is opened before."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.commands import line
from app.commands.common import Exit
from app.config import Settings, child_environment
from app.db.session import Database
from tests.conftest import ROOT

SERVERS = ("serve", "web", "worker")
SECRET = "CANARY"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that is not there yet, and any free port."""
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MIWAKE_PORT", "0")
    return tmp_path / "data"


@pytest.mark.parametrize("command", SERVERS)
@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("DATABASE_URL", "nonsense", "postgresql+psycopg://NAME:PASSWORD@HOST/DATABASE"),
        ("DATABASE_URL", f"mysql://lab:{SECRET}@host/db", "sqlite:////FOLDER/FILE"),
        ("DATABASE_URL", f"postgresql+psycopg2://lab:{SECRET}@host/db", "postgresql+psycopg://"),
        ("DATABASE_URL", f"postgresql://lab:{SECRET}@host:port/db", "postgresql+psycopg://"),
        ("DATABASE_URL", f"postgresql://lab:{SECRET}@ss@host/db", "%40 for @"),
        ("DATABASE_URL", "sqlite://", "sqlite:////FOLDER/FILE"),
        ("DATABASE_URL", "sqlite:///:memory:", "sqlite:////FOLDER/FILE"),
        ("STORAGE_URL", "/tmp/foo", "file:///FOLDER"),
        ("STORAGE_URL", f"ftp://lab:{SECRET}@host/x", "s3://BUCKET"),
        ("STORAGE_URL", "s3://", "s3://BUCKET"),
        ("STORAGE_URL", "file://folder/of/mine", "file:///FOLDER"),
        ("BROKER_URL", "foo://x", "redis://:PASSWORD@HOST:6379/0"),
        ("BROKER_URL", "nonsense", "memory://"),
        ("BROKER_URL", f"redis://:{SECRET}@host:port/0", "rediss://"),
        ("BROKER_URL", f"redis://:a/{SECRET}@host/0", "%40 for @"),
        ("BROKER_URL", f"redis://:{SECRET}@host/jobs", "redis://"),
    ],
)
def test_servers__refuse_an_address_in_one_sentence(command, name, value, part, data_dir, monkeypatch, capsys):
    monkeypatch.setenv(f"MIWAKE_{name}", value)
    assert line.main([command]) == Exit.UNUSABLE
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n"), SECRET in said.err) == ("", 1, False), said.err
    assert said.err.startswith(f"MIWAKE_{name} is no address")
    assert part in said.err
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PORT", "abc", "must be a whole number"),
        ("WORKER_CPU_SLOTS", "1.5", "must be a whole number"),
        ("LEASE_SECONDS", "soon", "must be a number"),
        ("LEASE_SECONDS", "nan", "must be a number"),
        ("ANSWER_SECONDS", "inf", "must be a number"),
        ("MAX_FILE_MB", "-3", "must be at least 1"),
        ("MAX_ZIP_MB", "0", "must be at least 1"),
        ("MAX_QUEUED", "-1", "must be at least 0"),
        ("LEASE_SECONDS", "-0.5", "must be at least 0"),
        ("LOG_LEVEL", "LOUD", "must be one of: "),
    ],
)
def test_serve__refuses_a_value_in_one_sentence(name, value, part, monkeypatch, capsys):
    monkeypatch.setenv(f"MIWAKE_{name}", value)
    assert line.main(["serve"]) == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert said.startswith(f"The setting MIWAKE_{name} is “{value}”, but it {part}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", SERVERS)
def test_servers__name_the_folder_of_a_store_that_cannot_be_made(command, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MIWAKE_STORAGE_URL", f"file://{tmp_path}/file/store")
    assert line.main([command]) == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert said.startswith(f"The folder of the store {tmp_path}/file/store cannot be made (Not a directory).")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("WORKER_CPU_SLOTS", "many", "must be a whole number"),
        ("STORAGE_URL", "file:///proc/no/store", "cannot be made"),
    ],
)
def test_worker__started_directly_says_it_in_one_sentence(name, value, part, data_dir):
    environ = {**child_environment(), "MIWAKE_DATA_DIR": str(data_dir), f"MIWAKE_{name}": value}
    data_dir.mkdir()
    done = subprocess.run(  # noqa: PLW1510 - its end is what is looked at
        [sys.executable, "-m", "worker"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr.count("\n")) == (Exit.UNUSABLE, 1), done.stderr
    assert part in done.stderr


@pytest.mark.parametrize("command", SERVERS)
def test_servers__name_the_file_that_is_no_database(command, data_dir, capsys):
    data_dir.mkdir()
    file = data_dir / "miwake.sqlite3"
    file.write_bytes(b"no database at all " * 500)
    assert line.main([command]) == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert said.startswith(f"The file {file} is no database of SQLite, or it is damaged.")
    assert (said.count("\n"), "backup" in said) == (1, True)
    assert file.read_bytes() == b"no database at all " * 500


def test_serve__names_the_file_that_is_damaged_behind_its_first_lines(data_dir, empty_sqlite, capsys):
    data_dir.mkdir()
    whole = bytearray(empty_sqlite.read_bytes())
    whole[100:4096] = b"\xff" * 3996
    (data_dir / "miwake.sqlite3").write_bytes(whole)
    assert line.main(["serve"]) == Exit.UNUSABLE
    assert "or it is damaged" in capsys.readouterr().err


def test_migrate_storage__refuses_an_address_by_the_name_of_its_option(capsys):
    assert line.main(["migrate-storage", "--to-database", f"mysql://u:{SECRET}@h/d"]) == Exit.UNUSABLE
    assert line.main(["migrate-storage", "--to-storage", "/tmp/foo"]) == Exit.UNUSABLE
    database, storage = capsys.readouterr().err.splitlines()
    assert (database.startswith("--to-database is no"), storage.startswith("--to-storage is no")) == (True, True)
    assert SECRET not in database


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "sqlite:///here.sqlite3"),
        ("DATABASE_URL", "sqlite:////folder/a b/細胞.sqlite3"),
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_URL", "postgresql+psycopg:///miwake?host=/run/postgresql"),
        (
            "DATABASE_URL",
            "postgresql+psycopg://u:p%40/#w@db.lab:5432/miwake?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        ),
        ("DATABASE_URL", "postgresql://u:p@[::1]:5432/miwake"),
        ("DATABASE_URL", "postgresql://u:[＠@host/db"),
        ("STORAGE_URL", ""),
        ("STORAGE_URL", "s3://bucket"),
        ("STORAGE_URL", "s3://bucket.of.lab/a/b"),
        ("STORAGE_URL", "file:///folder/a%20b"),
        ("BROKER_URL", "memory://"),
        ("BROKER_URL", "redis://"),
        ("BROKER_URL", "redis://127.0.0.1:6379/0"),
        ("BROKER_URL", "rediss://name:p%40ss%2F@broker.lab:6380/11"),
    ],
)
def test_settings__take_every_address_that_can_be_used(name, value):
    assert getattr(Settings.from_env({f"MIWAKE_{name}": value}), name.lower()) == value


@pytest.mark.parametrize("password", ["plain", "a/b", "#1", "a?b", "[", "a:b", "％"])
def test_settings__no_log_shows_the_password_of_the_database(password):
    address = f"postgres://lab:{password}@host/db"
    assert sa.make_url(address).password == password
    assert Settings(database_url=address).masked(f"cannot open {address}") == "cannot open postgres://lab:***@host/db"
    assert Settings(database_url="sqlite:////folder/a:b@c/miwake.sqlite3").secrets == ()


def test_versions__a_database_that_is_damaged_where_it_is_read_only_now(data_dir, empty_sqlite, capsys):
    data_dir.mkdir()
    whole = bytearray(empty_sqlite.read_bytes())
    with sqlite3.connect(empty_sqlite) as plain:
        (page,) = plain.execute("SELECT rootpage FROM sqlite_master WHERE name = 'project'").fetchone()
        (size,) = plain.execute("PRAGMA page_size").fetchone()
    whole[(page - 1) * size : page * size] = b"\xff" * size
    (data_dir / "miwake.sqlite3").write_bytes(whole)
    assert line.main(["versions", "cells"]) == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert (said.startswith("The database cannot be used: "), said.count("\n")) == (True, 1), said


@pytest.mark.postgres
def test_settings__the_short_name_of_postgresql_opens_the_same_database(postgres_url):
    rest = sa.make_url(postgres_url).render_as_string(hide_password=False).partition("://")[2]
    database = Database(Settings.from_env({"MIWAKE_DATABASE_URL": f"postgres://{rest}"}).database)
    with database.read() as session:
        assert session.scalar(sa.text("SELECT 1")) == 1
    assert database.engine.driver == "psycopg"
    database.dispose()
