"""``python -m app check``: each kind of damage is done, found and named; what can be mended is, and only that."""

import contextlib
import json
import os
import shutil
import sqlite3
import time

import numpy as np
import pytest
import sqlalchemy as sa

from app.commands import check
from app.db.models import Image, ImportBatch, LabelEvent
from app.db.run_models import Checkpoint, EpochMetric, Job, Prediction, RunFold
from app.db.session import Database
from app.domain.enums import JobKind, JobState, LabelSource, Lane, PredictionRole
from app.domain.recipe import Recipe
from app.services import jobs, labels, results, runs
from app.services.checks import all as checks
from app.services.results import Writer
from app.storage import LocalStore, sha256
from tests import factories

OLD = time.time() - 3 * 86_400


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, empty_sqlite):
    """A folder with what ``whole`` gives, made once."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(empty_sqlite, folder / "data.sqlite3")
    database, store = Database(f"sqlite:///{folder / 'data.sqlite3'}"), LocalStore(folder / "store")
    run = make_whole(database, store)
    database.dispose()
    return folder, run


@pytest.fixture
def whole(prepared, settings, database, store):
    """A project with labelled images and a training that is done, all made by the program's own functions."""
    folder, run = prepared
    shutil.copy(folder / "data.sqlite3", settings.data_dir / "miwake.sqlite3")
    shutil.copytree(folder / "store", store.root, dirs_exist_ok=True)
    return run


def make_whole(database, store):
    with database.write() as session:
        made = factories.make_project(session)
        for place, label_class in enumerate(made.classes):
            factories.add_images(session, store, made, 6, label_class=label_class, first=10 * place)
    with database.write() as session:
        run = runs.create(session, made, Recipe(), actor="tester")
        job_id, run_id = run.job_id, run.id
    with database.write() as session:
        claim = jobs.claim(session, job_id, "w:1", 30)
    assert claim is not None
    writer = Writer(job_id, claim.attempt, run_id)
    with database.write() as session:
        items = session.execute(sa.text(f"SELECT id, split FROM run_item WHERE run_id = {run_id}")).all()
        ids = np.array([row.id for row in items if row.split == "validation"])
        epoch = {"fold": 0, "epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
        results.add_epoch(session, writer, {**epoch, "learning_rate": 0.1, "seconds": 1.0})
        judged = np.full((len(ids), 3), 1 / 3, np.float32)
        results.add_predictions(session, writer, 0, PredictionRole.VALIDATION, ids, judged)
        results.end_fold(session, writer, 0, {"best_epoch": 1, "weights_sha256": store.put(b"weights")})
        jobs.finish(session, job_id, claim.attempt)
    return run


@pytest.fixture
def look(settings, database, store):
    def run(*, fix=False, read=True):
        found = []
        for one in checks.run(settings, database, store, settings.data_dir, lambda _done, _all: None, read=read):
            if fix:
                one.mend()
            found.append(one)
        return found

    return run


def codes(found):
    return sorted(one.code for one in found)


def change(database: Database, model, where, **values):
    with database.write() as session:
        session.execute(sa.update(model).where(where).values(**values))


def first_image(database: Database) -> Image:
    with database.read() as session:
        image = session.scalar(sa.select(Image).order_by(Image.id))
        assert image is not None
        return image


def age(store: LocalStore) -> None:
    """Let all files be old."""
    for path in store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))


def test_check__finds_nothing_where_nothing_is_wrong(whole, look):
    assert look() == []


