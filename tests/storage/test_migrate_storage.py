"""Moving an installation: SQLite and a folder to PostgreSQL and S3, and back; broken off, damaged, refused."""

import dataclasses
import json
import os

import pytest
import sqlalchemy as sa

from app.commands import folder, line, migrate_storage
from app.commands.common import Exit
from app.commands.migrate_storage import Wish
from app.config import Settings
from app.db.models import ChangeSet, Image
from app.db.run_models import EpochMetric, Job, Run
from app.db.session import Database
from app.domain.enums import JobKind, LabelSource, Lane
from app.domain.errors import AppError, Conflict
from app.services import jobs, label_undo, labels
from app.services.moving import blobs, rows
from app.storage import LocalStore, open_store
from app.storage.bucket import ObjectStore
from tests.inspect import factory

pytestmark = pytest.mark.slow


@pytest.fixture
def installation(settings: Settings, database: Database, store: LocalStore) -> Settings:
    """Images, labels with a change that was taken back, a finished run, a queued job, a zip that waits."""
    with database.write() as session:
        made = factory.project(session, store)
        factory.run(session, store, made, folds=3)
        last = factory.run(session, store, made, folds=0)
        session.flush()
        session.execute(sa.delete(EpochMetric).where(EpochMetric.run_id == last.id))  # their ids are never given again
        first = made.train[0]
        change = labels.LabelChange(first.id, made.classes[1].id, first.label_version)
        source, actor = LabelSource.GALLERY, "tester"
        labels.assign(session, made.project.id, [change], source=source, actor=actor, request_id="a")
    with database.write() as session:
        label_undo.undo(session, made.project.id, None, actor="tester", request_id="b")
        job = jobs.create(session, project_id=made.project.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={"run_id": 1})
        job.sent_at = 123.0
        jobs.heartbeat(session, "gone:1", {})
        jobs.sign_off(session, "gone:1")
    store.put_upload("import-1-aaaaaaaa.zip", b"PK" * 1000)
    return settings


@pytest.fixture
def grown(postgres_database: Database, bucket_settings: Settings) -> Settings:
    """PostgreSQL and a bucket, empty."""
    url = postgres_database.engine.url.render_as_string(hide_password=False)
    return dataclasses.replace(bucket_settings, database_url=url)


def with_keys(settings: Settings, target: Settings) -> Settings:
    """The old settings with the keys of the new bucket, as the environment of the command has them."""
    return dataclasses.replace(
        settings, s3_endpoint=target.s3_endpoint, s3_key_id=target.s3_key_id, s3_secret=target.s3_secret
    )


def proof(settings: Settings) -> list[rows.TableProof]:
    database = Database(settings.database)
    try:
        return rows.proof(database)
    finally:
        database.dispose()


def listed(store) -> set[tuple[str, int]]:
    return {(entry.digest, entry.size) for entry in store.entries()} | {
        (upload.name, upload.size) for upload in store.uploads()
    }


@pytest.mark.postgres
@pytest.mark.s3
def test_move__to_postgresql_and_s3_and_back(installation, grown, store, tmp_path, capsys):
    here = with_keys(installation, grown)
    wish = Wish(database=grown.database_url, storage=grown.storage_url, verify=True)
    assert migrate_storage.run(here, wish) == Exit.OK
    said = capsys.readouterr().out
    assert "the same in both databases by count and SHA-256" in said
    bucket = ObjectStore(grown.store_address)
    assert listed(bucket) == listed(store)
    assert len(listed(store)) > 40
    assert proof(grown) == proof(installation)
    assert {table.name: table.count for table in proof(grown)}["epoch_metric"] > 0
    back = dataclasses.replace(here, database_url="", storage_url="", data_dir=tmp_path / "back")
    there = dataclasses.replace(grown, data_dir=tmp_path / "there")
    assert migrate_storage.run(there, Wish(database=back.database, storage=back.storage, verify=True)) == Exit.OK
    assert proof(back) == proof(installation)
    assert listed(open_store(back.store_address)) == listed(store)


def new_ids(settings: Settings) -> dict[str, int]:
    """Add a row to some tables; by hand nothing is set that the database gives."""
    database = Database(settings.database)
    with database.write() as session:
        run = session.scalars(sa.select(Run).order_by(Run.id)).first()
        assert run is not None
        project_id = run.project_id
        job = jobs.create(session, project_id=project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={})
        change = ChangeSet(project_id=project_id, request_id="new", source="grid", actor="x", image_count=0)
        epoch = factory.add_epoch(session, run, 0, 99)
        session.add_all([change, epoch])
        session.flush()
        made = {"job": job.id, "change": change.id, "epoch": epoch.id}
    database.dispose()
    return made


@pytest.mark.postgres
@pytest.mark.s3
def test_move__new_rows_get_the_ids_that_they_would_have_got(installation, grown):
    migrate_storage.run(with_keys(installation, grown), Wish(grown.database_url, grown.storage_url))
    assert new_ids(grown) == new_ids(installation)


