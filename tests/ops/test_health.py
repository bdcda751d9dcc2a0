"""Signs of life and figures: what they say when all is well, and when a part does not work."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from app.db.run_models import Run
from app.domain.enums import JobKind, JobState, Lane
from app.domain.errors import OutOfSpace
from app.services import figures, jobs
from app.storage import LocalStore


def samples(client):
    """Every sample by its name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def test_healthz__answers_without_the_database(client, monkeypatch):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz__names_each_part_and_its_time(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    found = answer.json()
    assert found["status"] == "ready"
    assert set(found["checks"]) == {"database", "migrations", "store", "space"}
    assert all(one["ok"] and one["milliseconds"] >= 0 for one in found["checks"].values())


def test_readyz__database_of_another_version(client, database):
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [name for name, one in answer.json()["checks"].items() if not one["ok"]] == ["migrations"]


def test_readyz__a_store_that_fails_is_503_and_says_no_more_than_that(client, monkeypatch):
    def broken(_self, _digest):
        raise OSError("/secret/folder is gone")

    monkeypatch.setattr(LocalStore, "exists", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["checks"]["store"]["ok"]
    assert "secret" not in answer.text


def test_readyz__no_space_is_507(client, monkeypatch):
    def full(_self):
        raise OutOfSpace(folder="/secret")

    monkeypatch.setattr(LocalStore, "check_space", full)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["space"]["ok"]) == (507, False)


def test_metrics__jobs_by_lane_and_state_and_the_oldest(client, database, project):
    with database.write() as session:
        for lane in (Lane.GPU, Lane.GPU, Lane.CPU):
            jobs.create(session, project_id=project.id, kind=JobKind.TRAIN, lane=lane, spec={})
        jobs.heartbeat(session, "w:1", {"slots": {"gpu": 2, "cpu": 1, "interactive": 1}})
    found = samples(client)
    assert found["miwake_jobs", ("lane", "gpu"), ("state", "queued")] == 2
    assert found["miwake_jobs", ("lane", "cpu"), ("state", "queued")] == 1
    assert found["miwake_jobs", ("lane", "cpu"), ("state", "failed")] == 0
    assert found["miwake_oldest_queued_seconds", ("lane", "gpu")] >= 0
    assert found["miwake_workers",] == 1
    assert found["miwake_worker_places", ("lane", "gpu")] == 2
    assert found["miwake_database_bytes",] > 10_000
    assert found["miwake_disk_free_bytes",] > 0


def test_metrics__durations_of_runs_are_a_histogram(client, database, project):
    with database.write() as session:
        for number, seconds in enumerate((0.5, 4.0, 100.0, None)):
            job = jobs.create(session, project_id=project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})
            job.state = JobState.DONE
            run = Run(
                project_id=project.id,
                number=number,
                kind="holdout",
                recipe={},
                job_id=job.id,
                actor="t",
                seconds=seconds,
            )
            session.add(run)
    found = samples(client)
    counts = [found["miwake_run_duration_seconds_bucket", ("le", f"{bound:g}")] for bound in figures.RUN_BUCKETS[:5]]
    assert counts == [1, 2, 2, 2, 3]
    assert found["miwake_run_duration_seconds_count",] == 3
    assert found["miwake_run_duration_seconds_sum",] == 104.5


def test_metrics__addresses_from_outside_make_no_new_series(client):
    for number in range(30):
        client.get(f"/p/project-{number}/runs/{number}")
        client.get(f"/nothing-{number}")
        client.request(f"METHOD{number}", "/healthz", headers={"Sec-Fetch-Site": "none"})
    found = [key for key in samples(client) if key[0] == "miwake_http_request_duration_seconds_count"]
    assert len(found) <= 5
    routes = {dict(key[1:])["route"] for key in found}
    assert routes <= {"/p/{slug}/runs/{number}", "(none)", "/healthz", "/metrics"}


def test_metrics__without_the_database_those_of_the_process_remain(client, monkeypatch):
    def broken(*_a):
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(figures, "now", broken)
    found = samples(client)
    assert found["miwake_database_up",] == 0
    assert ("miwake_workers",) not in found


@pytest.mark.postgres
def test_figures__on_postgresql(postgres_database, tmp_path):
    with postgres_database.read() as session:
        now = figures.now(session, tmp_path)
    assert now.database_bytes > 1_000_000
    assert now.runs == 0
    assert now.run_counts == [0] * len(figures.RUN_BUCKETS)