def test_one_byte__flipped_is_found_and_the_image_is_named(whole, look, database, store):
    image = first_image(database)
    path = store.path(image.sha256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (found,) = [one for one in look() if "original" in str(one.params["what"])]
    assert found.code == "check_blob_damaged"
    assert str(image.id) in str(found.params["what"])
    assert image.name in str(found.params["what"])
    assert look(read=False) == []


def test_one_byte__more_is_found_without_reading(whole, look, database, store):
    path = store.path(first_image(database).sha256)
    path.write_bytes(path.read_bytes() + b"x")
    assert "check_blob_size" in codes(look(read=False))


@pytest.mark.parametrize("which", ["canonical_sha256", "thumbnail_sha256"])
@pytest.mark.parametrize("damage", ["delete", "flip"])
def test_copy_or_thumbnail__is_made_again_from_the_original(whole, look, database, store, which, damage):
    path = store.path(getattr(first_image(database), which))
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(b"broken")
    found = look(fix=True)
    assert codes(found) == ["check_blob_missing" if damage == "delete" else "check_blob_damaged"]
    assert found[0].fixed
    assert look() == []


def test_original__deleted_is_found_and_not_invented(whole, look, database, store):
    image = first_image(database)
    store.path(image.sha256).unlink()
    (found,) = look(fix=True)
    assert (found.code, found.fix, found.fixed) == ("check_blob_missing", None, False)


def test_weights__missing_are_named_with_their_run(whole, look, store):
    store.delete(sha256(b"weights"))
    (found,) = look()
    assert (found.code, found.params["what"]) == ("check_blob_missing", "model of run 1 of 血球")


def test_orphan__old_is_set_aside_and_comes_back_when_it_is_needed(whole, look, database, store, settings):
    digest = store.put(b"nobody needs this")
    assert look() == []  # it may belong to something that is just being made
    age(store)
    found = look(fix=True)
    assert codes(found) == ["check_blob_unneeded"]
    assert found[0].params["hash"] == digest
    assert not store.exists(digest)
    assert (settings.data_dir / "quarantine" / digest).read_bytes() == b"nobody needs this"
    change(database, RunFold, RunFold.run_id == whole.id, weights_sha256=digest)
    (found,) = [one for one in look(fix=True) if one.code == "check_blob_missing"]
    assert found.fixed
    assert store.get(digest) == b"nobody needs this"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"state": JobState.RUNNING, "finished_at": None}, "check_job_unowned"),
        ({"owner": "w:9"}, "check_job_still_owned"),
        ({"lease_until": 5.0}, "check_job_still_owned"),
        ({"finished_at": None}, "check_job_no_end"),
        ({"state": JobState.QUEUED}, "check_job_early_end"),
        ({"state": JobState.FAILED}, "check_job_no_reason"),
        ({"error_code": "crashed"}, "check_job_reason"),
        ({"kind": "dance"}, "check_job_unknown"),
        ({"lane": "sea"}, "check_job_unknown"),
        ({"kind": JobKind.IMPORT}, "check_job_no_run"),
    ],
)
def test_job__whose_row_contradicts_itself(whole, look, database, values, code):
    change(database, Job, Job.id == whole.job_id, **values)
    found = [one for one in look() if one.code == code]
    assert found
    assert found[0].params["job"] == whole.job_id


def test_job__of_a_lost_worker_is_taken_back(whole, look, database, project_id):
    with database.write() as session:
        job = jobs.create(session, project_id=project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={})
    with database.write() as session:
        jobs.claim(session, job.id, "gone:1", -5.0)
    assert codes(look()) == ["check_job_lost"]
    assert all(one.fixed for one in look(fix=True))
    assert look() == []


@pytest.fixture
def project_id(whole):
    return whole.project_id


def test_parent__that_nobody_woke_is_joined(whole, look, database, project_id):
    with database.write() as session:
        parent = jobs.create(
            session, project_id=project_id, kind=JobKind.GROUP, lane=Lane.GPU, spec={}, state=JobState.WAITING
        )
        child = jobs.create(
            session, project_id=project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={}, parent_id=parent.id
        )
    change(database, Job, Job.id == child.id, state=JobState.CANCELLED, finished_at=whole.created_at)
    assert codes(look()) == ["check_job_not_joined"]
    look(fix=True)
    assert look() == []


def test_child__left_behind_by_its_parent(whole, look, database, project_id):
    with database.write() as session:
        jobs.create(
            session, project_id=project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={}, parent_id=whole.job_id
        )
    assert codes(look()) == ["check_job_left_behind"]


