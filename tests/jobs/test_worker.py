"""A real worker with real trainings: what it leaves, how it is stopped, and what it survives."""

import io
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.feature_models import FeatureBlock
from app.db.models import ImportBatch, Project
from app.db.run_models import EpochMetric, Explanation, Job, Prediction, Run, RunFold, RunItem
from app.domain.enums import JobKind, JobState, Lane, PredictionRole
from app.domain.recipe import Augmentation
from app.services import (
    classes,
    feature_map,
    features,
    imports,
    jobs,
    neighbours,
    run_map,
    suggesting,
    suggestions,
    uploads,
)
from app.storage.arrays import Arrays
from tests import factories
from tests.jobs import processes
from tests.jobs.bench import Bench, one_worker
from tests.jobs.processes import ENDLESS, QUICK

pytestmark = [pytest.mark.ml, pytest.mark.slow]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Bench]:
    """The worker is started once: it imports TensorFlow for several seconds."""
    with one_worker(tmp_path_factory.mktemp("worker"), empty_sqlite) as made:
        yield made


def all_of(bench: Bench, query: sa.Select[Any]) -> list[Any]:
    with bench.database.read() as session:
        return list(session.scalars(query))


@pytest.fixture(scope="module")
def finished(bench: Bench) -> Run:
    """A run of two folds that was trained to its end."""
    run = processes.add_run(bench.database, bench.project_id, QUICK.updated({"folds": 2}))
    job = processes.ended(bench.database, run.job_id)
    assert job.state == JobState.DONE, f"{job.error_code} {job.error_params} {job.error_trace}"
    return run


def test_training__leaves_a_row_for_every_epoch_fold_and_image(bench, finished):
    epochs = all_of(bench, sa.select(EpochMetric).where(EpochMetric.run_id == finished.id))
    assert sorted((row.fold, row.epoch, row.attempt) for row in epochs) == [(0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 2, 1)]
    folds = all_of(bench, sa.select(RunFold).where(RunFold.run_id == finished.id))
    assert all(row.stop_reason == "epochs" and bench.store.exists(row.weights_sha256) for row in folds)
    named = {"loss", "accuracy", "val_loss", "val_accuracy", "kept"}
    assert all(set(row.metrics) == named for row in folds)
    predictions = all_of(bench, sa.select(Prediction).where(Prediction.run_id == finished.id))
    items = {row.id: row for row in all_of(bench, sa.select(RunItem).where(RunItem.run_id == finished.id))}
    held = {row.item_id: row.fold for row in predictions if row.role == PredictionRole.VALIDATION}
    assert held == {item.id: item.fold for item in items.values() if item.split == "train"}
    for fold, role in ((-1, PredictionRole.TEST), (0, PredictionRole.TEST_FOLD), (1, PredictionRole.TEST_FOLD)):
        tested = {row.item_id for row in predictions if (row.fold, row.role) == (fold, role)}
        assert tested == {item.id for item in items.values() if item.split == "test"}


def test_training__the_mean_is_the_mean_of_the_models(bench, finished):
    predictions = all_of(bench, sa.select(Prediction).where(Prediction.run_id == finished.id))
    by_fold: dict[int, dict[int, np.ndarray]] = {-1: {}, 0: {}, 1: {}}
    for row in predictions:
        values = np.frombuffer(row.probabilities, "<f4")
        assert values.shape == (2,)
        assert row.predicted == values.argmax()
        assert row.confidence == pytest.approx(values.max())
        if row.role != PredictionRole.VALIDATION:
            by_fold[row.fold][row.item_id] = values
    for item_id, mean in by_fold[-1].items():
        np.testing.assert_allclose(mean, (by_fold[0][item_id] + by_fold[1][item_id]) / 2, atol=1e-6)


