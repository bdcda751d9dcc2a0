"""The wall clock of a host is set while jobs run and wait: nothing is lost, nothing is done twice."""

import time
from collections.abc import Iterator

import pytest

from tests import servers
from tests.chaos import ledger, machines
from tests.chaos.machines import Clock
from tests.chaos.record import FULL, only_full, rounds, tally
from tests.chaos.site import Site, site
from tests.jobs import processes

pytestmark = pytest.mark.slow

HOUR = 3600
RUNNING_SECONDS = 8.0 if FULL else 5.0
LEASE = 7.0  # is renewed at a third: at least once after the jump, before the job ends
JUMPS = {"forward": HOUR, "back": -HOUR, "a year forward": 365 * 24 * HOUR, "a year back": -365 * 24 * HOUR}


@pytest.fixture
def clock() -> Iterator[Clock]:
    with machines.clock() as made:
        yield made


def jump(made: Site, clock: Clock, run_id: int, to: int) -> float:
    """Set the clock ``to`` seconds from the true time while two jobs run and six wait; seconds until all were done."""
    running = ledger.add(made.database, run_id, made.ledger, 2, RUNNING_SECONDS)
    for job_id in running:
        processes.wait_for("the job", lambda: processes.running(made.database, job_id))  # noqa: B023
    waiting = ledger.add(made.database, run_id, made.ledger, 6, 0.1)
    clock.set(to)
    begin = time.monotonic()
    ledger.all_ended(made.database, [*running, *waiting])
    ledger.check(made.database, made.ledger, [*running, *waiting])
    ended = processes.job_of(made.database, waiting[-1]).finished_at
    assert ended is not None
    assert abs(ended.timestamp() - time.time() - to) < 120, "the workers did not see the clock jump"
    return time.monotonic() - begin


@pytest.mark.parametrize("name", ["back", *(pytest.param(name, marks=only_full) for name in JUMPS if name != "back")])
def test_sqlite(name, clock, tmp_path):
    with (
        tally(f"clock set {name}, SQLite") as told,
        site(tmp_path, more=clock.environment, lease_seconds=LEASE) as made,
    ):
        run_id = made.run_without_job()
        made.ledger_workers(2)
        for _ in rounds(1, 2):
            with told.round():
                told.figure("seconds until all were done", jump(made, clock, run_id, JUMPS[name]))
                told.figure("after it was set right", jump(made, clock, run_id, 0))


@only_full
@pytest.mark.postgres
@pytest.mark.parametrize("name", JUMPS)
def test_postgresql(name, clock, tmp_path):
    try:
        server = machines.postgres(environment=clock.environment)
        with (
            server as postgres,
            tally(f"clock set {name}, PostgreSQL") as told,
            site(tmp_path, more=clock.environment, database_url=postgres.url, lease_seconds=LEASE) as made,
        ):
            run_id = made.run_without_job()
            made.ledger_workers(2)
            for _ in rounds(1, 2):
                with told.round():
                    told.figure("seconds until all were done", jump(made, clock, run_id, JUMPS[name]))
                    told.figure("after it was set right", jump(made, clock, run_id, 0))
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {missing}")
