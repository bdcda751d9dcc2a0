"""``python -m app check``: damage to files is found and named; what can be mended is, and only that."""

import json
import os

import pytest
import sqlalchemy as sa

from app.commands import check
from app.db.run_models import Checkpoint, Job, RunFold
from app.db.session import db_now
from app.domain.enums import JobState
from app.storage import sha256
from tests.ops.whole import OLD, age, change, codes, first_image


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


@pytest.mark.parametrize("step", ["exists", "get"])
def test_state__that_a_training_replaces_meanwhile_is_not_missed(whole, look, database, store, monkeypatch, step):
    digest = store.put(b"state")
    with database.write() as session:
        session.get_one(Job, whole.job_id).state = JobState.RUNNING
        session.execute(sa.update(Job).values(owner="w", lease_until=db_now() + 30, finished_at=None))
        session.add(Checkpoint(run_id=whole.id, fold=0, epoch=1, attempt=1, blobs={"state": digest}, size=5))
    if step == "exists":  # the list of the files was made after the deletion, the one of the rows before
        store.delete(digest)
    assert codes(look()) == ([] if step == "get" else ["check_blob_missing"])
    unchanged = getattr(store, step)

    def replaced(asked):
        if asked == digest:
            with database.write() as session:
                session.execute(sa.delete(Checkpoint))
            store.delete(digest)
        return unchanged(asked)

    monkeypatch.setattr(store, step, replaced)
    assert look() == []


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
