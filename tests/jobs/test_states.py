"""The state machine of jobs, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.db.run_models import Job
from app.db.session import Database, db_now
from app.domain.enums import JobKind, JobState, Lane
from app.queue import Queue
from app.services import jobs
from tests import factories

LEASE = 30.0


@pytest.fixture
def project_id(any_database: Database) -> int:
    with any_database.write() as session:
        return factories.make_project(session).id


def make(database: Database, project_id: int, count: int = 1, lane: Lane = Lane.TRAIN, **values) -> list[int]:
    with database.write() as session:
        made = [
            jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=lane, spec={}, **values)
            for _ in range(count)
        ]
        return [job.id for job in made]


def row(database: Database, job_id: int) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)


def claim(database: Database, job_id: int, owner: str = "w1", lease: float = LEASE):
    with database.write() as session:
        return jobs.claim(session, job_id, owner, lease)


def lose(database: Database, job_id: int) -> None:
    """The lease of the job is over, as if its worker had been silent for a long time."""
    with database.write() as session:
        session.execute(sa.update(Job).where(Job.id == job_id).values(lease_until=db_now() - 1))


def test_claim__two_workers_get_one_job_once(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    first, second = claim(any_database, job_id, "w1"), claim(any_database, job_id, "w2")
    assert first is not None
    assert (first.attempt, first.kind, first.lane) == (1, JobKind.TRAIN, Lane.TRAIN)
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


def test_due__oldest_first_in_its_lane_and_not_twice(any_database, project_id):
    train = make(any_database, project_id, 3)
    quick = make(any_database, project_id, 1, Lane.QUICK)
    with any_database.write() as session:
        assert jobs.any_due(session, Lane.TRAIN, 10)
        assert jobs.take_due(session, Lane.TRAIN, 2, 10) == train[:2]
        assert jobs.take_due(session, Lane.TRAIN, 2, 10) == train[2:]
        assert jobs.take_due(session, Lane.TRAIN, 2, 10) == []
        assert not jobs.any_due(session, Lane.TRAIN, 10)
        assert jobs.take_due(session, Lane.QUICK, 2, 10) == quick


def test_due__a_lost_message_is_sent_again_and_a_refused_one_at_once(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    with any_database.write() as session:
        jobs.take_due(session, Lane.TRAIN, 1, 10)
        session.execute(sa.update(Job).values(sent_at=db_now() - 11))
        assert jobs.take_due(session, Lane.TRAIN, 1, 10) == [job_id]
        assert not jobs.any_due(session, Lane.TRAIN, 10)
        assert jobs.put_back(session, job_id)
        assert jobs.any_due(session, Lane.TRAIN, 10)


def test_place_in_line__counts_the_own_lane_only(any_database, project_id):
    first, second, third = make(any_database, project_id, 3)
    make(any_database, project_id, 2, Lane.QUICK)
    claim(any_database, first)
    with any_database.read() as session:
        places = [jobs.place_in_line(session, session.get_one(Job, job_id)) for job_id in (first, second, third)]
    assert places == [0, 1, 2]


def test_parent__is_queued_when_its_last_child_ends(any_database, project_id):
    (parent,) = make(any_database, project_id)
    with any_database.write() as session:
        session.execute(sa.update(Job).where(Job.id == parent).values(state=JobState.WAITING))
    children = make(any_database, project_id, 2, parent_id=parent)
    for left, child in zip((1, 0), children, strict=True):
        got = claim(any_database, child)
        with any_database.write() as session:
            jobs.finish(session, child, got.attempt)
        assert row(any_database, parent).state == (JobState.WAITING if left else JobState.QUEUED)


def test_parent__is_cancelled_with_its_children(any_database, project_id):
    (parent,) = make(any_database, project_id)
    running, queued = make(any_database, project_id, 2, parent_id=parent)
    claim(any_database, running)
    with any_database.write() as session:
        jobs.cancel(session, parent)
    states = [row(any_database, job_id).state for job_id in (parent, running, queued)]
    assert states == [JobState.CANCELLED, JobState.CANCELLING, JobState.CANCELLED]


def test_workers__alive_until_they_are_silent_or_sign_off(any_database, project_id):
    with any_database.write() as session:
        assert jobs.workers_alive(session) == []
        jobs.heartbeat(session, "a:1", {"cpus": 2})
        jobs.heartbeat(session, "b:2", {"cpus": 2})
        jobs.heartbeat(session, "b:2", {"cpus": 4})
    with any_database.read() as session:
        assert [(worker.name, worker.info) for worker in jobs.workers_alive(session)] == [
            ("a:1", {"cpus": 2}),
            ("b:2", {"cpus": 4}),
        ]
    with any_database.write() as session:
        jobs.sign_off(session, "a:1")
        session.execute(sa.text("UPDATE worker SET heartbeat = heartbeat - 16"))
    with any_database.read() as session:
        assert jobs.workers_alive(session) == []


class Recording(Queue):
    """Remembers instead of sending."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.sent: list[tuple[int, str]] = []

    def announce(self, job_id: int, lane: str) -> None:
        self.sent.append((job_id, lane))


def test_create__is_announced_after_the_commit_and_never_after_a_rollback(any_database, project_id):
    queue = Recording()
    with any_database.write() as session:
        session.info[jobs.QUEUE] = queue
        job = jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.TRAIN, spec={})
        assert queue.sent == []
    assert queue.sent == [(job.id, "train")]
    with any_database.read() as session:
        assert not jobs.any_due(session, Lane.TRAIN, 10)  # the message is on its way


def test_create__that_is_rolled_back_is_not_announced(any_database, project_id):
    queue = Recording()

    def fail() -> None:
        with any_database.write() as session:
            session.info[jobs.QUEUE] = queue
            jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.TRAIN, spec={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert queue.sent == []


def test_queue__a_broker_that_is_away_costs_a_line_in_the_log(caplog):
    Queue("redis://127.0.0.1:1/0").announce(7, "train")
    assert "Job 7 could not be announced" in caplog.text
    Queue("memory://").announce(7, "train")
    assert len(caplog.records) == 1
