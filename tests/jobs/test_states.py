"""The state machine of jobs, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.db.run_models import Job
from app.db.session import Database, db_now
from app.domain.enums import JobKind, JobState, Lane
from app.services import jobs
from tests import factories
from tests.jobs.rows import LEASE, claim, make, row


@pytest.fixture
def project_id(any_database: Database) -> int:
    with any_database.write() as session:
        return factories.make_project(session).id


def lose(database: Database, job_id: int) -> None:
    """The lease of the job is over, as if its worker had been silent for a long time."""
    with database.write() as session:
        session.execute(sa.update(Job).where(Job.id == job_id).values(lease_until=db_now() - 1))


def test_claim__two_workers_get_one_job_once(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    first, second = claim(any_database, job_id, "w1"), claim(any_database, job_id, "w2")
    assert first is not None
    assert (first.attempt, first.kind, first.lane) == (1, JobKind.TRAIN, Lane.GPU)
    assert second is None
    assert row(any_database, job_id).owner == "w1"


def test_claim__fifty_jobs_and_eight_workers_at_once_each_exactly_once(any_database, project_id):
    ids = make(any_database, project_id, 50)
    start = threading.Barrier(8)
    won: list[int] = []

    def work(number: int) -> None:
        start.wait()
        own = ids[number:] + ids[:number]
        won.extend(job_id for job_id in own if claim(any_database, job_id, f"w{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(won) == ids


def test_finish__only_the_present_attempt_may(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    old = claim(any_database, job_id)
    lose(any_database, job_id)
    with any_database.write() as session:
        assert jobs.reap(session) == [job_id]
    new = claim(any_database, job_id, "w2")
    assert (old.attempt, new.attempt) == (1, 2)
    with any_database.write() as session:
        assert not jobs.finish(session, job_id, old.attempt)
        assert not jobs.renew(session, job_id, old.attempt, LEASE)
        assert not jobs.set_progress(session, job_id, old.attempt, {"done": 1})
        with pytest.raises(jobs.LeaseLost):
            jobs.fence(session, job_id, old.attempt)
        jobs.fence(session, job_id, new.attempt)
        assert jobs.finish(session, job_id, new.attempt)
    ended = row(any_database, job_id)
    assert (ended.state, ended.owner, ended.lease_until) == (JobState.DONE, None, None)
    assert ended.finished_at is not None
    with any_database.write() as session, pytest.raises(jobs.LeaseLost):
        jobs.fence(session, job_id, new.attempt)


def test_fail__keeps_the_reason(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id)
    with any_database.write() as session:
        assert jobs.fail(session, job_id, got.attempt, "out_of_memory", {"batch_size": 64}, "trace")
    failed = row(any_database, job_id)
    assert (failed.state, failed.error_code, failed.error_params) == ("failed", "out_of_memory", {"batch_size": 64})
    assert failed.error_trace == "trace"


def test_fail__a_trace_of_any_bytes_is_kept(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id)
    with any_database.write() as session:
        assert jobs.fail(session, job_id, got.attempt, "internal", {"error": "x"}, "a\x00b \udcff\x1b[0m\n\t日本")
    assert row(any_database, job_id).error_trace == "a?b ??[0m\n\t日本"


def test_cancel__a_queued_job_ends_at_once_and_cannot_be_claimed(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    with any_database.write() as session:
        jobs.cancel(session, job_id)
    assert row(any_database, job_id).state == JobState.CANCELLED
    assert claim(any_database, job_id) is None


@pytest.mark.parametrize(
    ("keep_best", "again", "state"), [(False, None, "cancelled"), (True, None, "done"), (True, False, "cancelled")]
)
def test_cancel__a_running_job_ends_when_its_worker_says_so(any_database, project_id, keep_best, again, state):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id)
    with any_database.write() as session:
        jobs.cancel(session, job_id, keep_best=keep_best)
        if again is not None:
            jobs.cancel(session, job_id, keep_best=again)
    with any_database.read() as session:
        assert jobs.peek(session, job_id) == jobs.Peek(JobState.CANCELLING, got.attempt, keep_best and again is None)
    with any_database.write() as session:
        assert jobs.finish(session, job_id, got.attempt)
    assert row(any_database, job_id).state == state


def test_cancel__stop_at_once_is_not_softened_later(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    claim(any_database, job_id)
    with any_database.write() as session:
        jobs.cancel(session, job_id)
        jobs.cancel(session, job_id, keep_best=True)
    assert not row(any_database, job_id).keep_best


def test_cancel__a_job_that_has_ended_stays_as_it_is(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id)
    with any_database.write() as session:
        jobs.finish(session, job_id, got.attempt)
        jobs.cancel(session, job_id)
    assert row(any_database, job_id).state == JobState.DONE


def test_reap__a_lease_that_holds_is_left_alone(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    claim(any_database, job_id)
    with any_database.write() as session:
        assert jobs.reap(session) == []
    assert row(any_database, job_id).state == JobState.RUNNING


def test_reap__after_three_lost_workers_the_job_fails_with_a_reason(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    for attempt in (1, 2, 3):
        assert claim(any_database, job_id).attempt == attempt
        lose(any_database, job_id)
        with any_database.write() as session:
            jobs.reap(session)
    failed = row(any_database, job_id)
    assert (failed.state, failed.error_code, failed.error_params) == ("failed", "worker_lost", {"attempts": 3})


def test_reap__a_job_that_was_to_stop_is_cancelled(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    claim(any_database, job_id)
    with any_database.write() as session:
        jobs.cancel(session, job_id)
    lose(any_database, job_id)
    with any_database.write() as session:
        jobs.reap(session)
    assert row(any_database, job_id).state == JobState.CANCELLED


def test_reap__a_training_that_was_to_keep_its_best_is_left_to_another_worker(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    for attempt in (1, 2, 3):
        assert claim(any_database, job_id).keep_best is (attempt > 1)
        with any_database.write() as session:
            jobs.cancel(session, job_id, keep_best=True)
        lose(any_database, job_id)
        with any_database.write() as session:
            jobs.reap(session)
        assert row(any_database, job_id).state == (JobState.QUEUED if attempt < 3 else JobState.CANCELLED)


def test_release__a_training_that_was_to_keep_its_best_is_left_to_another_worker(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id)
    with any_database.write() as session:
        jobs.cancel(session, job_id, keep_best=True)
        assert jobs.release(session, job_id, got.attempt)
    assert claim(any_database, job_id).keep_best


@pytest.mark.parametrize("begun", [True, False])
def test_cancel__a_training_that_waits_to_go_on_keeps_its_best(any_database, project_id, begun):
    (job_id,) = make(any_database, project_id)
    if begun:
        got = claim(any_database, job_id)
    with any_database.write() as session:
        assert not begun or jobs.release(session, job_id, got.attempt)
        jobs.cancel(session, job_id, keep_best=True)
    left = row(any_database, job_id)
    assert (left.state, left.keep_best) == ((JobState.QUEUED, True) if begun else (JobState.CANCELLED, False))
    with any_database.write() as session:
        jobs.cancel(session, job_id)
    assert row(any_database, job_id).state == JobState.CANCELLED


def test_release__gives_the_job_back_without_using_up_an_attempt(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    for _ in range(5):
        got = claim(any_database, job_id)
        with any_database.write() as session:
            assert jobs.release(session, job_id, got.attempt)
    lasting = row(any_database, job_id)
    assert (lasting.state, lasting.attempt, lasting.max_attempts) == (JobState.QUEUED, 5, 8)


def test_release__a_job_that_was_to_stop_is_cancelled(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id)
    with any_database.write() as session:
        jobs.cancel(session, job_id)
        assert jobs.release(session, job_id, got.attempt)
    assert row(any_database, job_id).state == JobState.CANCELLED
