"""Workers that are frozen, killed or cut off from the others: what they write afterwards does not count.

The short forms with one real training are in tests/jobs/test_faults.py.
"""

import contextlib
import time
from typing import Any

import pytest

from app.services.jobs import LeaseLost
from app.services.results import Writer
from tests import servers
from tests.chaos import ledger, machines
from tests.chaos.record import Tally, only_full, rounds, tally
from tests.chaos.site import Process, Site, site
from tests.jobs import processes

pytestmark = pytest.mark.slow


def owner_of(made: Site, job_id: int) -> Process:
    """The process that runs a job."""
    owner = processes.job_of(made.database, job_id).owner
    assert owner is not None
    return next(one for one in made.started if owner.endswith(f":{one.pid}"))


def another_attempt(made: Site, job_id: int) -> None:
    def look() -> bool:
        job = processes.job_of(made.database, job_id)
        return job.attempt == 2

    processes.wait_for("the second attempt", look, 60)


def begun(made: Site, job_id: int) -> None:
    processes.wait_for("the job", lambda: any(one.job_id == job_id for one in ledger.executions(made.ledger)))


def check_fence(made: Site, job_id: int) -> None:
    """What the first attempt would write now is refused."""
    with made.database.write() as session, pytest.raises(LeaseLost):
        Writer(job_id, 1, 0).fence(session)


@only_full
def test_worker_frozen_for_longer_than_its_lease(tmp_path):
    with tally("worker stopped for twice its lease (SIGSTOP), then let go on") as told, site(tmp_path) as made:
        run_id = made.run_without_job()
        made.ledger_workers(2)
        for _ in rounds(1, 10):
            with told.round(), contextlib.ExitStack() as thaw:
                (job_id,) = ledger.add(made.database, run_id, made.ledger, 1, 4.0)
                begun(made, job_id)
                pid = owner_of(made, job_id).pid
                thaw.callback(processes.thaw, pid)
                processes.wait_for("a moment without a lock", lambda: processes.freeze(made.database, [pid]))  # noqa: B023
                stopped = time.monotonic()
                taken_over(made, job_id, told, stopped)
                check_fence(made, job_id)
                thaw.close()
                ledger.all_ended(made.database, [job_id])
                check_late(made, job_id)


def check_late(made: Site, job_id: int) -> None:
    """The first attempt noted at most one more tick after the second had begun, and left no row."""
    ledger.check_rows(made.database, [job_id])
    first, second = (one for one in ledger.executions(made.ledger) if one.job_id == job_id)
    assert (first.attempt, second.attempt) == (1, 2)
    assert "end" not in first.words
    late = [at for at in ledger.times(made.ledger, job_id, 1) if at > second.first]
    assert len(late) <= 2, f"a frozen process cannot be kept from the line it was about to write, but not {late}"


def running_and_queued(made: Site, run_id: int) -> tuple[int, list[int]]:
    """A job of three seconds that has begun, and ten short ones behind it."""
    (job_id,) = ledger.add(made.database, run_id, made.ledger, 1, 3.0)
    begun(made, job_id)
    return job_id, ledger.add(made.database, run_id, made.ledger, 10, 0.1)


def taken_over(made: Site, job_id: int, told: Tally, since: float) -> None:
    """Wait until another worker has the job, and note how long that took."""
    another_attempt(made, job_id)
    told.figure("seconds until another worker has the job", time.monotonic() - since)


def done_with_two_attempts(made: Site, job_ids: list[int]) -> None:
    """All end, each exactly once, and those that were lost in their second attempt."""
    ledger.all_ended(made.database, job_ids)
    ledger.check(made.database, made.ledger, job_ids, attempts=2)


@only_full
def test_worker_killed(tmp_path):
    with tally("kill -9 of the worker while it runs a job, 10 more queued") as told, site(tmp_path) as made:
        run_id = made.run_without_job()
        made.ledger_workers(2)
        for _ in rounds(1, 10):
            with told.round():
                job_id, queued = running_and_queued(made, run_id)
                owner_of(made, job_id).kill()
                killed = time.monotonic()
                made.ledger_workers(1)
                taken_over(made, job_id, told, killed)
                done_with_two_attempts(made, [job_id, *queued])