@pytest.mark.postgres
def test_move__only_the_database_and_what_belongs_to_the_moment_stays(installation, postgres_database, database):
    url = postgres_database.engine.url.render_as_string(hide_password=False)
    migrate_storage.run(installation, Wish(database=url))
    with postgres_database.read() as session:
        (queued,) = session.scalars(sa.select(Job).where(Job.kind == JobKind.EXPLAIN))
        assert (queued.state, queued.sent_at, queued.owner, queued.lease_until) == ("queued", None, None, None)
        undone = session.scalars(sa.select(ChangeSet).where(ChangeSet.undone_by_id.is_not(None))).one()
        assert session.get_one(ChangeSet, undone.undone_by_id).undoes_id == undone.id
    assert migrate_storage.run(installation, Wish(database=url)) == Exit.OK, "a second time proves it again"
    with database.write() as session:
        session.execute(sa.update(Image).values(name="other"))
    with pytest.raises(Conflict) as refused:
        migrate_storage.run(installation, Wish(database=url))
    assert refused.value.code == "move_target_used"


@pytest.mark.s3
def test_move__broken_off_is_gone_on_with(installation, bucket_settings, store, monkeypatch, capsys):
    here = with_keys(installation, bucket_settings)
    wish = Wish(storage=bucket_settings.storage_url, verify=True, json=True)
    monkeypatch.setattr(blobs, "AT_ONCE", 8)
    real = ObjectStore.put
    sent: list[bytes] = []

    def put(self, data):
        if len(sent) == 20:
            raise KeyboardInterrupt
        sent.append(data)
        return real(self, data)

    monkeypatch.setattr(ObjectStore, "put", put)
    with pytest.raises(KeyboardInterrupt):
        migrate_storage.run(here, wish)
    monkeypatch.setattr(ObjectStore, "put", real)
    arrived = len(list(ObjectStore(bucket_settings.store_address).entries()))
    assert 0 < arrived < len(list(store.entries()))
    capsys.readouterr()
    assert migrate_storage.run(here, wish) == Exit.OK
    result = json.loads(capsys.readouterr().out)
    assert result["sent"] == result["blobs"] - arrived
    assert result["verified"] == result["blobs"]


def test_move__a_damaged_blob_is_named_and_nothing_else_is_lost(installation, store, tmp_path):
    entries = list(store.entries())
    victim = entries[0]
    store.path(victim.digest).write_bytes(b"x" * victim.size)
    other = (tmp_path / "other").as_uri()
    with pytest.raises(AppError) as damaged:
        migrate_storage.run(installation, Wish(storage=other))
    assert (damaged.value.code, damaged.value.params["first"]) == ("move_damaged", victim.digest)
    assert len(list(LocalStore(tmp_path / "other").entries())) == len(entries) - 1


def test_verify__finds_what_was_changed_on_the_way(installation, store, tmp_path, monkeypatch):
    other = LocalStore(tmp_path / "other")
    entries = list(store.entries())
    blobs.copy(store, other, lambda _done, _total: None)
    other.path(entries[3].digest).write_bytes(b"y" * entries[3].size)
    other.delete(entries[5].digest)
    assert sorted(blobs.verify(other, entries, lambda _done, _total: None)) == sorted(
        [entries[3].digest, entries[5].digest]
    )


@pytest.mark.parametrize("busy", ["worker", "job", "server"])
def test_move__refuses_while_something_runs(installation, database, busy, tmp_path):
    wish = Wish(storage=(tmp_path / "other").as_uri())
    with database.write() as session:
        if busy == "worker":
            jobs.heartbeat(session, "lab:7", {})
        elif busy == "job":
            session.execute(sa.update(Job).values(state="running"))
    if busy == "server":
        with folder.held(installation.data_dir), pytest.raises(AppError) as refused:
            migrate_storage.run(installation, wish)
    else:
        with pytest.raises(AppError) as refused:
            migrate_storage.run(installation, wish)
    assert refused.value.code == {"worker": "move_workers", "job": "move_jobs", "server": "folder_in_use"}[busy]
    assert not (tmp_path / "other").exists()


def test_move__what_changes_meanwhile_is_noticed(installation, database, tmp_path, monkeypatch):
    real = rows.copy

    def copy(source, target):
        real(source, target)
        with database.write() as session:
            session.execute(sa.update(Image).values(name="other"))

    monkeypatch.setattr(rows, "copy", copy)
    with pytest.raises(Conflict) as refused:
        migrate_storage.run(installation, Wish(database=f"sqlite:///{tmp_path / 'new.sqlite3'}"))
    assert refused.value.code == "move_changed"


def test_command__reads_the_new_settings_from_a_file(installation, tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith("MIWAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(installation.data_dir))
    target = tmp_path / "new.env"
    target.write_text(
        f"# the new place\nexport MIWAKE_DATABASE_URL='sqlite:///{tmp_path / 'new.sqlite3'}'\n"
        f"MIWAKE_STORAGE_URL={(tmp_path / 'new').as_uri()}\n"
    )
    assert line.main(["migrate-storage", "--to-env", str(target), "--verify"]) == Exit.OK
    assert "read back and compared" in capsys.readouterr().out
    assert proof(Settings(database_url=f"sqlite:///{tmp_path / 'new.sqlite3'}")) == proof(installation)
    assert line.main(["migrate-storage"]) == Exit.USAGE
    assert "Both installations are the same" in capsys.readouterr().err
    assert line.main(["migrate-storage", "--to-env", str(tmp_path / "none")]) == Exit.USAGE
