"""``python -m app check``: rows that contradict each other are found and named, each kind of them."""

import contextlib
import sqlite3

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch, LabelEvent
from app.db.run_models import Checkpoint, EpochMetric, Job, Prediction, RunFold
from app.domain.enums import JobKind, JobState, LabelSource, Lane
from app.services import jobs, labels
from app.services.checks import all as checks
from tests import factories
from tests.ops.whole import change, codes, first_image


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


def test_run__that_kept_its_best_need_not_have_all_models(whole, look, database):
    with database.write() as session:
        session.add(RunFold(run_id=whole.id, fold=1, train_count=12, validation_count=6))
    assert codes(look()) == ["check_run_weights"]
    change(database, Job, Job.id == whole.job_id, keep_best=True)
    assert look() == []
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
