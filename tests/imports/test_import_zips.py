import os
import re
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch
from app.db.run_models import Job
from app.services import uploads
from app.storage import local as storage
from app.storage.base import StoreError
from app.web import uploading
from tests.imports.pages import FILE, begin, rows, send, uploaded, work
from tests.imports.pictures import overlap_bomb, picture, raw_zip, zip_of


def test_zip__is_streamed_checked_queued_and_imported(client, place, settings, database):
    data = zip_of({"train/猫/1.png": picture(1), "train/犬/2.png": picture(2), "__MACOSX/x": b"x", "in.zip": b"PK"})
    urls = begin(client, place, name="動物.zip", source="zip", total=0)
    answer = client.post(urls["zip"], content=data, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 202
    (waiting,) = uploaded(settings)
    assert re.fullmatch(r"import-1-[0-9a-f]{8}\.zip", waiting.name)
    page = client.get(urls["report"])
    assert "No worker is running" in page.text
    assert client.get(urls["report"] + "/status").json()["waiting"] is True
    assert work(client, settings)
    assert uploaded(settings) == []
    now = client.get(urls["report"] + "/status").json()
    assert (now["new"], now["refused"], now["skipped"], now["total"], now["over"]) == (2, 1, 1, 4, True)
    page = client.get(urls["report"])
    for text in ("train/猫", "in.zip", "utf-8"):
        assert text in page.text


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not a zip", "zip_unknown"),
        (b"", "zip_unknown"),
        (zip_of({"a.png": b"x" * 1000})[:-30], "zip_cut_off"),
        (overlap_bomb(), "zip_overlap"),
        (zip_of({}), "zip_empty"),
    ],
    ids=["text", "nothing", "cut", "overlap", "empty"],  # the bytes of a zip hold the time of day
)
def test_zip__refused_leaves_nothing(client, place, settings, database, data, code):
    urls = begin(client, place, source="zip")
    answer = client.post(
        urls["zip"], content=data, headers={"Accept": "application/json", "Content-Type": "application/zip"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert uploaded(settings) == []
    assert rows(database, sa.select(ImportBatch.id)) == []
    assert rows(database, sa.select(Job.id)) == []


def test_zip__too_large_is_refused_before_and_while_it_comes(client, place, settings, database):
    state = client.app.state.miwake
    client.app.state.miwake = replace(state, settings=replace(settings, max_zip_mb=1))
    urls = begin(client, place, source="zip")
    headers = {"Accept": "application/json"}
    answer = client.post(urls["zip"], content=bytes(2**20 + 1), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "zip_too_large")
    urls = begin(client, place, source="zip")
    answer = client.post(urls["zip"], content=(bytes(2**18) for _ in range(9)), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "zip_too_large")
    assert uploaded(settings) == []


def test_zip__plain_form_with_an_encoding(client, place, settings, database):
    data = raw_zip([("ﾂ｡/1.png".encode("cp932"), picture(1))])
    page = client.post(
        f"/p/{place}/import/zip",
        files=[("archive", ("画像.zip", data, FILE))],
        data={"form": "1", "labels": "on", "encoding": "cp932"},
    )
    assert page.url.path == f"/p/{place}/imports/1"
    assert work(client, settings)
    assert rows(database, sa.select(Image.path)) == [("ﾂ｡/1.png",)]
    page = client.post(f"/p/{place}/import/zip", files=[("archive", ("x.zip", b"x", FILE))], data={"form": "1"})
    assert page.status_code == 422
    assert "not a zip file" in page.text


def test_zip__a_second_one_is_refused(client, place, settings):
    urls = begin(client, place, source="zip")
    data = zip_of({"1.png": picture(1)})
    assert client.post(urls["zip"], content=data).status_code == 202
    assert client.post(urls["zip"], content=data, headers={"Accept": "application/json"}).status_code == 409
    assert len(uploaded(settings)) == 1


def test_space__a_full_disk_is_507_and_leaves_nothing(client, place, settings, database, monkeypatch):
    urls = begin(client, place)
    monkeypatch.setattr(storage, "FLOOR_BYTES", 2**60)
    monkeypatch.setattr(uploading, "FLOOR_BYTES", 2**60)
    answer = send(client, urls["files"], [("a.png", picture())])
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full")
    answer = client.post(urls["zip"], content=zip_of({"a.png": picture()}), headers={"Accept": "application/json"})
    assert answer.status_code == 507
    page = client.post(f"/p/{place}/import/files", files=[("files", ("a.png", picture(), FILE))])
    assert page.status_code == 507
    assert "disk is full" in page.text
    assert rows(database, sa.select(Image.id)) == []
    assert uploaded(settings) == []
    assert [path for path in (settings.data_dir / "store").rglob("*") if path.is_file()] == []


def test_job__that_failed_says_why(client, place, database):
    urls = begin(client, place, source="zip")
    client.post(urls["zip"], content=zip_of({"1.png": picture(1)}))
    with database.write() as session:
        session.execute(sa.update(Job).values(state="failed", error_code="zip_not_plain"))
    assert "not a plain zip" in client.get(urls["report"]).text


def test_sweep__removes_uploads_that_were_cut_off_or_have_ended(client, place, settings, database, store):
    urls = begin(client, place, source="zip")
    client.post(urls["zip"], content=zip_of({"1.png": picture(1)}))
    (waiting,) = uploaded(settings)
    coming = settings.data_dir / uploads.FOLDER
    (coming / ("import-77.zip" + uploads.PART)).write_bytes(b"half")
    young = waiting.with_name("import-78-00000000.zip")  # its job may be written this very moment
    young.write_bytes(b"whole")
    assert uploads.sweep(database, store, settings.data_dir) == 1
    assert set(uploaded(settings)) == {waiting, young}
    for path in (waiting, young):
        os.utime(path, (time.time() - 7200,) * 2)
    assert uploads.sweep(database, store, settings.data_dir) == 1
    assert uploaded(settings) == [waiting]


def test_sweep__the_zip_of_a_failed_import_stays_for_another_try(client, place, settings, database, store):
    urls = begin(client, place, source="zip")
    client.post(urls["zip"], content=zip_of({"1.png": picture(1)}))
    (waiting,) = uploaded(settings)
    for state, days, left in (("failed", 1, [waiting]), ("failed", 8, []), ("cancelled", 1, []), ("done", 1, [])):
        waiting.write_bytes(b"zip")
        os.utime(waiting, (time.time() - days * 86_400,) * 2)
        with database.write() as session:
            session.execute(sa.update(Job).values(state=state))
        uploads.sweep(database, store, settings.data_dir)
        assert uploaded(settings) == left


def test_sweep__without_the_store_the_pages_start_all_the_same(client, settings, database, store, monkeypatch, caplog):
    def refuse():
        raise StoreError("store_unreachable")

    monkeypatch.setattr(store, "uploads", refuse)
    assert uploads.sweep(database, store, settings.data_dir) == 0
    assert "were not looked for" in caplog.text


def test_give_up__ends_a_cancelled_import_and_drops_its_zip(client, place, settings, database, store):
    urls = begin(client, place, name="動物.zip", source="zip", total=0)
    client.post(urls["zip"], content=zip_of({"猫/1.png": picture(1)}), headers={"Content-Type": "application/zip"})
    (path,) = uploaded(settings)
    with database.read() as session:
        import_id = session.scalars(sa.select(ImportBatch.id)).one()
    uploads.give_up(database, store, import_id, path.name)
    assert uploaded(settings) == []
    with database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        assert (batch.finished, batch.total) == (True, 0)
