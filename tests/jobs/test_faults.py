"""Lost workers, lost messages, full disks: each job is done once, and whatever went wrong is said."""

import contextlib
import dataclasses
import errno
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from app.config import Settings, StoreAddress
from app.db.models import Project
from app.db.run_models import EpochMetric, RunFold
from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane
from app.domain.errors import AppError, OutOfSpace
from app.queue import Queue
from app.services import jobs, runs
from app.services.jobs import Claim
from app.storage import LocalStore
from tests.chaos.record import only_full
from tests.jobs import processes
from tests.jobs.processes import ENDLESS, QUICK
from worker import child, runner
from worker.order_items import Items
from worker.orders import TrainOrder
from worker.supervisor import Outcome, died


@pytest.fixture
def quick_settings(settings: Settings) -> Settings:
    """A lost worker is noticed soon, but no worker is taken for lost where the machine pauses for a moment."""
    return dataclasses.replace(settings, lease_seconds=10.0, resend_seconds=2.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


def epochs(database: Database, run_id: int) -> list[tuple[int, int]]:
    with database.read() as session:
        query = sa.select(EpochMetric.attempt, EpochMetric.epoch).where(EpochMetric.run_id == run_id)
        return sorted((row.attempt, row.epoch) for row in session.execute(query))


def one_after_the_other(rows: list[tuple[int, int]]) -> list[int]:
    """The epochs; the second attempt went on where the first was saved, and the first wrote no more."""
    ordered = [epoch for _, epoch in rows]
    assert ordered == list(range(1, len(ordered) + 1))
    assert rows[-1][0] == 2
    return ordered


@only_full
@pytest.mark.ml
@pytest.mark.slow
def test_worker__killed_in_a_training_leaves_no_process_and_the_next_one_does_the_job(
    quick_settings, database, store, log
):
    recipe = QUICK.updated({"epochs": 150})
    run = processes.add_run(database, processes.add_project(database, store), recipe)
    settings = dataclasses.replace(quick_settings, lease_seconds=600.0)  # on the same machine nobody waits for its end
    with processes.worker(settings, log) as first:
        processes.in_training(database, run.job_id)
        below = processes.descendants(first.process.pid)
        first.kill()
        processes.wait_for("the end of all processes", lambda: all(processes.gone(pid) for pid in below))
    with processes.worker(settings, log):
        job = processes.ended(database, run.job_id)
    assert (job.state, job.attempt) == (JobState.DONE, 2)
    assert one_after_the_other(epochs(database, run.id)) == list(range(1, 151))


@pytest.mark.ml
@pytest.mark.slow
def test_worker__told_to_end_gives_its_job_back_at_once(quick_settings, database, store, log):
    run = processes.add_run(database, processes.add_project(database, store), ENDLESS)
    with processes.worker(quick_settings, log) as worker:
        processes.in_training(database, run.job_id)
        assert worker.end() == 0
    job = processes.job_of(database, run.job_id)
    assert (job.state, job.owner, job.max_attempts) == (JobState.QUEUED, None, 4)
    with database.read() as session:
        assert jobs.workers_alive(session) == []


@only_full
@pytest.mark.ml
@pytest.mark.slow
def test_worker__that_was_frozen_writes_nothing_after_it_wakes(quick_settings, database, store, log, tmp_path):
    run = processes.add_run(database, processes.add_project(database, store), ENDLESS)
    with processes.worker(quick_settings, log) as frozen, contextlib.ExitStack() as thaw:
        processes.in_training(database, run.job_id)
        family = [frozen.process.pid, processes.child_of(frozen)]
        for pid in family:
            thaw.callback(processes.thaw, pid)  # whatever happens: a frozen process would stay for ever
        processes.wait_for("a moment at which it holds no lock", lambda: processes.freeze(database, family))
        with processes.worker(quick_settings, tmp_path / "second.log"):
            processes.wait_for("the second attempt", lambda: processes.job_of(database, run.job_id).attempt == 2)
            processes.in_training(database, run.job_id)
            thaw.close()
            processes.wait_for("the end of the old child", lambda: processes.gone(family[1]))
            processes.cancel(database, run.job_id, keep_best=True)
            job = processes.ended(database, run.job_id)
    assert (job.state, job.attempt) == (JobState.DONE, 2)
    assert one_after_the_other(epochs(database, run.id))[-1] > 1


@pytest.mark.ml
@pytest.mark.slow
@pytest.mark.redis
def test_redis__messages_wake_the_worker_and_lost_ones_are_repaired(quick_settings, database, store, log, redis_url):
    settings = dataclasses.replace(quick_settings, broker_url=redis_url)
    project_id = processes.add_project(database, store)
    queue = Queue(redis_url)
    with processes.worker(settings, log):
        processes.wait_for("the worker", lambda: _alive(database))
        told = _run_job(database, project_id, queue)
        lost = _run_job(database, project_id, None)
        assert [processes.ended(database, job_id).state for job_id in (told, lost)] == [JobState.DONE, JobState.DONE]
        queue.announce(told, Lane.GPU)  # a copy that comes late changes nothing
        again = _run_job(database, project_id, queue)
        assert processes.ended(database, again).state == JobState.DONE
        assert processes.job_of(database, told).attempt == 1


@pytest.mark.redis
def test_redis__anything_but_json_is_not_accepted(redis_url):
    conf = Queue(redis_url)._celery.conf
    assert (conf.accept_content, conf.task_serializer, conf.result_backend) == (["json"], "json", None)


@pytest.mark.ml
@pytest.mark.slow
@pytest.mark.postgres
def test_postgresql__a_training_from_its_row_to_its_end(quick_settings, postgres_database, store, log):
    url = postgres_database.engine.url.render_as_string(hide_password=False)
    settings = dataclasses.replace(quick_settings, database_url=url)
    run = processes.add_run(postgres_database, processes.add_project(postgres_database, store))
    with processes.worker(settings, log):
        assert processes.ended(postgres_database, run.job_id).state == JobState.DONE
    with postgres_database.read() as session:
        fold = session.get_one(RunFold, (run.id, 0))
        assert fold.stop_reason == "epochs"


def _alive(database: Database) -> bool:
    with database.read() as session:
        return bool(jobs.workers_alive(session))


def _run_job(database: Database, project_id: int, queue: Queue | None) -> int:
    with database.write() as session:
        session.info[jobs.QUEUE] = queue
        project = session.get_one(Project, project_id)
        return runs.create(session, project, QUICK, actor="tester").job_id


# --- reasons, without processes --------------------------------------------------------------------------------------


@pytest.fixture
def order() -> TrainOrder:
    none = np.array([], dtype=np.int64)
    items = Items(none, [], none.astype(np.int32))
    return TrainOrder(StoreAddress("file:///nowhere"), "", QUICK.to_json(), ("a", "b"), items, (), none)


@pytest.mark.parametrize(
    ("error", "code", "params"),
    [
        (MemoryError(), "out_of_memory", {"batch_size": 16, "image_size": 32}),
        (type("ResourceExhaustedError", (Exception,), {})(), "out_of_memory", {"batch_size": 16, "image_size": 32}),
        (OSError(errno.ENOSPC, "no space", "/data"), "disk_full", {"folder": "/data"}),
        (AppError("loss_not_finite", fold=1), "loss_not_finite", {"fold": 1}),
        (ValueError("odd"), "internal", {"error": "ValueError: odd"}),
    ],
)
def test_child__names_the_reason(order, error, code, params):
    failed = child.failure(error, order)
    assert (failed.code, failed.params) == (code, params)
    assert (failed.trace is not None) == (code == "internal")


@pytest.mark.parametrize(
    ("exit_code", "outcome", "code"),
    [
        (-9, Outcome.FAILED, "killed"),
        (-11, Outcome.FAILED, "crashed"),
        (child.EXIT_LEASE, Outcome.LOST, ""),
        (child.EXIT_ORPHAN, Outcome.LOST, ""),
        (3, Outcome.FAILED, "internal"),
    ],
)
def test_child__that_ended_without_a_word_is_explained(exit_code, outcome, code):
    end = died(exit_code, QUICK.to_json())
    assert (end.outcome, end.code) == (outcome, code)


class FullStore(LocalStore):
    """A store on a full disk."""

    def check_space(self) -> None:
        raise OutOfSpace(folder="data")


def test_runner__refuses_to_begin_on_a_full_disk(settings, database, project, tmp_path):
    with database.write() as session:
        job = jobs.create(session, project_id=project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={"run_id": 1})
        claim = jobs.claim(session, job.id, "w", 30)
    assert isinstance(claim, Claim)
    parts = processes.parts(settings, database, FullStore(tmp_path / "full"))
    runner.run(parts, claim)
    failed = processes.job_of(database, job.id)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "disk_full")


