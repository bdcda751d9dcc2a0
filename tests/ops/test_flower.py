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
from tests.chaos.record import only_full
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
        env={**os.environ, "FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_INSPECT_TIMEOUT": "10000"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        processes.wait_for("Flower", lambda: asked(address, "/api/workers") is not None)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def asked(address, path):
    try:
        with urllib.request.urlopen(address + path, timeout=60) as answer:
            return json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None


@only_full
def test_flower__sees_the_worker_and_a_task(settings, database, project, redis_url, flower, tmp_path):
    own = replace(settings, broker_url=redis_url)
    with processes.worker(own, tmp_path / "worker.log"):
        processes.wait_for("the worker", lambda: workers(database))
        name, queues = processes.wait_for("the worker's queues in Flower", lambda: queues_of_the_worker(flower))
        assert name.endswith("@miwake")
        assert {str(lane) for lane in Lane} <= queues
        with database.write() as session:
            session.info[jobs.QUEUE] = Queue(redis_url)
            job = jobs.create(session, project_id=project.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={"run_id": 0})
        processes.ended(database, job.id)

        def done():
            found = (asked(flower, f"/api/tasks?taskname={TASK}") or {}).values()
            return [one for one in found if one["state"] == "SUCCESS"]

        (task,) = processes.wait_for("the task in Flower", done)
        assert str(job.id) in task["args"]
        assert task["worker"] == name


def queues_of_the_worker(flower):
    """The name of the one worker that Flower knows, and its queues once the worker has told them."""
    seen = asked(flower, "/api/workers?refresh=1")
    if not seen:
        return None
    ((name, values),) = seen.items()
    queues = {one["name"] for one in values.get("active_queues", [])}
    return (name, queues) if queues else None


def workers(database):
    with database.read() as session:
        return jobs.workers_alive(session)
