"""A zip in parts by two real workers, one of which is killed: everything once, in the order of the zip."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.models import ImportBatch, ImportEntry
from app.db.run_models import Job
from app.domain.enums import FINAL_STATES, JobKind, JobState
from app.services import import_parts, imports, jobs, uploads
from app.storage import LocalStore
from tests import factories
from tests.chaos.site import Site, site
from tests.jobs import processes

pytestmark = pytest.mark.slow

FILES = 240


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installation in which a zip of eight parts waits."""
    monkeypatch.setattr(import_parts, "PART_FILES", 30)
    with site(tmp_path, worker_gpu_slots=0, start_method="spawn", decode_workers=1, lease_seconds=10.0) as made:
        yield made, accept(made)


def accept(made: Site) -> int:
    path = made.folder / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(FILES):
            archive.writestr(f"好中球/{number:03d}.png", factories.png(number % 200, size=16))
    with made.database.write() as session:
        project = factories.make_project(session, "袋", ())
        import_id = imports.create(session, project, source="zip", name="袋.zip", actor="tester").id
    uploads.accept(made.database, made.store, None, import_id, path, max_file_bytes=2**20)
    return import_id


def all_jobs(made: Site) -> list[Job]:
    with made.database.read() as session:
        return list(session.scalars(sa.select(Job).order_by(Job.id)))


def batch_of(made: Site, import_id: int) -> ImportBatch:
    with made.database.read() as session:
        return session.get_one(ImportBatch, import_id)


def worker(made: Site) -> Any:
    return made.start("-m", "worker", "--end-with-parent", warm=0)


def test_import__a_killed_worker_loses_and_doubles_nothing(begun):
    made, import_id = begun
    victim, _other = worker(made), worker(made)
    processes.wait_for("a part of the victim", lambda: frozen_with_a_part(made, victim.pid))
    victim.kill()
    parent = all_jobs(made)[0]
    assert processes.ended(made.database, parent.id).state == JobState.DONE
    batch = batch_of(made, import_id)
    assert (batch.finished, batch.total, batch.new_count, batch.duplicate_count) == (True, FILES, 200, 40)
    with made.database.read() as session:
        query = sa.select(ImportEntry.path).where(ImportEntry.import_id == import_id).order_by(ImportEntry.id)
        assert list(session.scalars(query)) == [f"好中球/{number:03d}.png" for number in range(FILES)]
    parts = [job for job in all_jobs(made) if job.kind == JobKind.IMPORT_PART]
    assert [job.state for job in parts] == [JobState.DONE] * 8
    assert max(job.attempt for job in parts) == 2
    assert list(made.store.uploads()) == []


def owned(made: Site, pid: int) -> bool:
    parts = (job for job in all_jobs(made) if job.kind == JobKind.IMPORT_PART)
    return any((job.owner or "").endswith(f":{pid}") for job in parts)


def frozen_with_a_part(made: Site, pid: int) -> bool:
    """Freeze the worker while it has a part: one that goes on could have done it before it is killed."""
    if not owned(made, pid) or not processes.freeze(made.database, [pid]):
        return False
    if owned(made, pid):
        return True
    processes.thaw(pid)
    return False


def test_import__a_lost_zip_fails_with_its_reason_and_a_cancel_ends_all(begun):
    made, import_id = begun
    spare = LocalStore(made.folder / "spare")
    name = next(upload.name for upload in made.store.uploads())
    move(made.store, spare, name, made.folder)
    worker(made)
    parent = all_jobs(made)[0]
    assert processes.ended(made.database, parent.id).error_code == "part_failed"
    assert {job.error_code for job in all_jobs(made)[1:]} == {"upload_missing"}
    move(spare, made.store, name, made.folder)
    with made.database.write() as session:
        assert jobs.retry(session, parent.id)
    processes.wait_for("the first files", lambda: batch_of(made, import_id).new_count > 0)
    with made.database.write() as session:
        jobs.cancel(session, parent.id)
    processes.wait_for("the end", lambda: all(job.state in FINAL_STATES for job in all_jobs(made)))
    assert processes.job_of(made.database, parent.id).state == JobState.CANCELLED


def move(source: LocalStore, target: LocalStore, name: str, folder: Path) -> None:
    with source.open_upload(name) as file:
        (folder / "moved").write_bytes(file.read())
    target.keep_upload(name, folder / "moved")
    source.drop_upload(name)
