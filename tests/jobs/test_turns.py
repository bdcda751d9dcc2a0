"""Who is next, who may take it, how many may wait, and clocks that are set."""

import dataclasses
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import clock
from app.db.run_models import Job
from app.db.session import Database, db_now
from app.domain.enums import JobKind, JobState, Lane
from app.domain.errors import Invalid
from app.queue import Queue
from app.services import jobs
from app.services.jobs import Able, Held
from tests import factories
from tests.jobs import processes
from tests.jobs.rows import claim, make, row
from worker.keeper import Keeper
from worker.lost import Patience

LAPTOP, CARDS = Able("laptop"), Able("cards", gpu=True)


@pytest.fixture
def project_id(any_database: Database) -> int:
    with any_database.write() as session:
        return factories.make_project(session).id


@pytest.fixture
def other_id(any_database: Database) -> int:
    with any_database.write() as session:
        return factories.make_project(session, "細胞").id


def order(database: Database, lane: Lane = Lane.GPU) -> list[int]:
    with database.read() as session:
        return list(jobs.in_order(session, lane))


def due(database: Database, able: Able | None = None, limit: int = 10) -> list[int]:
    with database.write() as session:
        return jobs.take_due(session, Lane.GPU, limit, 10, able)


def test_order__projects_take_turns(any_database, project_id, other_id):
    many = make(any_database, project_id, 4)
    few = make(any_database, other_id, 2)
    assert order(any_database) == [many[0], few[0], many[1], few[1], many[2], many[3]]
    claim(any_database, many[0])
    assert order(any_database) == [few[0], many[1], few[1], many[2], many[3]]


def test_order__a_single_place_goes_round(any_database, project_id, other_id):
    many, few = make(any_database, project_id, 3), make(any_database, other_id, 3)
    served = []
    for _ in range(6):
        job_id = order(any_database)[0]
        got = claim(any_database, job_id)
        with any_database.write() as session:
            jobs.finish(session, job_id, got.attempt)
        served.append(job_id)
    assert served == [many[0], few[0], many[1], few[1], many[2], few[2]]


def test_order__priority_before_turns_and_what_has_begun_before_what_has_not(any_database, project_id, other_id):
    plain, back = make(any_database, project_id, 2)
    (urgent,) = make(any_database, other_id, priority=1)
    got = claim(any_database, back)
    with any_database.write() as session:
        jobs.release(session, back, got.attempt)
    assert order(any_database) == [urgent, back, plain]


def test_move_up__before_all_others_and_again_changes_nothing(any_database, project_id):
    first, second, third = make(any_database, project_id, 3)
    for _ in range(3):
        with any_database.write() as session:
            assert jobs.move_up(session, third)
    assert order(any_database) == [third, first, second]
    assert row(any_database, third).priority == 1
    with any_database.write() as session:
        assert jobs.set_priority(session, second, 5)
    assert order(any_database) == [second, third, first]
    with any_database.read() as session:
        places = [jobs.place_in_line(session, session.get_one(Job, job_id)) for job_id in (first, second, third)]
    assert places == [3, 1, 2]
    claim(any_database, first)
    with any_database.write() as session:
        assert not jobs.move_up(session, first)


def test_move_up__a_family_takes_its_children_along(any_database, project_id):
    other, parent = make(any_database, project_id, 2)
    children = make(any_database, project_id, 2, parent_id=parent)
    with any_database.write() as session:
        session.execute(sa.update(Job).where(Job.id == parent).values(state=JobState.WAITING))
        assert jobs.move_up(session, parent)
    assert order(any_database) == [*children, other]


def test_needs__are_matched_when_handed_out_and_again_when_claimed(any_database, project_id):
    plain, card, named = (make(any_database, project_id, needs=needs)[0] for needs in ("", "gpu", "worker:laptop"))
    for job_id, able in ((card, LAPTOP), (named, CARDS)):
        with any_database.write() as session:
            assert jobs.claim(session, job_id, "w", 30, able) is None
            assert jobs.waiting_lane(session, job_id, able) is None
    assert due(any_database, CARDS) == [plain, card]
    assert due(any_database, LAPTOP) == [named]
    with any_database.write() as session:
        assert jobs.lanes_due(session, 10, LAPTOP) == set()
        assert jobs.claim(session, card, "w", 30, CARDS) is not None