def test_training__every_mistake_has_heat_maps_of_both_classes(bench, finished):
    maps = all_of(bench, sa.select(Explanation).where(Explanation.run_id == finished.id))
    assert maps
    known = {(row.item_id, row.fold, row.class_position) for row in maps}
    labels = {row.id: row.label for row in all_of(bench, sa.select(RunItem).where(RunItem.run_id == finished.id))}
    wanted = sa.select(Prediction).where(
        Prediction.run_id == finished.id, Prediction.role.in_([PredictionRole.VALIDATION, PredictionRole.TEST])
    )
    for row in all_of(bench, wanted):
        if row.predicted != labels[row.item_id]:
            assert {(row.item_id, row.fold, row.predicted), (row.item_id, row.fold, labels[row.item_id])} <= known
    with Picture.open(io.BytesIO(bench.store.get(maps[0].sha256))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")


def test_training__the_environment_and_the_seconds_are_kept(bench, finished):
    (run,) = all_of(bench, sa.select(Run).where(Run.id == finished.id))
    assert run.environment["tensorflow"].startswith("2.")
    assert run.environment["conv_layers"]
    assert run.seconds > 0


def test_explanation__on_demand_with_the_saved_weights(bench, finished):
    (run,) = all_of(bench, sa.select(Run).where(Run.id == finished.id))
    layer = run.environment["conv_layers"][0]
    items = all_of(bench, sa.select(RunItem.id).where(RunItem.run_id == run.id).limit(3))
    for fold in (-1, 1):
        spec = {"run_id": run.id, "fold": fold, "layer": layer, "class_position": 1, "item_ids": items}
        with bench.database.write() as session:
            job = jobs.create(session, project_id=bench.project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec=spec)
        ended = processes.ended(bench.database, job.id)
        assert ended.state == JobState.DONE, f"{ended.error_code} {ended.error_params}"
        made = all_of(bench, sa.select(Explanation).where(Explanation.layer == layer, Explanation.fold == fold))
        assert {row.item_id for row in made} == set(items)
    (after,) = all_of(bench, sa.select(Run).where(Run.id == run.id))
    assert after.seconds == run.seconds


def test_explanation__of_a_layer_that_is_not_there_fails_with_the_known_ones(bench, finished):
    items = all_of(bench, sa.select(RunItem.id).where(RunItem.run_id == finished.id).limit(1))
    spec = {"run_id": finished.id, "fold": 0, "layer": "nonsense", "class_position": 0, "item_ids": items}
    with bench.database.write() as session:
        job = jobs.create(session, project_id=bench.project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec=spec)
    ended = processes.ended(bench.database, job.id)
    assert (ended.state, ended.error_code) == (JobState.FAILED, "layer_missing")
    assert "conv" in ended.error_params["known"]


def test_stop__at_once_ends_the_process(bench):
    run = processes.add_run(bench.database, bench.project_id, ENDLESS)
    processes.in_training(bench.database, run.job_id)
    child = processes.child_of(bench.worker)
    processes.cancel(bench.database, run.job_id)
    assert processes.ended(bench.database, run.job_id).state == JobState.CANCELLED
    assert processes.gone(child)


def test_stop__keeps_the_best_so_far_and_judges_it(bench):
    run = processes.add_run(bench.database, bench.project_id, ENDLESS)
    processes.in_training(bench.database, run.job_id)
    processes.cancel(bench.database, run.job_id, keep_best=True)
    job = processes.ended(bench.database, run.job_id)
    assert job.state == JobState.DONE, f"{job.error_code} {job.error_params}"
    (fold,) = all_of(bench, sa.select(RunFold).where(RunFold.run_id == run.id))
    epochs = all_of(bench, sa.select(EpochMetric.epoch).where(EpochMetric.run_id == run.id))
    assert fold.stop_reason == "stopped"
    assert 1 <= fold.best_epoch <= max(epochs) < 2000
    tested = sa.select(Prediction.id).where(Prediction.run_id == run.id, Prediction.role == PredictionRole.TEST)
    assert len(all_of(bench, tested)) == 8


@pytest.mark.parametrize(
    ("number", "code", "params"),
    [
        (signal.SIGKILL, "killed", {"batch_size": 16, "image_size": 32}),
        (signal.SIGSEGV, "crashed", {"signal": "SIGSEGV"}),
    ],
)
def test_crash__fails_one_job_with_a_reason_and_the_worker_lives_on(bench, number, code, params):
    run = processes.add_run(bench.database, bench.project_id, ENDLESS)
    processes.in_training(bench.database, run.job_id)
    processes.send(processes.child_of(bench.worker), number)
    job = processes.ended(bench.database, run.job_id)
    assert (job.state, job.error_code, job.error_params) == (JobState.FAILED, code, params)
    after = processes.add_run(bench.database, bench.project_id)
    assert processes.ended(bench.database, after.job_id).state == JobState.DONE


def test_fork_server__has_one_thread_so_copies_of_it_cannot_hang(bench):
    run = processes.add_run(bench.database, bench.project_id, ENDLESS)
    processes.in_training(bench.database, run.job_id)
    server = int(Path(f"/proc/{processes.child_of(bench.worker)}/stat").read_text().rsplit(")", 1)[1].split()[1])
    processes.cancel(bench.database, run.job_id)
    assert "Threads:\t1\n" in Path(f"/proc/{server}/status").read_text()
    assert processes.ended(bench.database, run.job_id).state == JobState.CANCELLED


def test_loss__that_is_no_number_any_more_is_named_with_fold_and_epoch(bench):
    wild = {"optimizer": "sgd", "learning_rate": 10, "normalisation": "none", "epochs": 20}
    run = processes.add_run(bench.database, bench.project_id, QUICK.updated(wild))
    job = processes.ended(bench.database, run.job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "loss_not_finite")
    assert job.error_params["learning_rate"] == 10


def test_missing_picture__is_named(bench):
    project_id = processes.add_project(bench.database, bench.store, "別")
    with bench.database.write() as session:
        made = factories.add_images(
            session, bench.store, session.get_one(Project, project_id), 1,
            label_class=classes.listed(session, session.get_one(Project, project_id))[0], first=990,
        )  # fmt: skip
    bench.store.delete(made[0].canonical_sha256)
    run = processes.add_run(bench.database, project_id)
    job = processes.ended(bench.database, run.job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "blob_missing")


def test_import__of_a_zip_needs_no_training_process(bench):
    with bench.database.write() as session:
        made = factories.make_project(session, "袋", ())
        batch = imports.create(session, made, source="zip", name="袋.zip", actor="tester")
    path = bench.settings.data_dir / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5):
            archive.writestr(f"train/好中球/細胞{number}.png", factories.png(number + 700))
    bench.store.keep_upload("import-1.zip", path)
    with bench.database.write() as session:
        uploads.enqueue(session, batch.id, "import-1.zip")
    (job,) = all_of(bench, sa.select(Job).where(Job.project_id == made.id))
    assert processes.ended(bench.database, job.id).state == JobState.DONE
    (after,) = all_of(bench, sa.select(ImportBatch).where(ImportBatch.id == batch.id))
    assert (after.finished, after.new_count) == (True, 5)
    assert list(bench.store.uploads()) == []


