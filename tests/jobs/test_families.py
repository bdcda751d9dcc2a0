"""Parents and children in the job table: shared out, joined once, cancelled, tried again; on both databases."""

import concurrent.futures
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane
from app.services import jobs
from tests import factories
from tests.jobs.rows import claim, row

LINE: Any = {"kind": JobKind.TRAIN, "lane": Lane.GPU}


@pytest.fixture
def project_id(any_database: Database) -> int:
    with any_database.write() as session:
        return factories.make_project(session).id


def spread(database: Database, project: int, folds: int = 3, group: int | None = None) -> tuple[int, list[int]]:
    """A run whose folds were given away; (parent, children)."""
    with database.write() as session:
        parent = jobs.create(session, project_id=project, spec={"run_id": 1}, parent_id=group, priority=2, **LINE).id
    got = claim(database, parent)
    with database.write() as session:
        specs = [{"run_id": 1, "fold": fold} for fold in range(folds)]
        children = jobs.share_out(session, parent, got.attempt, JobKind.FOLD, specs)
        assert jobs.await_children(session, parent, got.attempt)
    return parent, children


def end(database: Database, job_id: int, *, well: bool = True) -> None:
    got = claim(database, job_id)
    with database.write() as session:
        if well:
            jobs.finish(session, job_id, got.attempt)
        else:
            jobs.fail(session, job_id, got.attempt, "crashed", {"signal": "SIGSEGV"})


def states(database: Database, *job_ids: int) -> list[str]:
    return [str(row(database, job_id).state) for job_id in job_ids]


def cancel(database: Database, job_id: int, **values: Any) -> None:
    with database.write() as session:
        jobs.cancel(session, job_id, **values)


def retry(database: Database, job_id: int) -> bool:
    with database.write() as session:
        return jobs.retry(session, job_id)


def test_share_out__children_have_the_parents_lane_priority_and_needs(any_database, project_id):
    parent, children = spread(any_database, project_id)
    assert states(any_database, parent, *children) == ["waiting", *["queued"] * 3]
    first = row(any_database, children[0])
    assert (first.parent_id, first.priority, first.spec) == (parent, 2, {"run_id": 1, "fold": 0})
    assert row(any_database, parent).owner is None


def test_share_out__a_worker_that_was_thought_dead_adds_nothing(any_database, project_id):
    parent, children = spread(any_database, project_id)
    with any_database.write() as session, pytest.raises(jobs.LeaseLost):
        jobs.share_out(session, parent, 1, JobKind.FOLD, [{"run_id": 1, "fold": 9}])
    with any_database.write() as session:
        assert not jobs.await_children(session, parent, 1)
        assert len(jobs.children(session, parent)) == len(children)


def test_join__the_parent_is_woken_by_the_last_child_and_has_its_attempts_left(any_database, project_id):
    parent, children = spread(any_database, project_id)
    for child in children:
        assert states(any_database, parent) == ["waiting"]
        end(any_database, child)
    assert states(any_database, parent) == ["queued"]
    for left in (2, 1, 0):  # the one who joins dies
        got = claim(any_database, parent)
        with any_database.write() as session:
            session.execute(sa.update(Job).where(Job.id == parent).values(lease_until=1.0))
        with any_database.write() as session:
            jobs.reap(session)
        assert states(any_database, parent) == ["queued" if left else "failed"]
    assert got.attempt == 4  # waiting for the children was no attempt


def test_join__twenty_children_that_end_at_the_same_moment_wake_it_once(any_database, project_id):
    parent, children = spread(any_database, project_id, folds=20)
    claims = {child: claim(any_database, child) for child in children}
    gate = threading.Barrier(8)
    woken = []

    def finish(share: list[int]) -> None:
        gate.wait()
        for child in share:
            with any_database.write() as session:
                assert jobs.finish(session, child, claims[child].attempt)
            woken.append(row(any_database, parent).state)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(finish, [children[start::8] for start in range(8)]))
    assert states(any_database, parent) == ["queued"]
    assert woken.count("queued") <= 8
    takers = [claim(any_database, parent, owner) for owner in ("a", "b", "c")]
    assert [taken is not None for taken in takers] == [True, False, False]