def test_runner__gives_a_job_back_when_the_database_was_away_but_not_for_ever(
    settings, database, project, store, monkeypatch
):
    def away(*_parts: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("server closed the connection unexpectedly"))

    monkeypatch.setitem(runner.WORK, JobKind.EXPLAIN, away)
    with database.write() as session:
        job = jobs.create(session, project_id=project.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={})
    parts = processes.parts(settings, database, store)
    states: list[str] = []
    while not states or states[-1] == JobState.QUEUED:
        with database.write() as session:
            claim = jobs.claim(session, job.id, "w", 30)
        assert isinstance(claim, Claim)
        runner.run(parts, claim)
        states.append(processes.job_of(database, job.id).state)
    assert states == [JobState.QUEUED] * runner.RELEASES + [JobState.FAILED]
    assert processes.job_of(database, job.id).error_code == "internal"


def test_runner__sqlite_on_a_full_disk_is_named(settings, database, project, store, monkeypatch):
    def full(*_parts: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setitem(runner.WORK, JobKind.EXPLAIN, full)
    with database.write() as session:
        job = jobs.create(session, project_id=project.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={})
        claim = jobs.claim(session, job.id, "w", 30)
    assert isinstance(claim, Claim)
    runner.run(processes.parts(settings, database, store), claim)
    assert processes.job_of(database, job.id).error_code == "disk_full"


def test_runner__a_run_that_is_gone_is_a_reason_and_no_crash(settings, database, project, store):
    with database.write() as session:
        job = jobs.create(session, project_id=project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={"run_id": 77})
        claim = jobs.claim(session, job.id, "w", 30)
    assert isinstance(claim, Claim)
    runner.run(processes.parts(settings, database, store), claim)
    assert processes.job_of(database, job.id).error_code == "run_missing"
