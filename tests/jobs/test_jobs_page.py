"""The jobs page: nothing, no worker, waiting, running, failed; and its stop buttons."""

import re

import pytest

from app.db.models import ImportBatch, Project
from app.db.run_models import Job
from app.domain.enums import JobKind, JobState, Lane
from app.services import imports, jobs, uploads


@pytest.fixture
def add(database, project):
    def make(kind: JobKind = JobKind.TRAIN, lane: Lane = Lane.GPU) -> int:
        with database.write() as session:
            return jobs.create(session, project_id=project.id, kind=kind, lane=lane, spec={}).id

    return make


def state(database, job_id: int) -> tuple[str, bool]:
    with database.read() as session:
        job = session.get_one(Job, job_id)
        return job.state, job.keep_best


def test_page__says_that_there_are_no_jobs_and_no_worker_and_what_to_do(client):
    page = client.get("/jobs").text
    assert "There are no jobs yet" in page
    assert "No worker answers" in page
    assert "python -m app worker" in page


def test_page__with_a_worker_has_no_warning(client, database):
    with database.write() as session:
        jobs.heartbeat(session, "laptop:12", {"cpus": 4})
    page = client.get("/jobs").text
    assert "No worker answers" not in page
    assert "laptop:12" in page
    assert re.search(r"Processors</dt><dd>4\b", page)


def test_page__shows_the_line_of_each_lane(client, database, add):
    for kind, lane in ((JobKind.TRAIN, Lane.GPU), (JobKind.IMPORT, Lane.CPU), (JobKind.TRAIN, Lane.GPU)):
        add(kind, lane)
    page = client.get("/jobs").text
    assert page.count("next in line") == 2
    assert "number 2 in line" in page
    assert "Import of a zip" in page


def test_first__moves_a_group_with_all_that_waits_in_it(client, database, add, project):
    alone = add()
    with database.write() as session:
        group = jobs.create(
            session, project_id=project.id, kind=JobKind.GROUP, lane=Lane.GPU, spec={}, state=JobState.WAITING
        ).id
        inside = [
            jobs.create(session, project_id=project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={}, parent_id=group).id
            for _ in range(2)
        ]
    assert f'action="/jobs/{group}/first"' in client.get("/jobs").text
    assert f'action="/jobs/{group}/first"' not in client.post(f"/jobs/{group}/first").text
    with database.read() as session:
        assert list(jobs.in_order(session, Lane.GPU)) == [*inside, alone]


def test_page__gives_the_reason_of_a_failure(client, database, add):
    job_id = add()
    with database.write() as session:
        assert jobs.claim(session, job_id, "w", 30)
        jobs.fail(session, job_id, 1, "out_of_memory", {"batch_size": 512, "image_size": 128})
    page = client.get("/jobs").text
    assert "batch of 512 pictures of 128 pixels" in page


def test_stop__takes_a_waiting_job_out_of_the_line(client, database, add):
    job_id = add()
    answer = client.post(f"/jobs/{job_id}/stop", data={"keep": "false"})
    assert (answer.status_code, answer.history[0].status_code) == (200, 303)
    assert state(database, job_id) == (JobState.CANCELLED, False)


@pytest.mark.parametrize("keep", [True, False])
def test_stop__asks_a_running_training(client, database, add, keep):
    job_id = add()
    with database.write() as session:
        jobs.claim(session, job_id, "w", 30)
    assert "keep the best so far" in client.get("/jobs").text
    client.post(f"/jobs/{job_id}/stop", data={"keep": str(keep).lower()})
    assert state(database, job_id) == (JobState.CANCELLING, keep)


def test_stop__of_an_import_that_waits_ends_the_import_too(client, database, store, project, tmp_path):
    (tmp_path / "sent.zip").write_bytes(b"zip")
    store.keep_upload("import-1.zip", tmp_path / "sent.zip")
    with database.write() as session:
        batch = imports.create(session, session.get_one(Project, project.id), source="zip", name="袋", actor="tester")
        job_id = uploads.enqueue(session, batch.id, "import-1.zip").id
        import_id = batch.id
    page = client.post(f"/jobs/{job_id}/stop", data={"keep": "false"}).text
    assert f"/jobs/{job_id}/again" not in page
    with database.read() as session:
        left = session.get(ImportBatch, import_id)
        assert left is None or left.finished
    assert state(database, job_id) == (JobState.CANCELLED, False)


def test_stop__of_a_job_that_is_not_there(client):
    assert client.post("/jobs/99/stop").status_code == 404
