"""Many jobs, many workers, lost and doubled messages: each job is done exactly once."""

import time

import pytest

from app.domain.enums import Lane
from app.queue import Queue
from tests.chaos import ledger
from tests.chaos.machines import Broker
from tests.chaos.record import only_full, rounds, tally
from tests.chaos.site import LONG_LEASE, site
from tests.jobs import processes

pytestmark = pytest.mark.slow

PLACES = [
    "sqlite+memory",
    pytest.param("sqlite+redis", marks=[pytest.mark.redis, only_full]),
    pytest.param("postgresql+redis", marks=[pytest.mark.redis, pytest.mark.postgres]),
]

BROKER_FAULTS = [
    "restarted empty",
    pytest.param("flushed", marks=only_full),
    pytest.param("away for 3 s", marks=only_full),
    pytest.param("frozen for 8 s", marks=only_full),  # longer than the worker waits for an answer
]


@pytest.fixture(params=PLACES)
def place(request):
    """Settings of a database and a broker, and their name."""
    changes = {}
    if "redis" in request.param:
        changes["broker_url"] = request.getfixturevalue("broker").url
    if "postgresql" in request.param:
        changes["database_url"] = request.getfixturevalue("postgres").url
    return request.param, changes


def test_fifty_jobs_by_four_workers(place, tmp_path):
    name, changes = place
    long = {**changes, "lease_seconds": LONG_LEASE}
    with tally(f"50 jobs by 4 workers, {name}") as told, site(tmp_path, **long) as made:
        run_id = made.run_without_job()
        made.ledger_workers(4)
        for _ in rounds(1, 5):
            with told.round():
                begin = time.perf_counter()
                job_ids = ledger.add(made.database, run_id, made.ledger, 50, 0.05, made.settings.broker_url)
                ledger.all_ended(made.database, job_ids)
                told.figure("seconds for 50", time.perf_counter() - begin)
                ledger.check(made.database, made.ledger, job_ids)
        told.note = f"{len({one.worker for one in ledger.executions(made.ledger)})} workers took part"


@pytest.mark.redis
@only_full
def test_messages_that_come_again_and_again(broker, tmp_path):
    changes = {"broker_url": broker.url, "lease_seconds": LONG_LEASE}
    with tally("each message sent 5 times") as told, site(tmp_path, **changes) as made:
        run_id = made.run_without_job()
        made.ledger_workers(2)
        queue = Queue(broker.url)
        for _ in rounds(1, 3):
            with told.round():
                job_ids = ledger.add(made.database, run_id, made.ledger, 10, 0.2, broker.url)
                for job_id in job_ids * 4:
                    queue.announce(job_id, Lane.CPU)
                ledger.all_ended(made.database, job_ids)
                ledger.check(made.database, made.ledger, job_ids)


@pytest.mark.redis
def test_job_longer_than_the_visibility_timeout(broker, tmp_path):
    looks = tmp_path / "looks"
    more = {"CHAOS_VISIBILITY": "0.5", "CHAOS_LOOKS": str(looks)}
    name = "job 5 times as long as the visibility time-out"
    # The keeper would send the message again, too; what comes twice here comes from the broker.
    changes = {"broker_url": broker.url, "lease_seconds": LONG_LEASE, "resend_seconds": 3600.0}
    with tally(name) as told, site(tmp_path, more=more, **changes) as made:
        run_id = made.run_without_job()
        made.ledger_workers(2)
        for _ in rounds(1, 3):
            with told.round():
                job_ids = ledger.add(made.database, run_id, made.ledger, 1, 2.5, broker.url)
                ledger.all_ended(made.database, job_ids)
                ledger.check(made.database, made.ledger, job_ids)
                came = looks.read_text().split().count(str(job_ids[0]))
                told.figure("times the message came", came)
                assert came > 1, "the time-out struck nothing"


@pytest.mark.redis
@pytest.mark.parametrize("fault", BROKER_FAULTS)
def test_broker_with_ten_jobs_queued_and_one_running(fault, broker, tmp_path):
    changes = {"broker_url": broker.url, "lease_seconds": LONG_LEASE}
    with tally(f"broker {fault}, 10 jobs queued and 1 running") as told, site(tmp_path, **changes) as made:
        run_id = made.run_without_job()
        made.ledger_workers(1)  # with two places less than jobs: ten wait while one runs
        for _ in rounds(1, 5):
            with told.round(fault):
                first = ledger.add(made.database, run_id, made.ledger, 1, 3.0, broker.url)
                processes.wait_for("the first job", lambda: processes.running(made.database, first[0]))  # noqa: B023
                queued = ledger.add(made.database, run_id, made.ledger, 10, 0.1, broker.url)
                break_broker(broker, fault)
                begin = time.perf_counter()
                ledger.all_ended(made.database, [*first, *queued])
                told.figure("seconds until all were done", time.perf_counter() - begin)
                ledger.check(made.database, made.ledger, [*first, *queued])


def break_broker(broker: Broker, fault: str) -> None:
    """Do it, and put it right again; while it lasts the running job ends and nothing can be announced."""
    if fault == "flushed":
        broker.flush()
    elif fault == "frozen for 8 s":
        with broker.frozen():
            time.sleep(8.0)
    else:
        broker.stop()
        time.sleep(3.0 if fault == "away for 3 s" else 0.0)
        broker.start()


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize(
    "how", [pytest.param("fast", marks=only_full), "immediate", pytest.param("cut", marks=only_full)]
)
def test_database_restarted(how, postgres, broker, tmp_path):
    name = {"fast": "restarted", "immediate": "crashed and restarted", "cut": "connections cut 3 times"}[how]
    changes = {"broker_url": broker.url, "database_url": postgres.url, "lease_seconds": LONG_LEASE}
    with tally(f"PostgreSQL {name}, 10 jobs queued and 2 running") as told, site(tmp_path, **changes) as made:
        run_id = made.run_without_job()
        made.ledger_workers(2)
        for _ in rounds(1, 5):
            with told.round(how):
                first = ledger.add(made.database, run_id, made.ledger, 2, 2.0, broker.url)
                for job_id in first:
                    processes.wait_for("both jobs", lambda: processes.running(made.database, job_id))  # noqa: B023
                queued = ledger.add(made.database, run_id, made.ledger, 10, 0.1, broker.url)
                made.database.dispose()
                if how == "cut":
                    for _ in range(3):
                        postgres.cut()
                        time.sleep(0.3)  # connections are made again, and used
                else:
                    postgres.stop(how)
                    postgres.start()
                begin = time.perf_counter()
                ledger.all_ended(made.database, [*first, *queued])
                told.figure("seconds until all were done", time.perf_counter() - begin)
                ledger.check(made.database, made.ledger, [*first, *queued])