@pytest.mark.parametrize(("table", "code"), [(EpochMetric, "check_run_epochs"), (Prediction, "check_run_predictions")])
def test_run__done_without_what_it_must_leave(whole, look, database, table, code):
    with database.write() as session:
        session.execute(sa.delete(table))
    assert codes(look()) == [code]


def test_run__without_weights(whole, look, database):
    change(database, RunFold, RunFold.run_id == whole.id, weights_sha256=None)
    assert "check_run_weights" in codes(look())


def test_state__of_a_training_that_is_done_is_forgotten(whole, look, database):
    with database.write() as session:
        session.add(Checkpoint(run_id=whole.id, fold=0, epoch=1, attempt=1, blobs={}, size=1))
    assert codes(look(fix=True)) == ["check_state_left"]
    assert look() == []


def test_label__that_its_history_does_not_lead_to(whole, look, database):
    image = first_image(database)
    change(database, Image, Image.id == image.id, class_id=None)
    (found,) = look()
    assert (found.code, found.params["image"]) == ("check_label_differs", image.id)


def test_history__with_a_gap_or_a_contradiction(whole, look, database):
    image = first_image(database)
    with database.write() as session:
        for number, class_id in enumerate((None, image.class_id, None)):
            change_ = [labels.LabelChange(image.id, class_id, None)]
            labels.assign(
                session, whole.project_id, change_, source=LabelSource.GALLERY, actor="t", request_id=f"r{number}"
            )
    assert look() == []
    change(database, LabelEvent, sa.and_(LabelEvent.image_id == image.id, LabelEvent.version == 2), before_id=None)
    assert codes(look()) == ["check_history_torn"]
    with database.write() as session:
        session.execute(sa.delete(LabelEvent).where(LabelEvent.image_id == image.id, LabelEvent.version == 2))
    assert codes(look()) == ["check_history_torn"]


def test_import__whose_counts_are_wrong(whole, look, database):
    change(database, ImportBatch, ImportBatch.number == 1, refused_count=7)
    assert codes(look()) == ["check_import_counts"]


def test_key__that_points_nowhere(whole, look, settings):
    with contextlib.closing(sqlite3.connect(settings.data_dir / "miwake.sqlite3")) as connection:
        connection.execute("UPDATE image SET import_id = 999 WHERE id = 1")  # keys are not watched by default
        connection.commit()
    (found,) = look()
    assert (found.code, found.params["table"], found.params["parent"]) == ("check_key_broken", "image", "import_batch")


def test_upload__that_no_job_waits_for(whole, look, store):
    store.put_upload("import-99.zip", b"zip")
    assert look() == []
    for upload in (path for path in store.root.parent.rglob("import-99.zip")):
        os.utime(upload, (OLD, OLD))
    assert codes(look(fix=True)) == ["check_upload_left"]
    assert list(store.uploads()) == []


def test_command__says_it_in_sentences_and_by_its_exit_code(whole, settings, database, store, capsys):
    assert check.run(settings, fix=False, as_json=False, quick=False) == 0
    assert "Everything is as it should be." in capsys.readouterr().out
    store.path(first_image(database).thumbnail_sha256).unlink()
    assert check.run(settings, fix=False, as_json=True, quick=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["found"][0]["code"], told["found"][0]["can_be_mended"]) == (
        False, "check_blob_missing", True,
    )  # fmt: skip
    assert check.run(settings, fix=True, as_json=False, quick=True) == 0
    assert "mended: Missing file: thumbnail of" in capsys.readouterr().out


@pytest.mark.postgres
def test_rows__on_postgresql(postgres_database, store, settings):
    with postgres_database.write() as session:
        made = factories.make_project(session)
        images = factories.add_images(session, store, made, 3, label_class=made.classes[0])
        jobs.create(session, project_id=made.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={})

    def look():
        return codes(
            checks.run(settings, postgres_database, store, settings.data_dir, lambda _done, _all: None, read=True)
        )

    assert look() == []
    change(postgres_database, Image, Image.id == images[0].id, class_id=None)
    change(postgres_database, Job, Job.kind == JobKind.EXPLAIN, owner="w:1")
    assert look() == ["check_job_still_owned", "check_label_differs"]