def test_failed_child__is_named_and_the_others_are_kept_and_it_alone_is_tried_again(any_database, project_id):
    parent, (first, second, third) = spread(any_database, project_id)
    end(any_database, first)
    end(any_database, second, well=False)
    assert states(any_database, parent) == ["waiting"]
    end(any_database, third)
    failed = row(any_database, parent)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "fold_failed")
    assert failed.error_params == {"folds": "2", "failed": 1, "total": 3}
    assert retry(any_database, second)
    assert states(any_database, parent, first, second, third) == ["waiting", "done", "queued", "done"]
    again = row(any_database, second)
    assert (again.error_code, again.finished_at, again.max_attempts) == (None, None, again.attempt + 3)
    end(any_database, second)
    assert states(any_database, parent) == ["queued"]


def test_retry__of_the_parent_takes_the_children_that_failed(any_database, project_id):
    parent, (first, second, third) = spread(any_database, project_id)
    for child, well in ((first, False), (second, True), (third, False)):
        end(any_database, child, well=well)
    assert retry(any_database, parent)
    assert states(any_database, parent, first, second, third) == ["waiting", "queued", "done", "queued"]
    assert not retry(any_database, second)


def test_retry__of_a_parent_whose_own_part_failed(any_database, project_id):
    parent, children = spread(any_database, project_id)
    for child in children:
        end(any_database, child)
    end(any_database, parent, well=False)
    assert retry(any_database, parent)
    assert states(any_database, parent, *children) == ["queued", *["done"] * 3]


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_retry__of_a_single_job(any_database, project_id, how):
    with any_database.write() as session:
        job_id = jobs.create(session, project_id=project_id, spec={}, **LINE).id
    assert not retry(any_database, job_id)
    if how == "failed":
        end(any_database, job_id, well=False)
    else:
        cancel(any_database, job_id)
    assert retry(any_database, job_id)
    assert states(any_database, job_id) == ["queued"]


def test_cancel__takes_queued_and_running_children(any_database, project_id):
    parent, children = spread(any_database, project_id)
    got = claim(any_database, children[0])
    cancel(any_database, parent)
    assert states(any_database, parent, *children) == ["cancelled", "cancelling", "cancelled", "cancelled"]
    with any_database.write() as session:
        jobs.end_cancelled(session, children[0], got.attempt)
    assert states(any_database, parent, children[0]) == ["cancelled", "cancelled"]


def test_cancel__keeping_the_best_sums_up_what_there_is(any_database, project_id):
    parent, children = spread(any_database, project_id)
    got = claim(any_database, children[0])
    cancel(any_database, parent, keep_best=True)
    assert states(any_database, parent, *children) == ["waiting", "cancelling", "cancelled", "cancelled"]
    with any_database.write() as session:
        jobs.finish(session, children[0], got.attempt)
    assert states(any_database, parent, children[0]) == ["queued", "done"]
    assert claim(any_database, parent).keep_best


def test_group__ends_with_its_last_training_and_without_a_worker(any_database, project_id):
    with any_database.write() as session:
        group = jobs.create(
            session, project_id=project_id, kind=JobKind.GROUP, lane=Lane.GPU, spec={}, state=JobState.WAITING
        ).id
        single = jobs.create(session, project_id=project_id, spec={}, parent_id=group, **LINE).id
    parent, children = spread(any_database, project_id, 2, group)
    end(any_database, single)
    end(any_database, children[0])
    end(any_database, children[1], well=False)
    assert states(any_database, parent, group) == ["failed", "failed"]
    assert row(any_database, group).error_params == {"failed": 1, "total": 2}
    assert retry(any_database, children[1])
    assert states(any_database, group, parent, single) == ["waiting", "waiting", "done"]
    end(any_database, children[1])
    end(any_database, parent)
    assert states(any_database, group) == ["done"]


