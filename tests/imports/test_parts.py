"""A large zip in parts: any order, twice, half done; the report is that of one reader."""

import os
import random
import threading
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.base import utc_now
from app.db.models import Image, ImportBatch, ImportEntry, LabelClass
from app.db.run_models import Job
from app.domain.archive import Archive
from app.domain.enums import JobKind, JobState
from app.domain.errors import BadImage
from app.services import import_parts, import_records, import_sources, imports, jobs, maintenance, uploads
from app.services.import_sources import Watch
from app.services.imports import Options
from app.storage import LocalStore
from tests import factories
from tests.imports.pictures import picture

LIMIT = 2**20


def write(path: Path) -> Path:
    """60 entries: duplicates within and between folders, broken files, junk, a nested zip."""
    rng = random.Random(7)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(50):
            folder = rng.choice(["train/猫", "train/犬", "test/猫"])
            archive.writestr(f"袋/{folder}/{number:02d}.png", picture(number % 30))
        for number in range(5):
            archive.writestr(f"袋/train/猫/broken{number}.png", b"no picture")
        archive.writestr("__MACOSX/x", b"x")
        archive.writestr("袋/inner.zip", b"PK")
        for number in range(3):
            archive.writestr(f"袋/late{number}.png", picture(100 + number))
    return path


def begin(tools, name="p") -> int:
    with tools.database.write() as session:
        project = factories.make_project(session, name, ())
        return imports.create(session, project, source="zip", name="袋.zip", actor="tester", options=Options()).id


def report(tools, import_id: int) -> dict[str, Any]:
    """Everything that a person sees of an import, without ids."""
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        entries = sa.select(ImportEntry).where(ImportEntry.import_id == import_id).order_by(ImportEntry.id)
        pictures = (
            sa.select(Image.path, Image.sha256, LabelClass.name, Image.split)
            .outerjoin(LabelClass, LabelClass.id == Image.class_id)
            .where(Image.project_id == batch.project_id)
            .order_by(Image.id)
        )
        return {
            "counts": (batch.new_count, batch.duplicate_count, batch.refused_count, batch.skipped_count, batch.total),
            "finished": batch.finished,
            "entries": [(row.path, row.verdict, row.code, row.params) for row in session.scalars(entries)],
            "images": [tuple(row) for row in session.execute(pictures)],
            "encoding": batch.options["encoding"],
            "root": batch.options["root"],
        }


@pytest.fixture
def whole(tools, tmp_path) -> dict[str, Any]:
    """The report of one reader."""
    import_id = begin(tools, "whole")
    assert import_sources.run_zip(tools, import_id, write(tmp_path / "whole.zip"), max_file_bytes=LIMIT)
    return report(tools, import_id)


@pytest.fixture
def cut(any_tools, tmp_path, monkeypatch) -> list[Job]:
    """The same zip, taken in seven parts; the parent and its children."""
    monkeypatch.setattr(import_parts, "PART_FILES", 9)
    monkeypatch.setattr(import_parts, "RECORD_FILES", 4)
    return accept(any_tools, tmp_path)


def accept(tools, tmp_path) -> list[Job]:
    import_id = begin(tools)
    path = write(tmp_path / "sent.zip")
    uploads.accept(tools.database, tools.store, None, import_id, path, max_file_bytes=LIMIT)
    assert not path.exists()
    with tools.database.read() as session:
        return list(session.scalars(sa.select(Job).order_by(Job.id)))


def run(tools, job: Job, watch: Watch | None = None) -> bool:
    return import_parts.run(tools, job.spec, max_file_bytes=LIMIT, watch=watch or Watch())


def join(tools, parent: Job) -> dict[str, Any]:
    assert uploads.run_job(tools, parent.spec["import_id"], parent.spec["upload"], max_file_bytes=LIMIT)
    assert list(tools.store.uploads()) == []
    return report(tools, parent.spec["import_id"])


def ended(tools, jobs_: list[Job]) -> None:
    for job in jobs_:
        with tools.database.write() as session:
            claim = jobs.claim(session, job.id, "test:1", 30)
            assert claim is not None
            assert jobs.finish(session, job.id, claim.attempt)


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_parts__the_report_is_that_of_one_reader(any_tools, cut, whole, order):
    parent, *parts = cut
    assert (parent.kind, parent.state, len(parts)) == (JobKind.IMPORT, JobState.WAITING, 7)
    assert {(part.kind, part.state, part.parent_id) for part in parts} == {
        (JobKind.IMPORT_PART, JobState.QUEUED, parent.id)
    }
    if order != "forward":
        parts = parts[::-1] if order == "backward" else random.Random(1).sample(parts, len(parts))
    for part in parts:
        assert run(any_tools, part)
    assert join(any_tools, parent) == whole


def test_parts__images_appear_while_others_are_still_decoded(any_tools, cut):
    parent, *parts = cut
    run(any_tools, parts[1])
    assert report(any_tools, parent.spec["import_id"])["entries"] == []
    run(any_tools, parts[0])
    assert len(report(any_tools, parent.spec["import_id"])["entries"]) == 18


