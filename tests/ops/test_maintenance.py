"""Making room: a preview that changes nothing, and a cleaning that never takes what a row needs."""

import contextlib
import os
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.config import StoreAddress
from app.db.base import utc_now
from app.db.models import ImportBatch
from app.db.run_models import Checkpoint, Job, Run
from app.domain.enums import JobKind, JobState, Lane
from app.services import jobs, maintenance, references
from app.storage import Store, open_store
from app.storage.bucket import SMALL_BYTES, ObjectStore
from tests import factories

OLD = time.time() - 3 * 86_400


@pytest.fixture
def filled(database, store):
    """A project with images, whose files are all three days old."""
    with database.write() as session:
        made = factories.make_project(session)
        factories.add_images(session, store, made, 5, label_class=made.classes[0])
    age(store)
    return made


def age(store) -> None:
    for path in store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))


def digests(store: Store) -> set[str]:
    return {entry.digest for entry in store.entries()}


def add_state(database, store, project_id, state, ended, data):
    """A training in ``state`` with one saved state; the hash of it."""
    digest: str = store.put(data)
    with database.write() as session:
        job = jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})
        job.state, job.finished_at = state, ended
        number = 1 + (session.scalar(sa.select(sa.func.count()).select_from(Run)) or 0)
        run = Run(project_id=project_id, number=number, kind="holdout", recipe={}, job_id=job.id, actor="t")
        session.add(run)
        session.flush()
        session.add(Checkpoint(run_id=run.id, fold=0, epoch=1, attempt=1, blobs={"state": digest}, size=len(data)))
    return digest


def test_plan__changes_nothing(filled, database, store):
    orphan = store.put(b"orphan")
    age(store)
    before = digests(store)
    plan = maintenance.plan(database, store)
    assert (plan.blobs.count, plan.blobs.size, plan.states.count) == (1, 6, 0)
    assert plan.store.count == len(before)
    assert digests(store) == before
    assert orphan in before


def test_clean__removes_what_nothing_needs_and_says_the_sizes(filled, database, store):
    store.put(b"orphan" * 100)
    age(store)
    young = store.put(b"young")
    before = digests(store)
    cleaned = maintenance.clean(database, store)
    assert (cleaned.blobs, cleaned.before - cleaned.after) == (1, 600)
    assert young in digests(store)
    assert len(digests(store)) == len(before) - 1
    with database.read() as session:
        assert {bytes.fromhex(one) for one in digests(store)} >= references.kept(session)
    assert maintenance.clean(database, store).blobs == 0


def test_clean__saved_states_of_trainings_that_need_none(filled, database, store):
    now = utc_now()
    done = add_state(database, store, filled.id, JobState.DONE, now, b"done")
    old = add_state(database, store, filled.id, JobState.FAILED, now - timedelta(days=8), b"failed long ago")
    lately = add_state(database, store, filled.id, JobState.FAILED, now - timedelta(days=2), b"failed lately")
    running = add_state(database, store, filled.id, JobState.RUNNING, None, b"running")
    age(store)
    assert maintenance.plan(database, store).states == maintenance.Heap(2, len(b"done") + len(b"failed long ago"))
    assert maintenance.clean(database, store).states == 2
    left = digests(store)
    assert {lately, running} <= left
    assert not {done, old} & left


@pytest.mark.parametrize("column", ["spec", "result"])
def test_clean__what_a_job_names_stays(filled, database, store, column):
    digest = store.put(b"a picture that somebody tries")
    age(store)
    with database.write() as session:
        job = jobs.create(session, project_id=filled.id, kind=JobKind.PREDICT, lane=Lane.INTERACTIVE, spec={})
        session.execute(sa.update(Job).where(Job.id == job.id).values({column: {"picture": digest, "deep": [1]}}))
    assert maintenance.clean(database, store).blobs == 0
    assert store.exists(digest)


def test_put__of_bytes_that_are_there_makes_them_young(filled, database, store):
    digest = store.put(b"again")
    age(store)
    store.put(b"again")
    assert maintenance.plan(database, store).blobs.count == 0
    assert store.exists(digest)


@pytest.mark.slow
def test_clean__beside_imports_of_the_same_bytes_loses_nothing(filled, database, store):
    """Threads put old, unneeded bytes and write their row while others clean: every row keeps its file."""
    blobs = [f"blob {number}".encode() for number in range(40)]
    for data in blobs:
        store.put(data)
    age(store)
    stop = threading.Event()

    def cleaning():
        while not stop.is_set():
            maintenance.clean(database, store)

    thread = threading.Thread(target=cleaning)
    thread.start()
    try:
        named = []
        for data in blobs:
            old = store.path(store.put(data))
            with contextlib.suppress(FileNotFoundError):  # a cleaning holds it aside to look at its age
                os.utime(old, (OLD, OLD))
            digest = store.put(data)
            with database.write() as session:
                jobs.create(session, project_id=filled.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={"is": digest})
            named.append(digest)
    finally:
        stop.set()
        thread.join()
    assert [digest for digest in named if not store.exists(digest)] == []


def test_page__shows_first_and_removes_when_asked(filled, client, store):
    store.put(b"orphan" * 500)
    age(store)
    before = digests(store)
    page = client.get("/jobs/cleanup").text
    assert "Remove 3 KB" in page
    assert digests(store) == before
    answer = client.post("/jobs/cleanup")
    assert "Removed: 0 saved states and 1 files" in answer.text
    assert len(digests(store)) == len(before) - 1
    assert "There is nothing to remove." in client.get("/jobs/cleanup").text


def test_drop_old__in_a_bucket_looks_at_the_age():
    bucket = open_store("memory:///")
    digest = bucket.put(b"x")
    assert not bucket.drop_old(digest, time.time() - 60)
    assert bucket.exists(digest)
    assert bucket.drop_old(digest, time.time() + 60)
    assert not bucket.exists(digest)
    assert not bucket.drop_old(digest, time.time() + 60)


def test_clean__takes_away_the_half_of_an_interrupted_write(filled, database, store):
    """What was begun within a day may still be going on."""
    folder = store.path(store.put(b"fresh")).parent
    old, young = folder / ".new-old", folder / ".new-young"
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (OLD, OLD))
    maintenance.clean(database, store)
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("minutes", [4, 20, 50, 90])
def test_drop_unneeded__keeps_a_large_blob_of_a_bucket_that_another_import_has_just_put_again(
    database, tmp_path, minutes
):
    """The picture of a deleted project comes into another one, and its row is not written yet."""
    (tmp_path / "bucket").mkdir()
    bucket, picture = ObjectStore(StoreAddress(f"file://{tmp_path}/bucket")), b"x" * (SMALL_BYTES + 1)
    digest, put_then = bucket.put(picture), time.time() - 60 * minutes
    for path in (tmp_path / "bucket").rglob(f"*{digest[2:]}"):
        os.utime(path, (put_then, put_then))
    with database.write() as session:
        other = factories.make_project(session)
        session.add(ImportBatch(project_id=other.id, number=1, source="browser", name="b", actor="ken"))
    assert bucket.put(picture) == digest
    assert maintenance.drop_unneeded(database, bucket) == 0
    assert bucket.exists(digest)