def test_group__cancelled_with_everything_in_it(any_database, project_id):
    with any_database.write() as session:
        group = jobs.create(
            session, project_id=project_id, kind=JobKind.GROUP, lane=Lane.GPU, spec={}, state=JobState.WAITING
        ).id
    parent, children = spread(any_database, project_id, 2, group)
    cancel(any_database, group)
    assert states(any_database, group, parent, *children) == ["cancelled"] * 4


@pytest.mark.parametrize("lost", [False, True])
def test_parent__that_fails_with_its_own_part_stops_its_children_and_is_tried_again_with_them(
    any_database, project_id, lost
):
    with any_database.write() as session:
        parent = jobs.create(session, project_id=project_id, spec={"run_id": 1}, **LINE).id
        session.execute(sa.update(Job).where(Job.id == parent).values(max_attempts=1))
    got = claim(any_database, parent)
    with any_database.write() as session:
        specs = [{"run_id": 1, "fold": fold} for fold in (1, 2, 3)]
        children = jobs.share_out(session, parent, got.attempt, JobKind.FOLD, specs)
    end(any_database, children[0])
    running = claim(any_database, children[1])
    with any_database.write() as session:
        if lost:
            session.execute(sa.update(Job).where(Job.id == parent).values(lease_until=1.0))
            assert jobs.reap(session) == [parent]
        else:
            jobs.fail(session, parent, got.attempt, "loss_not_finite")
    assert states(any_database, parent, *children) == ["failed", "done", "cancelling", "cancelled"]
    with any_database.write() as session:
        jobs.end_cancelled(session, children[1], running.attempt)
    assert retry(any_database, parent)
    assert states(any_database, parent, *children) == ["waiting", "done", "queued", "queued"]


def test_cancel__waits_for_a_training_that_is_just_giving_its_folds_away(any_database, project_id):
    with any_database.write() as session:
        group = jobs.create(
            session, project_id=project_id, kind=JobKind.GROUP, lane=Lane.GPU, spec={}, state=JobState.WAITING
        ).id
        training = jobs.create(session, project_id=project_id, spec={"run_id": 1}, parent_id=group, **LINE).id
    got = claim(any_database, training)
    with ThreadPoolExecutor(1) as pool:
        with any_database.write() as session:
            children = jobs.share_out(session, training, got.attempt, JobKind.FOLD, [{"run_id": 1, "fold": 0}])
            stopped = pool.submit(cancel, any_database, group)
            # The cancellation has begun when it holds the group, or cannot begin before this commit (SQLite).
            concurrent.futures.wait([stopped], 0.3)
        stopped.result()
    assert states(any_database, group, training, *children) == ["cancelled", "cancelling", "cancelled"]


@pytest.mark.parametrize("seed", range(3))
def test_ends_and_stops_at_the_same_time__neither_deadlock_nor_leave_anybody_waiting(any_database, project_id, seed):
    families = [spread(any_database, project_id, folds=4) for _ in range(4)]
    claims = {child: claim(any_database, child) for _, children in families for child in children}

    def act(number: int) -> None:
        parent, children = families[number % 4]
        with any_database.write() as session:
            if number < 16:
                jobs.finish(session, children[number // 4], claims[children[number // 4]].attempt)
            elif number < 20:
                jobs.cancel(session, parent, keep_best=bool((number + seed) % 2))
            else:
                jobs.reap(session)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, sorted(range(24), key=lambda number: (number * 7 + seed * 5) % 24)))
    for parent, children in families:
        assert row(any_database, parent).state in (JobState.QUEUED, JobState.CANCELLED)
        assert not {"running", "waiting"} & set(states(any_database, *children))
