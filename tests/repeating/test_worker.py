"""What a real worker leaves of a run is enough to make it again."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import child_environment
from app.db.run_models import Run
from app.domain.enums import JobState
from app.domain.errors import NotFound
from app.domain.replay import Rule
from app.services import manifest, progress, replays, run_script, runs
from tests import factories
from tests.jobs import processes
from tests.jobs.bench import Bench, one_worker
from tests.jobs.processes import QUICK, ROOT
from worker.ml import rerun

pytestmark = [pytest.mark.ml, pytest.mark.slow]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Bench]:
    with one_worker(tmp_path_factory.mktemp("repeating"), empty_sqlite) as made:
        yield made


@pytest.fixture(scope="module")
def finished(bench: Bench) -> Run:
    """Two folds, trained so that they can be repeated to the last bit."""
    recipe = QUICK.updated({"folds": 2, "deterministic": True, "augmentation.rotation": 20, "test_views": "mirror"})
    run = processes.add_run(bench.database, bench.project_id, recipe)
    job = processes.ended(bench.database, run.job_id)
    assert job.state == JobState.DONE, f"{job.error_code} {job.error_params} {job.error_trace}"
    return run


@pytest.fixture(scope="module")
def exported(bench: Bench, finished: Run) -> tuple[Path, Path]:
    """The program of the run and its data set as a zip."""
    program, packed = bench.folder / "again.py", bench.folder / "set.zip"
    with bench.database.read() as session:
        found = runs.by_number(session, bench.project_id, finished.number)
        program.write_text("".join(run_script.lines(session, found)), encoding="utf-8")
    with zipfile.ZipFile(packed, "w") as archive:
        for number in (*range(100, 112), *range(150, 154), *range(200, 212), *range(250, 254)):
            archive.writestr(f"{number}.png", factories.png(number))
    return program, packed


def epochs_of(bench: Bench, run: Run) -> int:
    with bench.database.read() as session:
        return len(progress.epochs(session, session.get_one(Run, run.id)))


def carry_out(program: Path, place: Path) -> subprocess.CompletedProcess[str]:
    environment = child_environment() | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    words = [sys.executable, str(program), str(place)]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


def test_program__makes_the_same_weights_again(exported):
    program, packed = exported
    done = carry_out(program, packed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same to the last bit") == 2
    assert "model 2 epoch 2" in done.stdout


def test_program__of_a_stopped_run_stops_after_the_same_epoch_and_trains_no_other_model(bench, exported):
    # A step holds as many images as the largest of all models learns from, and not this one, which has fewer.
    more = {"folds": 5, "batch_size": 64, "augmentation.rotation": 20, "added_copies": 1}
    recipe = QUICK.updated({"deterministic": True, "epochs": 2000, "patience": 0, **more})
    run = processes.add_run(bench.database, bench.project_id, recipe)
    processes.wait_for("some epochs", lambda: epochs_of(bench, run) > 2)
    processes.cancel(bench.database, run.job_id, keep_best=True)
    assert processes.ended(bench.database, run.job_id).state == JobState.DONE
    program = bench.folder / "stopped.py"
    with bench.database.read() as session:
        found = runs.by_number(session, bench.project_id, run.number)
        assert [fold.stop_reason for fold in found.folds] == ["stopped", "", "", "", ""]
        assert found.folds[0].train_count < max(fold.train_count for fold in found.folds)
        program.write_text("".join(run_script.lines(session, found)), encoding="utf-8")
    done = carry_out(program, exported[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same to the last bit") == 1
    assert f"model 1 epoch {epochs_of(bench, run)}: " in done.stdout
    assert f"epoch {epochs_of(bench, run) + 1}: " not in done.stdout


def test_program__of_a_run_without_models_says_that_there_is_nothing_to_compare_with(capsys):
    assert rerun.Check({}).end() == 1
    assert capsys.readouterr().out == "The run has no model to compare with.\n"


def test_training__judges_both_best_epochs_on_the_test_set(bench, finished):
    with bench.database.read() as session:
        found = runs.by_number(session, bench.project_id, finished.number)
        for fold in found.folds:
            kept = fold.metrics["kept"]
            assert kept[found.recipe["monitor"]]["epoch"] == fold.best_epoch
            assert {one["test_images"] for one in kept.values()} == {8}
            assert kept[found.recipe["monitor"]]["weights_sha256"] == fold.weights_sha256
            assert all(bench.store.exists(one["weights_sha256"]) for one in kept.values())
        replay = replays.of(session, found, Rule("val_accuracy", 0))
        assert replay is not None
        assert replay.test is not None


def test_training__judges_two_views_of_each_picture_and_names_the_stage_of_its_epochs(bench, finished):
    with bench.database.read() as session:
        run = runs.by_number(session, bench.project_id, finished.number)
        assert run.views is not None
        assert (run.views["views"], run.views["test"]["images"]) == (2, 8)
        assert run.views["validation"]["images"] == sum(fold.validation_count for fold in run.folds)
        assert {row.stage for row in progress.epochs(session, run)} == {1}


def test_program__refuses_a_set_without_the_images(bench, finished, tmp_path):
    with bench.database.read() as session:
        items = rerun.read_items("\n".join(item.line() for item in manifest.items(session, finished.id)))
    with pytest.raises(NotFound, match="rerun_images_missing"):
        rerun.load(str(tmp_path), items, QUICK)
    assert rerun.carry_out(lambda _place: 0, []) == 2