@only_full
def test_worker_told_to_end(tmp_path):
    with tally("SIGTERM to the worker while it runs a job, 10 more queued") as told, site(tmp_path) as made:
        run_id = made.run_without_job()
        made.ledger_workers(2)
        for _ in rounds(1, 10):
            with told.round():
                job_id, queued = running_and_queued(made, run_id)
                worker = owner_of(made, job_id)
                asked = time.monotonic()
                worker.ask_to_end()
                taken_over(made, job_id, told, asked)
                assert worker.process.wait(30) == 0
                told.figure("seconds until the worker has ended", time.monotonic() - asked)
                made.ledger_workers(1)
                done_with_two_attempts(made, [job_id, *queued])
                assert processes.job_of(made.database, job_id).max_attempts == 4  # it does not count as a failure


@only_full
def test_job_whose_worker_dies_each_time(tmp_path):
    with tally("a job that kills its worker each time ends as failed") as told, site(tmp_path) as made:
        run_id = made.run_without_job()
        for _ in rounds(1, 2):
            with told.round():
                (job_id,) = ledger.add(made.database, run_id, made.ledger, 1, 60.0)
                for attempt in (1, 2, 3):
                    made.ledger_workers(1)
                    processes.wait_for(
                        f"attempt {attempt}",
                        lambda: any(
                            (one.job_id, one.attempt) == (job_id, attempt)  # noqa: B023
                            for one in ledger.executions(made.ledger)
                        ),
                        60,
                    )
                    owner_of(made, job_id).kill()
                last = made.ledger_workers(1)
                job = processes.ended(made.database, job_id, 60)
                assert (job.state, job.error_code, job.error_params) == ("failed", "worker_lost", {"attempts": 3})
                last[0].end()


@only_full
@pytest.mark.redis
@pytest.mark.postgres
def test_two_hosts_with_the_link_cut(tmp_path):
    """Database and broker are on host A with one worker; the other worker is on host B."""
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(machines.hosts())
        try:
            postgres = stack.enter_context(machines.postgres(net.addresses[0], net.prefix(0)))
            broker = stack.enter_context(machines.broker(net.addresses[0], net.prefix(0)))
        except servers.Missing as missing:
            pytest.skip(f"NOT TESTED: {missing}")
        told = stack.enter_context(tally("link between two hosts cut for twice the lease, then restored"))
        inside: dict[str, Any] = {"database_url": postgres.url, "broker_url": broker.url}
        made = stack.enter_context(site(tmp_path, own_database=postgres.socket_url, **inside))
        run_id = made.run_without_job()
        _, far = (made.ledger_worker(prefix=net.prefix(host)) for host in (0, 1))
        made.wait_for_workers(2)
        for _ in rounds(1, 5):
            with told.round():
                cut_round(made, net, run_id, far, told)


def cut_round(made: Site, net: machines.Hosts, run_id: int, far: Process, told: Tally) -> None:
    job_ids = ledger.add(made.database, run_id, made.ledger, 2, 10.0)
    for job_id in job_ids:
        begun(made, job_id)
    (lost,) = [job_id for job_id in job_ids if owner_of(made, job_id) is far]
    (other,) = set(job_ids) - {lost}
    processes.cancel(made.database, other)  # so that the host that stays has a place
    assert processes.ended(made.database, other).state == "cancelled"
    net.cut()
    cut = time.monotonic()
    try:
        another_attempt(made, lost)
        told.figure("seconds until the other host has the job", time.monotonic() - cut)
        check_fence(made, lost)
        processes.wait_for("twice the lease", lambda: time.monotonic() > cut + 2 * made.settings.lease_seconds)
    finally:
        net.join()
    joined = time.monotonic()
    ledger.all_ended(made.database, [lost])
    check_late(made, lost)
    seen = len(ledger.executions(made.ledger))
    more = ledger.add(made.database, run_id, made.ledger, 4, 2.0)
    processes.wait_for(
        "work for the host that was cut off",
        lambda: any(one.worker.endswith(f":{far.pid}") for one in ledger.executions(made.ledger)[seen:]),
    )
    told.figure("seconds until the host that was cut off works again", time.monotonic() - joined)
    ledger.all_ended(made.database, more)
    ledger.check(made.database, made.ledger, more)