def test_parts__all_at_the_same_time_and_twice(any_tools, cut, whole):
    parent, *parts = cut
    failures = []

    def work(part):
        try:
            run(any_tools, part)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in [*parts, *parts[::2]]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert join(any_tools, parent) == whole


def test_parts__a_recorder_that_dies_half_way_is_gone_on_with(any_tools, cut, whole, monkeypatch):
    parent, *parts = cut
    real, calls = import_records.record, []

    def die(*words, **more):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the worker is killed")
        return real(*words, **more)

    monkeypatch.setattr(import_records, "record", die)
    with pytest.raises(RuntimeError):
        run(any_tools, parts[0])
    assert len(report(any_tools, parent.spec["import_id"])["entries"]) == 8
    for part in parts[1:]:
        assert run(any_tools, part)
    assert join(any_tools, parent) == whole


def test_parts__stopped_is_begun_again(any_tools, cut, whole):
    parent, *parts = cut
    assert not run(any_tools, parts[0], Watch(stop=lambda: True))
    for part in parts:
        assert run(any_tools, part)
    assert join(any_tools, parent) == whole


def test_join__only_when_the_last_part_has_ended_and_once(any_tools, cut):
    parent, *parts = cut
    for part in parts:
        run(any_tools, part)
    ended(any_tools, parts[:-1])
    assert state(any_tools, parent) == JobState.WAITING
    ended(any_tools, parts[-1:])
    assert state(any_tools, parent) == JobState.QUEUED


def state(tools, job: Job) -> str:
    with tools.database.read() as session:
        found: str = session.get_one(Job, job.id).state
        return found


def test_failed_part__can_be_tried_again_alone(any_tools, cut, whole):
    parent, *parts = cut
    with any_tools.database.write() as session:
        claim = jobs.claim(session, parts[2].id, "test:1", 30)
        assert claim is not None
        jobs.fail(session, parts[2].id, claim.attempt, "store_unreachable")
    others = [part for part in parts if part is not parts[2]]
    for part in others:
        run(any_tools, part)
    ended(any_tools, others)
    assert state(any_tools, parent) == JobState.FAILED
    with any_tools.database.write() as session:
        assert jobs.retry(session, parts[2].id)
    assert state(any_tools, parent) == JobState.WAITING
    run(any_tools, parts[2])
    ended(any_tools, [parts[2]])
    assert state(any_tools, parent) == JobState.QUEUED
    assert join(any_tools, parent) == whole


def test_cancel__takes_all_parts_and_what_is_left_is_dropped(any_tools, cut):
    parent, *parts = cut
    run(any_tools, parts[0])
    with any_tools.database.write() as session:
        jobs.cancel(session, parent.id)
    assert {state(any_tools, job) for job in cut} == {JobState.CANCELLED}
    run(any_tools, parts[2])
    uploads.give_up(any_tools.database, any_tools.store, parent.spec["import_id"], parent.spec["upload"])
    assert list(any_tools.store.uploads()) == []
    seen = report(any_tools, parent.spec["import_id"])
    assert (seen["finished"], len(seen["entries"])) == (True, 9)
    assert not run(any_tools, parts[1])


def test_join__says_when_verdicts_are_gone(any_tools, cut):
    parent, *parts = cut
    for part in parts[1:]:
        run(any_tools, part)
    with pytest.raises(Exception, match="upload_missing"):
        uploads.run_job(any_tools, parent.spec["import_id"], parent.spec["upload"], max_file_bytes=LIMIT)


def test_small__is_one_job(tools, tmp_path):
    (job,) = accept(tools, tmp_path)
    assert (job.state, job.kind) == (JobState.QUEUED, JobKind.IMPORT)


def test_cut__by_files_and_by_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(import_parts, "PART_FILES", 10)
    with Archive(write(tmp_path / "a.zip"), LIMIT) as archive:
        assert import_parts.cut(archive.entries) == [0, 10, 20, 30, 40, 50]
        monkeypatch.setattr(import_parts, "PART_BYTES", 1)
        assert import_parts.cut(archive.entries) == list(range(len(archive.entries)))


def test_pack__keeps_every_field(tools, tmp_path):
    files = [imports.Incoming("train/猫/1.png", picture(1)), imports.Incoming("x", None, "zip_path", {"a": 1})]
    judged = imports.judge(tools, Options(), files, max_file_bytes=LIMIT)
    assert import_parts.unpack(import_parts.pack(judged)) == judged
    assert BadImage("x").status == 422
    assert isinstance(tools.store, LocalStore)


def test_cleaning__leaves_pictures_that_wait_for_their_rows(any_tools, cut):
    parent, *parts = cut
    run(any_tools, parts[3])
    long_ago = time.time() - 3 * 86_400
    for entry in any_tools.store.entries():
        os.utime(any_tools.store.path(entry.digest), (long_ago, long_ago))
    with any_tools.database.write() as session:
        session.execute(sa.update(Job).values(created_at=utc_now() - timedelta(days=4)))
    assert maintenance.clean(any_tools.database, any_tools.store).blobs == 0
    with any_tools.database.write() as session:
        jobs.cancel(session, parent.id)
    assert maintenance.clean(any_tools.database, any_tools.store).blobs > 0