def test_augmentation__and_a_hold_out_train_too(bench):
    turned = QUICK.updated({f"augmentation.{name}": value for name, value in (("rotation", 90), ("shear", 5))})
    assert turned.augmentation != Augmentation()
    run = processes.add_run(bench.database, bench.project_id, turned)
    assert processes.ended(bench.database, run.job_id).state == JobState.DONE
    roles = all_of(bench, sa.select(Prediction.role).where(Prediction.run_id == run.id).distinct())
    assert sorted(roles) == [PredictionRole.TEST, PredictionRole.VALIDATION]


def test_features__then_neighbours_the_map_and_what_a_run_suggests(bench, finished):
    """The job is the real one: the network of the package on real pictures."""
    with bench.database.write() as session:
        project = session.get_one(Project, bench.project_id)
        new = [image.id for image in factories.add_images(session, bench.store, project, 6, first=900)]
        asked = [features.request(session, bench.project_id), suggesting.ask_run(session, bench.project_id, finished)]
    assert [processes.ended(bench.database, job.id).state for job in asked] == [JobState.DONE] * 2
    arrays = Arrays(bench.store)
    with bench.database.write() as session:
        assert features.state(session, bench.project_id).missing == 0
        near = neighbours.nearest(session, arrays, bench.project_id, new[:1], 3)
        assert near is not None
        assert near[0].image_id == new[0]
        assert 1 >= near[0].likeness > 0.999 > near[1].likeness
        found = suggestions.of_images(session, arrays, bench.project_id, new)
        assert {image_id: one.source.kind for image_id, one in found.items()} == dict.fromkeys(new, "run")
        assert all(one.source.number == finished.number and one.confidence >= 0.5 for one in found.values())
        factories.add_images(session, bench.store, project, 2, first=950)
        more = features.request(session, bench.project_id)
    assert processes.ended(bench.database, more.id).state == JobState.DONE
    blocks = all_of(bench, sa.select(FeatureBlock.count).order_by(FeatureBlock.id))
    assert blocks[1:] == [2]  # only the new ones were computed
    with bench.database.write() as session:
        job = feature_map.request(session, bench.project_id)
    assert processes.ended(bench.database, job.id).state == JobState.DONE
    with bench.database.read() as session:
        plane = feature_map.load(session, arrays, bench.project_id)
        assert plane is not None
        assert plane.final
        assert len(plane.ids) == blocks[0] + 2


def test_map__of_a_run_is_made_by_its_own_models(bench, finished):
    with bench.database.write() as session:
        job = run_map.request(session, finished)
    assert processes.ended(bench.database, job.id).state == JobState.DONE
    with bench.database.read() as session:
        own = run_map.load(session, Arrays(bench.store), finished)
        assert own is not None
        mine = sa.select(RunItem.image_id).where(RunItem.run_id == finished.id)
        assert own.ids.tolist() == sorted(session.scalars(mine))
