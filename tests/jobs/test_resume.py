"""A training that was cut off goes on after its last kept epoch, and ends as if nothing had happened."""

import dataclasses
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.config import Settings
from app.db.run_models import Checkpoint, EpochMetric, Explanation, Job, Prediction, Run, RunFold
from app.db.session import Database
from app.domain.enums import JobState
from app.services import jobs, references
from app.storage import LocalStore
from tests.chaos.record import only_full
from tests.jobs import processes
from tests.jobs.processes import QUICK

pytestmark = [pytest.mark.ml, pytest.mark.slow]

LONG = QUICK.updated({"architecture": "cifar4", "folds": 2, "epochs": 200, "deterministic": True, "optimizer": "adam"})


@pytest.fixture
def quick_settings(settings: Settings) -> Settings:
    """A lost worker is noticed soon, but no worker is taken for lost where the machine pauses for a moment."""
    return dataclasses.replace(settings, lease_seconds=10.0, resend_seconds=2.0)


@dataclass(frozen=True)
class Left:
    """Everything a run left but times: equal for two runs that computed the same."""

    folds: list[tuple[Any, ...]]
    epochs: list[tuple[Any, ...]]
    predictions: list[tuple[Any, ...]]
    maps: list[tuple[Any, ...]]


def left(database: Database, run_id: int) -> Left:
    def rows(table: Any, *names: str) -> list[tuple[Any, ...]]:
        columns = [getattr(table, name) for name in names]
        return sorted(tuple(row) for row in session.execute(sa.select(*columns).where(table.run_id == run_id)))

    with database.read() as session:
        first = session.scalar(sa.select(sa.func.min(Prediction.item_id)).where(Prediction.run_id == run_id)) or 0
        folds = rows(RunFold, "fold", "best_epoch", "stop_reason", "weights_sha256")
        predictions = rows(Prediction, "item_id", "fold", "role", "probabilities")
        maps = rows(Explanation, "item_id", "fold", "layer", "class_position", "sha256", "peak")
        return Left(
            folds,
            rows(EpochMetric, "fold", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"),
            [(item - first, *others) for item, *others in predictions],
            [(item - first, *others) for item, *others in maps],
        )


def saved(database: Database, run_id: int, fold: int) -> Callable[[], int]:
    """The epoch of the newest checkpoint of a fold, once there is one that is not the first."""

    def look() -> int:
        with database.read() as session:
            row = session.get(Checkpoint, (run_id, fold))
            return row.epoch if row is not None and row.epoch > 20 else 0

    return look


def attempts(database: Database, run_id: int) -> dict[int, set[int]]:
    """For each fold the attempts that wrote its epochs."""
    with database.read() as session:
        found: dict[int, set[int]] = {}
        for row in session.execute(
            sa.select(EpochMetric.fold, EpochMetric.attempt).where(EpochMetric.run_id == run_id)
        ):
            found.setdefault(row.fold, set()).add(row.attempt)
        return found


def blobs(store: LocalStore) -> set[str]:
    return {path.name for path in store.root.glob("*/*")}


def referenced(database: Database) -> set[str]:
    """Checkpoints that rows still name."""
    with database.read() as session:
        return {digest for saved in session.scalars(sa.select(Checkpoint.blobs)) for digest in saved.values()}


@only_full
def test_resume__after_kills_of_child_and_worker_equals_an_unbroken_run(
    quick_settings, database, store, tmp_path: Path
):
    project_id = processes.add_project(database, store)
    log = tmp_path / "worker.log"
    with processes.worker(quick_settings, log) as worker:
        whole = processes.add_run(database, project_id, LONG)
        job = processes.ended(database, whole.job_id)
        assert job.state == JobState.DONE, f"{job.error_code} {job.error_params} {job.error_trace}"
        before = blobs(store)
        broken = processes.add_run(database, project_id, LONG)
        kept = processes.wait_for("a checkpoint", saved(database, broken.id, 0))
        processes.send(processes.child_of(worker), signal.SIGKILL)
        assert processes.ended(database, broken.job_id).error_code == "killed"
        with database.write() as session:
            assert jobs.retry(session, broken.job_id)
        processes.wait_for(
            "a later checkpoint", lambda: saved(database, broken.id, 0)() > kept or _fold_done(database, broken.id)
        )
        processes.wait_for("a checkpoint of the second model", saved(database, broken.id, 1))
        worker.kill()
    with processes.worker(quick_settings, log):
        job = processes.ended(database, broken.job_id)
        assert (job.state, job.attempt) == (JobState.DONE, 3), f"{job.error_code} {job.error_params} {job.error_trace}"
    assert left(database, broken.id) == left(database, whole.id)
    assert attempts(database, broken.id) == {0: {1, 2}, 1: {2, 3}}, (
        "a finished fold, or a kept epoch, was trained again"
    )
    assert referenced(database) == set()
    with database.read() as session:
        needed = {digest.hex() for digest in references.kept(session)}  # files of answers are made after the end
        assert blobs(store) - before <= needed, "a checkpoint was left in the store"
        run = session.get_one(Run, broken.id)
        assert run.environment["resumed"].keys() == {"1"}
        assert run.seconds > 0


def _fold_done(database: Database, run_id: int) -> bool:
    with database.read() as session:
        return bool(session.get_one(RunFold, (run_id, 0)).weights_sha256)


@only_full
def test_resume__from_a_damaged_state_begins_that_fold_again(quick_settings, database, store, tmp_path: Path):
    run = processes.add_run(database, processes.add_project(database, store), LONG.updated({"folds": 0}))
    log = tmp_path / "worker.log"
    with processes.worker(quick_settings, log) as worker:
        processes.wait_for("a checkpoint", saved(database, run.id, 0))
        worker.kill()
    for digest in referenced(database):
        store.path(digest).write_bytes(b"damaged")
    with processes.worker(quick_settings, log):
        job = processes.ended(database, run.job_id)
    assert (job.state, job.attempt) == (JobState.DONE, 2), f"{job.error_code} {job.error_params} {job.error_trace}"
    assert attempts(database, run.id) == {0: {2}}
    assert "begins again: checkpoint_broken" in log.read_text()
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == 1


def test_stop__the_best_is_kept_though_the_worker_that_was_asked_is_lost(
    quick_settings, database, store, tmp_path: Path
):
    endless = LONG.updated({"epochs": 2000})
    run = processes.add_run(database, processes.add_project(database, store), endless)
    log = tmp_path / "worker.log"
    with processes.worker(quick_settings, log) as worker:
        kept = processes.wait_for("a checkpoint", saved(database, run.id, 0))
        worker.kill()
    processes.cancel(database, run.job_id, keep_best=True)
    with processes.worker(quick_settings, log):
        job = processes.ended(database, run.job_id)
    assert (job.state, job.attempt) == (JobState.DONE, 2), f"{job.error_code} {job.error_params} {job.error_trace}"
    with database.read() as session:
        first, second = session.scalars(sa.select(RunFold).where(RunFold.run_id == run.id).order_by(RunFold.fold))
        assert (first.stop_reason, second.stop_reason) == ("stopped", "")
        assert first.weights_sha256
        epochs = session.scalars(sa.select(EpochMetric.epoch).where(EpochMetric.run_id == run.id)).all()
        assert kept <= len(epochs) < 2000
        assert first.best_epoch <= len(epochs)
        assert session.scalar(sa.select(sa.func.count()).select_from(Prediction).where(Prediction.run_id == run.id))
    assert referenced(database) == set()
