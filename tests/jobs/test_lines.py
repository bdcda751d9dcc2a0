"""Lanes, parents, workers and messages of jobs, on both databases."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.db.migrate import upgrade
from app.db.run_models import Job, Run
from app.db.session import Database, db_now
from app.domain.enums import JobKind, JobState, Lane
from app.queue import Queue
from app.services import job_list, jobs
from tests import factories
from tests.jobs.rows import claim, make, row


@pytest.fixture
def project_id(any_database: Database) -> int:
    with any_database.write() as session:
        return factories.make_project(session).id


def test_due__oldest_first_in_its_lane_and_not_twice(any_database, project_id):
    train = make(any_database, project_id, 3)
    quick = make(any_database, project_id, 1, Lane.CPU)
    with any_database.write() as session:
        assert Lane.GPU in jobs.lanes_due(session, 10)
        assert jobs.take_due(session, Lane.GPU, 2, 10) == train[:2]
        assert jobs.take_due(session, Lane.GPU, 2, 10) == train[2:]
        assert jobs.take_due(session, Lane.GPU, 2, 10) == []
        assert Lane.GPU not in jobs.lanes_due(session, 10)
        assert jobs.take_due(session, Lane.CPU, 2, 10) == quick


def test_due__a_lost_message_is_sent_again_and_a_refused_one_at_once(any_database, project_id):
    (job_id,) = make(any_database, project_id)
    with any_database.write() as session:
        jobs.take_due(session, Lane.GPU, 1, 10)
        session.execute(sa.update(Job).values(sent_at=db_now() - 11))
        assert jobs.take_due(session, Lane.GPU, 1, 10) == [job_id]
        assert Lane.GPU not in jobs.lanes_due(session, 10)
        assert jobs.put_back(session, job_id)
        assert Lane.GPU in jobs.lanes_due(session, 10)


def test_place_in_line__counts_the_own_lane_only(any_database, project_id):
    first, second, third = make(any_database, project_id, 3)
    make(any_database, project_id, 2, Lane.CPU)
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

    def announce(self, job_id: int, lane: str, needs: str = "") -> None:
        self.sent.append((job_id, lane))


def test_create__is_announced_after_the_commit_and_never_after_a_rollback(any_database, project_id):
    queue = Recording()
    with any_database.write() as session:
        session.info[jobs.QUEUE] = queue
        job = jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})
        assert queue.sent == []
    assert queue.sent == [(job.id, "gpu")]
    with any_database.read() as session:
        assert Lane.GPU not in jobs.lanes_due(session, 10)  # the message is on its way


def test_create__that_is_rolled_back_is_not_announced(any_database, project_id):
    queue = Recording()

    def fail() -> None:
        with any_database.write() as session:
            session.info[jobs.QUEUE] = queue
            jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert queue.sent == []


def test_queue__a_broker_that_is_away_costs_a_line_in_the_log(caplog):
    queue, seconds = Queue("redis://127.0.0.1:1/0"), []
    for _ in range(3):
        begin = time.perf_counter()
        queue.announce(7, "gpu")
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 1  # a person waits for the answer of the page; the first call imports what it needs
    assert [one.getMessage().partition(" (")[0] for one in caplog.records] == ["Job 7 could not be announced"] * 3
    Queue("memory://").announce(7, "gpu")
    assert len(caplog.records) == 3


@pytest.mark.postgres
def test_migrations__processes_that_start_together_do_not_collide(postgres_url):
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS fresh WITH (FORCE)")
        connection.exec_driver_sql("CREATE DATABASE fresh")
    admin.dispose()
    url = sa.make_url(postgres_url).set(database="fresh").render_as_string(hide_password=False)
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, databases))
    with databases[0].read() as session:
        assert jobs.workers_alive(session) == []
    for database in databases:
        database.dispose()


def test_overview__names_the_run_that_a_job_works_on_but_not_that_of_a_fold(any_database, project_id):
    (training,) = make(any_database, project_id)
    with any_database.write() as session:
        run = Run(project_id=project_id, number=7, kind="single", recipe={}, job_id=training, actor="test")
        session.add(run)
        session.flush()
        for kind in (JobKind.JUDGE, JobKind.FOLD, JobKind.FACTS):
            spec = {"run_id": run.id} if kind is not JobKind.FACTS else {}
            jobs.create(session, project_id=project_id, kind=kind, lane=Lane.CPU, spec=spec)
    with any_database.read() as session:
        found = {line.kind: (line.subject, line.run_number) for line in job_list.overview(session).waiting}
    nothing = (None, None)
    assert found == {
        JobKind.TRAIN: (None, 7), JobKind.JUDGE: (7, None), JobKind.FOLD: nothing, JobKind.FACTS: nothing
    }  # fmt: skip
