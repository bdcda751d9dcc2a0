"""Folds of one run trained by two real workers: the same models, joined once, whoever dies or fails."""

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.config import Settings
from app.db.models import Project
from app.db.run_models import Job, Prediction, Run, RunFold
from app.db.session import Database
from app.domain.enums import JobKind, JobState
from app.domain.recipe import Recipe
from app.services import jobs, progress, runs
from app.services.runs import How
from app.services.spreading import Spread
from app.storage import LocalStore
from tests.chaos.record import only_full
from tests.jobs.processes import ENDLESS, QUICK, WorkerProcess, add_project, ended, job_of, wait_for, worker
from worker.child import NAME

pytestmark = [pytest.mark.slow, pytest.mark.ml]
FOLDS = QUICK.updated({"folds": 3, "seed": 5, "deterministic": True})


@contextlib.contextmanager
def two_workers(settings: Settings, folder: Path) -> Iterator[list[WorkerProcess]]:
    with worker(settings, folder / "one.log") as one, worker(settings, folder / "two.log") as two:
        yield [one, two]


@pytest.fixture
def quick_lease(settings: Settings) -> Settings:
    return dataclasses.replace(settings, lease_seconds=10.0)


@pytest.fixture
def pictures(database: Database, store: LocalStore) -> int:
    return add_project(database, store)


def add(database: Database, project_id: int, recipe: Recipe, spread: Spread) -> Run:
    with database.write() as session:
        project = session.get_one(Project, project_id)
        return runs.create(session, project, recipe, actor="tester", how=How(spread=spread))


def children(database: Database, run: Run) -> list[Job]:
    with database.read() as session:
        return jobs.children(session, run.job_id)


def facts(database: Database, run: Run) -> dict[str, Any]:
    """Everything a run leaves that must not depend on who trained its folds."""
    with database.read() as session:
        folds = session.scalars(sa.select(RunFold).where(RunFold.run_id == run.id).order_by(RunFold.fold)).all()
        said = sa.select(Prediction.item_id, Prediction.fold, Prediction.role, Prediction.probabilities)
        first = session.scalar(sa.select(sa.func.min(Prediction.item_id)).where(Prediction.run_id == run.id)) or 0
        rows = session.execute(said.where(Prediction.run_id == run.id)).all()
        return {
            "folds": [(one.fold, one.weights_sha256, one.best_epoch, one.stop_reason, one.metrics) for one in folds],
            "predictions": sorted((row[0] - first, row[1], row[2], row[3]) for row in rows),
        }


@only_full
def test_spread__the_same_models_and_predictions_as_together(settings, database, pictures, tmp_path):
    with two_workers(settings, tmp_path):
        together = add(database, pictures, FOLDS, Spread.TOGETHER)
        assert ended(database, together.job_id).state == JobState.DONE
        assert children(database, together) == []
        apart = add(database, pictures, FOLDS, Spread.SPREAD)
        parent = ended(database, apart.job_id)
    assert parent.state == JobState.DONE, parent.error_trace
    trained = children(database, apart)
    assert [(one.kind, one.state, one.spec["fold"]) for one in trained] == [
        (JobKind.FOLD, JobState.DONE, fold) for fold in range(3)
    ]
    assert facts(database, apart) == facts(database, together)
    with database.read() as session:
        assert progress.snapshot(session, session.get_one(Run, apart.id)).share == 1.0