def test_limit__of_waiting_jobs_of_a_project(any_database, project_id, other_id):
    queue = Queue("memory://", max_queued=2)
    line: Any = {"kind": JobKind.TRAIN, "lane": Lane.GPU, "spec": {}}

    def add(project: int, **values: Any) -> Job:
        with any_database.write() as session:
            session.info[jobs.QUEUE] = queue
            return jobs.create(session, project_id=project, **line, **values)

    first = add(project_id)
    add(project_id)
    with pytest.raises(Invalid, match="queue_full") as refused:
        add(project_id)
    assert refused.value.params == {"count": 2, "more": 1, "limit": 2}
    add(project_id, parent_id=first.id)  # a part of what was let in
    add(other_id)


@pytest.mark.parametrize("shift", [-7200.0, 7200.0])
def test_clock__set_back_or_forward_loses_no_message_and_no_worker(any_database, project_id, shift):
    """All moments in the table are as far away as if the clock had been set by ``shift`` in between."""
    (job_id,) = make(any_database, project_id)
    assert due(any_database) == [job_id]
    with any_database.write() as session:
        jobs.heartbeat(session, "w", {})
        session.execute(sa.text(f"UPDATE job SET sent_at = sent_at - {shift}"))
        session.execute(sa.text(f"UPDATE worker SET heartbeat = heartbeat - {shift}"))
    with any_database.read() as session:
        assert jobs.workers_alive(session) == []  # until its next sign of life, three seconds later
    with any_database.write() as session:
        jobs.heartbeat(session, "w", {})
        assert len(jobs.workers_alive(session)) == 1
    assert due(any_database) == [job_id]


@pytest.mark.parametrize("shift", [-7200.0, 7200.0])
def test_clock__a_living_worker_keeps_its_job_and_a_dead_one_loses_it_in_time(any_database, project_id, shift):
    (job_id,) = make(any_database, project_id)
    got = claim(any_database, job_id, lease=30)
    patience = Patience(30)

    def lost(now: float) -> list[Held]:
        with any_database.read() as session:
            return patience.lost(jobs.held(session), now)

    assert lost(0) == []
    with any_database.write() as session:  # the clock is set
        session.execute(sa.update(Job).values(lease_until=Job.lease_until - shift))
    assert lost(5) == []
    with any_database.write() as session:  # the worker lives, and renews at a third of its lease
        assert jobs.renew(session, job_id, got.attempt, 30)
    assert [lost(now) for now in (15, 20, 25)] == [[], [], []]
    with any_database.write() as session:  # the clock is set again, and the worker dies
        session.execute(sa.update(Job).values(lease_until=Job.lease_until - shift))
    assert lost(26) == []
    (gone,) = lost(26 + 1.5 * 30)
    with any_database.write() as session:
        assert jobs.reap(session, [dataclasses.replace(gone, lease_until=gone.lease_until + 1)]) == []  # was renewed
        assert jobs.reap(session, [gone]) == [job_id]
        assert not jobs.finish(session, job_id, got.attempt)
    assert row(any_database, job_id).state == JobState.QUEUED


def test_clock__of_sqlite_is_not_the_one_that_people_set(database, monkeypatch):
    with database.read() as session:
        before = session.scalar(sa.select(db_now()))
    monkeypatch.setattr("time.time", lambda: 0.0)
    with database.read() as session:
        assert 0 <= session.scalar(sa.select(db_now())) - before < 60


def test_clock__leases_of_an_earlier_start_of_the_machine_are_over(database, monkeypatch, tmp_path):
    with database.write() as session:
        project = factories.make_project(session).id
    (job_id,) = make(database, project)
    claim(database, job_id, lease=1e5)
    for name in ("0b9e", "ffff01"):
        (tmp_path / "boot_id").write_text(name)
        monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "boot_id")
        clock._offset.cache_clear()
        with database.read() as session:
            assert [one.over for one in jobs.held(session)] == [True]
    monkeypatch.undo()
    clock._offset.cache_clear()


def test_keeper__sends_a_job_to_the_queue_of_those_that_can_meet_its_needs(settings, database, store):
    with database.write() as session:
        project = factories.make_project(session).id
    here = processes.parts(dataclasses.replace(settings, worker_host="cards"), database, store)
    (bound,) = make(database, project, needs="worker:cards")
    make(database, project, needs="worker:laptop")
    sent: list[tuple[int, Lane, str]] = []
    Keeper(here, lambda *message: sent.append(message)).look()
    assert sent == [(bound, Lane.GPU, "worker:cards")]
