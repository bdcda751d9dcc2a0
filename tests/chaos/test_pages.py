"""What a person who uses the pages sees of a broken broker, and how soon a job ends that is told to stop.

The short forms of stopping are in tests/jobs/test_worker.py.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.enums import JobState
from tests.chaos import ledger
from tests.chaos.machines import Broker
from tests.chaos.pages import Pages, open_pages
from tests.chaos.record import Tally, only_full, rounds, tally
from tests.chaos.site import site
from tests.jobs import processes

pytestmark = pytest.mark.slow


@pytest.fixture
def pages(broker: Broker, tmp_path: Path) -> Iterator[Pages]:
    with site(tmp_path, broker_url=broker.url) as made:
        yield open_pages(made)


@only_full
@pytest.mark.ml
@pytest.mark.redis
def test_broker_down_at_submit(pages, broker):
    with tally("broker down at submit: the page says queued, the job starts when it is back") as told:
        pages.made.worker()
        pages.made.wait_for_workers(1)
        for _ in rounds(1, 5):
            with told.round():
                down_round(pages, broker, told)


@pytest.mark.ml
@pytest.mark.redis
@only_full
def test_broker_frozen_at_submit(pages, broker):
    with tally("broker frozen at submit: the form answers, the job is done once") as told:
        pages.made.worker()
        pages.made.wait_for_workers(1)
        for _ in rounds(1, 5):
            with told.round():
                with broker.frozen():
                    begin = time.monotonic()
                    url, job_id = pages.train()
                    seconds = time.monotonic() - begin
                told.figure("seconds for the answer of the form", seconds)
                assert seconds < 8.0
                job = processes.ended(pages.made.database, job_id)
                assert (job.state, job.attempt) == (JobState.DONE, 1)
                assert "state-done" in pages.text(url)


def down_round(pages: Pages, broker: Broker, told: Tally) -> None:
    broker.stop()
    begin = time.monotonic()
    try:
        url, job_id = pages.train()
        told.figure("seconds for the answer of the form", time.monotonic() - begin)
        assert "state-queued" in pages.text(url)
        # Whether the worker could start it without a broker is not asked here; it must not get lost.
    finally:
        broker.start()
    back = time.monotonic()
    job = processes.ended(pages.made.database, job_id)
    told.figure("seconds from the broker's return to the end", time.monotonic() - back)
    assert (job.state, job.attempt) == (JobState.DONE, 1)
    assert "state-done" in pages.text(url)


@only_full
def test_cancel_while_queued(tmp_path):
    with tally("cancel while queued: never begun") as told, site(tmp_path) as made:
        run_id = made.run_without_job()
        made.ledger_workers(1)
        for _ in rounds(1, 10):
            with told.round():
                first, second, third = ledger.add(made.database, run_id, made.ledger, 3, 0.5)
                processes.wait_for("the first", lambda: processes.running(made.database, first))  # noqa: B023
                processes.cancel(made.database, second)
                ledger.all_ended(made.database, [first, second, third])
                ledger.check(made.database, made.ledger, [first, third])
                assert processes.job_of(made.database, second).state == JobState.CANCELLED
                assert second not in {one.job_id for one in ledger.executions(made.ledger)}


@pytest.mark.ml
@only_full
def test_cancel_while_running(tmp_path):
    with tally("cancel while running: the training process is gone") as told, site(tmp_path) as made:
        project_id = processes.add_project(made.database, made.store)
        worker = made.worker()
        for number in rounds(2, 10):
            keep = bool(number % 2)
            with told.round("keeping the best" if keep else "at once"):
                job_id = processes.add_run(made.database, project_id, processes.ENDLESS).job_id
                processes.in_training(made.database, job_id)
                child = training_process(worker.pid)
                begin = time.monotonic()
                processes.cancel(made.database, job_id, keep_best=keep)
                job = processes.ended(made.database, job_id)
                processes.wait_for("the end of the process", lambda: processes.gone(child))  # noqa: B023
                seconds = time.monotonic() - begin
                told.figure("seconds, keeping the best" if keep else "seconds, at once", seconds)
                assert job.state == (JobState.DONE if keep else JobState.CANCELLED)
                assert keep or seconds < 5.0


def training_process(worker: int) -> int:
    """The child of the fork server that trains."""
    servers_below = [pid for pid, words in processes.descendants(worker).items() if "forkserver" in words]
    return next(pid for server in servers_below for pid in processes.descendants(server))
