"""Flower, the usual monitor of Celery, sees our worker and its task through the Redis broker."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from importlib.util import find_spec

import pytest

from app.domain.enums import JobKind, Lane
from app.queue import TASK, Queue
from app.services import jobs
from tests import servers
from tests.jobs import processes

pytestmark = [pytest.mark.slow, pytest.mark.redis]


@pytest.fixture
def flower(redis_url):
    """The address of a Flower that watches our broker."""
    if find_spec("flower") is None:
        pytest.skip("NOT TESTED WITH FLOWER: it is not installed")
    port = servers.free_port()
    words = ["-m", "celery", f"--broker={redis_url}", "flower", "--address=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_INSPECT_TIMEOUT": "3000"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        processes.wait_for("Flower", lambda: asked(address, "/api/workers") is not None, 60)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def asked(address, path):
    try:
        with urllib.request.urlopen(address + path, timeout=10) as answer:
            return json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None


def test_flower__sees_the_worker_and_a_task(settings, database, project, redis_url, flower, tmp_path):
    own = replace(settings, broker_url=redis_url)
    with processes.worker(own, tmp_path / "worker.log"):
        processes.wait_for("the worker", lambda: workers(database), 60)
        seen = processes.wait_for("the worker in Flower", lambda: asked(flower, "/api/workers?refresh=1"), 60)
        (name,) = seen
        assert name.endswith("@miwake")
        queues = {one["name"] for one in seen[name].get("active_queues", [])}
        assert {str(lane) for lane in Lane} <= queues
        with database.write() as session:
            session.info[jobs.QUEUE] = Queue(redis_url)
            job = jobs.create(session, project_id=project.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={"run_id": 0})
        processes.ended(database, job.id, 60)

        def done():
            found = (asked(flower, f"/api/tasks?taskname={TASK}") or {}).values()
            return [one for one in found if one["state"] == "SUCCESS"]

        (task,) = processes.wait_for("the task in Flower", done, 30)
        assert str(job.id) in task["args"]
        assert task["worker"] == name


def workers(database):
    with database.read() as session:
        return jobs.workers_alive(session)
