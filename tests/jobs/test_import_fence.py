"""An import whose worker was thought lost: when that one wakes up it writes nothing more."""

import zipfile

import pytest
import sqlalchemy as sa

from app.db.models import ImportBatch, ImportEntry
from app.db.run_models import Job
from app.domain.enums import JobState
from app.services import imports, jobs, uploads
from tests import factories
from tests.jobs import processes
from tests.jobs.rows import claim, row
from worker import runner


@pytest.fixture
def waiting(any_database, store, tmp_path):
    """A zip of four pictures whose import waits; (import, job)."""
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(4):
            archive.writestr(f"好中球/{number}.png", factories.png(number))
    store.keep_upload("import-1.zip", path)
    with any_database.write() as session:
        project = factories.make_project(session)
        batch = imports.create(session, project, source="zip", name="袋.zip", actor="tester")
        return batch.id, uploads.enqueue(session, batch.id, "import-1.zip").id


def counts(database, import_id):
    with database.read() as session:
        entries = session.scalar(sa.select(sa.func.count()).where(ImportEntry.import_id == import_id))
        batch = session.get_one(ImportBatch, import_id)
        return entries, batch.new_count, batch.duplicate_count, batch.options.get("done", 0), batch.finished


def test_import__of_a_worker_that_was_thought_lost_writes_nothing(settings, any_database, store, waiting):
    import_id, job_id = waiting
    lost = claim(any_database, job_id)
    with any_database.write() as session:
        session.execute(sa.update(Job).where(Job.id == job_id).values(lease_until=1.0))
        assert jobs.reap(session) == [job_id]
    newest = claim(any_database, job_id, "other")
    parts = processes.parts(settings, any_database, store)
    runner.run(parts, lost)
    assert counts(any_database, import_id) == (0, 0, 0, 0, False)
    assert row(any_database, job_id).attempt == newest.attempt
    runner.run(parts, newest)
    assert counts(any_database, import_id) == (4, 4, 0, 4, True)
    assert row(any_database, job_id).state == JobState.DONE
    runner.run(parts, lost)
    assert counts(any_database, import_id) == (4, 4, 0, 4, True)