@only_full
def test_auto__a_run_that_proves_long_gives_its_later_folds_away_and_keeps_the_best_of_all(
    settings, database, pictures, tmp_path
):
    with two_workers(settings, tmp_path):
        run = add(database, pictures, ENDLESS.updated({"folds": 3, "epochs": 2000, "seed": 5}), Spread.AUTO)

        def both() -> bool:
            busy = [one for one in children(database, run) if one.progress.get("epoch", 0) > 1]
            return bool(busy) and job_of(database, run.job_id).progress.get("epoch", 0) > 1

        wait_for("a fold on the other worker while the first one goes on", both)
        given = [one.spec["fold"] for one in children(database, run)]
        assert given == [1, 2]
        with database.read() as session:
            now = progress.snapshot(session, session.get_one(Run, run.id))
        assert (now.state, now.fold, now.folds) == (JobState.RUNNING, 0, 3)
        with database.write() as session:
            jobs.cancel(session, run.job_id, keep_best=True)
        assert ended(database, run.job_id).state == JobState.DONE
    found = facts(database, run)
    stops = {fold: reason for fold, weights, _, reason, _ in found["folds"] if weights}
    assert set(stops.values()) == {"stopped"}
    assert set(stops) >= {0, 1}
    assert sum(fold == -1 for _, fold, _, _ in found["predictions"]) == 8  # the mean, once for each test picture


@only_full
def test_join__the_worker_that_sums_up_is_killed_and_the_other_one_does_it(quick_lease, database, pictures, tmp_path):
    with two_workers(quick_lease, tmp_path) as workers:
        run = add(database, pictures, FOLDS, Spread.SPREAD)

        def summing() -> str | None:
            job = job_of(database, run.job_id)
            assert job.state != JobState.DONE, "it was too quick to be killed"
            return job.owner if job.attempt > 1 and job.state == JobState.RUNNING else None

        owner = wait_for("the sum to begin", summing)
        (joiner,) = [one for one in workers if one.process.pid == int(owner.rpartition(":")[2])]
        joiner.kill()
        parent = ended(database, run.job_id)
    assert (parent.state, parent.attempt) == (JobState.DONE, 3)
    assert [one.attempt for one in children(database, run)] == [1, 1, 1]  # no fold was trained again
    assert sum(fold == -1 for _, fold, _, _ in facts(database, run)["predictions"]) == 8


@only_full
def test_failed_fold__names_itself_and_is_trained_again_alone(settings, database, pictures, tmp_path):
    long = FOLDS.updated({"epochs": 400})
    with two_workers(settings, tmp_path) as workers:
        run = add(database, pictures, long, Spread.SPREAD)
        wait_for("a fold in training", lambda: [one for one in children(database, run) if one.progress.get("epoch")])
        killed = wait_for("a child process", lambda: _kill_a_child(workers))
        assert killed
        parent = ended(database, run.job_id, 240)
        assert (parent.state, parent.error_code) == (JobState.FAILED, "fold_failed")
        (broken,) = [one for one in children(database, run) if one.state == JobState.FAILED]
        assert broken.error_code == "killed"
        assert parent.error_params["folds"] == str(broken.spec["fold"] + 1)
        with database.write() as session:
            assert jobs.retry(session, broken.id)
        assert ended(database, run.job_id, 240).state == JobState.DONE
    assert sorted(one.attempt for one in children(database, run)) == [1, 1, 2]


def test_cancel__ends_the_processes_of_all_children(settings, database, pictures, tmp_path):
    with two_workers(settings, tmp_path):
        run = add(database, pictures, ENDLESS.updated({"folds": 3, "seed": 5}), Spread.SPREAD)
        wait_for(
            "two folds in training",
            lambda: sum(one.progress.get("epoch", 0) > 1 for one in children(database, run)) == 2,
        )
        with database.write() as session:
            jobs.cancel(session, run.job_id)
        wait_for("the end of all", lambda: all(one.state == JobState.CANCELLED for one in children(database, run)))
        assert job_of(database, run.job_id).state == JobState.CANCELLED


def _kill_a_child(workers: list[WorkerProcess]) -> int:
    """kill -9 one training process; its worker, whose session it is in, lives on."""
    sessions = {one.process.pid for one in workers}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            if name == NAME and int(rest.split()[3]) in sessions:
                os.kill(int(folder.name), signal.SIGKILL)
                return int(folder.name)
    return 0
