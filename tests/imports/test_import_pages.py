import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch, ImportEntry, LabelClass, Project
from app.db.session import db_now
from app.services import import_report, import_sources, imports
from app.services.imports import Tools
from tests.imports.pages import FILE, begin, rows, send
from tests.imports.pictures import picture, zip_of


def test_page__shows_what_is_expected(client, place):
    page = client.get(f"/p/{place}/import")
    assert page.status_code == 200
    assert "webkitdirectory" in page.text
    (block,) = re.findall(r'id="import-texts">(.*?)</script>', page.text, re.S)
    texts = json.loads(block)
    assert "{done}" in texts["texts"]["stored"]
    assert "学習" in texts["splits"]
    assert texts["max_file_mb"] == 25


def test_files__one_result_for_each_and_a_report(client, place, database):
    urls = begin(client, place, total=4)
    names = [
        ("1.png", picture(1)),
        ("2.png", picture(2)),
        ("3.png", b"broken"),
        ("4.heic", b"\x00\x00\x00\x18ftypheic"),
    ]
    paths = ["train/好中球/1.png", "test/好酸球/2.png", "train/好中球/3.png", "4.heic"]
    answer = send(client, urls["files"], names, paths)
    results = answer.json()["results"]
    assert [result["verdict"] for result in results] == ["new", "new", "refused", "refused"]
    assert [result["path"] for result in results] == paths
    assert "HEIC" in results[3]["message"]
    assert all(result["message"] for result in results[2:])
    page = client.post(urls["finish"])
    assert page.status_code == 200
    assert page.url.path == unquote(urls["report"])
    for text in ("train/好中球", "好酸球", "HEIC", "4.heic"):
        assert text in page.text
    found = rows(database, sa.select(Image.path, Image.split).order_by(Image.id))
    assert found == [("train/好中球/1.png", "train"), ("test/好酸球/2.png", "test")]


def test_files__browser_names_are_used_when_no_paths_are_sent(client, place, database):
    urls = begin(client, place)
    send(client, urls["files"], [("cat/1.png", picture(1))])
    assert rows(database, sa.select(Image.path)) == [("cat/1.png",)]


@pytest.mark.parametrize(
    "name",
    [
        "../x.png",
        "..\\..\\x.png",
        "/etc/passwd",
        "C:\\x.png",
        "a\x00b.png",
        "x\u202egnp.exe",
        "あ" * 300,
        "<script>x.png",
    ],
)
def test_files__names_are_data(client, place, settings, database, name):
    before = {path for path in settings.data_dir.parent.rglob("*") if path.is_file()}
    urls = begin(client, place)
    result = send(client, urls["files"], [("x.png", picture(1))], [name]).json()["results"][0]
    assert result["verdict"] == "new"
    ((kept,),) = rows(database, sa.select(Image.name))
    assert len(kept) <= 255
    assert "\x00" not in kept
    assert ".." not in Path(kept).parts
    after = {path for path in settings.data_dir.parent.rglob("*") if path.is_file()}
    outside = {path for path in after - before if settings.data_dir / "store" not in path.parents}
    assert all(path.name.startswith("miwake.sqlite3") for path in outside)
    page = client.get(urls["report"])
    assert "<script>x" not in page.text


def test_files__a_repeated_request_gives_the_same_answer(client, place, database):
    urls = begin(client, place)
    files = [("1.png", picture(1)), ("2.png", b"no")]
    first = send(client, urls["files"], files).json()
    assert send(client, urls["files"], files).json() == first
    assert len(rows(database, sa.select(ImportEntry.id))) == 2


def test_limits__more_than_a_hundred_files(client, place, database):
    urls = begin(client, place)
    answer = send(client, urls["files"], [(f"{number}.png", b"x") for number in range(101)])
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "too_many_files"
    assert rows(database, sa.select(ImportEntry.id)) == []


def test_limits__file_and_body(client, place, settings):
    urls = begin(client, place)
    answer = send(client, urls["files"], [("big.png", bytes(26 * 2**20)), ("1.png", picture(1))])
    assert [result["code"] for result in answer.json()["results"]] == ["file_too_large", ""]

    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(120):
            yield bytes(2**20)

    headers = {"Content-Type": "multipart/form-data; boundary=x", "Accept": "application/json"}
    answer = client.post(urls["files"], content=endless(), headers=headers)
    assert answer.status_code == 413
    assert list(settings.data_dir.rglob("*.part")) == []


def test_unknown__import_and_ended_import(client, place):
    assert client.post(f"/p/{place}/imports/77/files", files=[("files", ("a", b"x"))]).status_code == 404
    urls = begin(client, place)
    client.post(urls["finish"])
    answer = send(client, urls["files"], [("a.png", picture())])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "import_finished")


@pytest.mark.parametrize(("project_gone", "told"), [(True, (404, "project_missing")), (False, (500, "internal_error"))])
def test_files__whose_import_vanishes_are_told_so_only_with_its_project(
    client, place, database, monkeypatch, project_gone, told
):
    urls = begin(client, place)
    judge = imports.judge

    def removed_meanwhile(*args, **kwargs):
        found = judge(*args, **kwargs)
        with database.write() as session:
            session.execute(sa.delete(ImportBatch))
            if project_gone:
                session.execute(sa.update(Project).values(deleted_at=db_now()))
        return found

    monkeypatch.setattr(imports, "judge", removed_meanwhile)
    client.errors_expected = not project_gone
    answer = send(client, urls["files"], [("a.png", picture())])
    assert (answer.status_code, answer.json()["error"]["code"]) == told
    with database.read() as session:
        assert session.scalars(sa.select(Image)).all() == []


def test_create__refuses_foreign_fields(client, place):
    answer = client.post(f"/p/{place}/imports", json={"name": "x", "total": 1, "actor": "boss"})
    assert answer.status_code == 422


def test_plain_form__works_without_javascript(client, place, database):
    files = [("files", ("train/cat/1.png", picture(1), FILE)), ("files", ("2.png", b"bad", FILE))]
    page = client.post(f"/p/{place}/import/files", files=files, data={"form": "1", "labels": "on"})
    assert page.url.path == f"/p/{place}/imports/1"
    assert "train/cat" in page.text
    assert rows(database, sa.select(Image.split)) == [(None,)]
    assert rows(database, sa.select(ImportBatch.finished)) == [(True,)]


def test_plain_form__nothing_chosen(client, place, database):
    for kind, name in (("files", "files"), ("zip", "archive")):
        page = client.post(f"/p/{place}/import/{kind}", files=[(name, ("", b"", FILE))], data={"form": "1"})
        assert page.status_code == 422
        assert "No file was chosen" in page.text
    assert rows(database, sa.select(ImportBatch.id)) == []


def test_problems__as_csv_without_formulas(client, place):
    urls = begin(client, place)
    names = ["=cmd|' /C calc'!A0", "+1.png", "-1.png", "@x.png", "good, name.png"]
    send(client, urls["files"], [(name, b"bad") for name in names], names)
    answer = client.get(urls["report"] + "/problems.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(table) == 6
    assert {row[0][0] for row in table[1:5]} == {"'"}
    assert table[5][0] == "good, name.png"
    japanese = client.get(urls["report"] + "/problems.csv", headers={"Accept-Language": "ja"}).text
    assert [row[1] for row in csv.reader(io.StringIO(japanese))][:2] == ["判定", "受付不可"]
    assert all(row[2] for row in table)


def test_sample__unknown_is_404(client):
    assert client.post("/samples/cats").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cells", "digits"])
def test_sample__one_click(client, database, name):
    page = client.post(f"/samples/{name}")
    assert page.status_code == 200
    ((slug, count),) = rows(
        database,
        sa.select(Project.slug, sa.func.count(Image.id))
        .join(Image, Image.project_id == Project.id)
        .group_by(Project.slug),
    )
    assert page.url.path == f"/p/{slug}"
    assert count == {"cells": 102, "digits": 1797}[name]
    keys = dict(rows(database, sa.select(LabelClass.name, LabelClass.key)))
    assert name != "digits" or keys == {digit: digit for digit in "0123456789"}


def test_folders__table_follows_the_root_of_a_zip(client, place, settings, database, tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(zip_of({"set/cat/1.png": picture(1), "set/2.png": picture(2), "set/test/dog/3.png": b"bad"}))
    state = client.app.state.miwake
    tools = Tools(state.database, state.store, state.decoder)
    with database.read() as session:
        project = session.scalars(sa.select(Project)).one()
    import_id = import_sources.import_zip(tools, project.id, path, actor="me", max_file_bytes=2**20)
    with database.read() as session:
        found = import_report.folders(session, session.get_one(ImportBatch, import_id))
    assert [(row.path, row.class_name, row.split, row.total) for row in found] == [
        ("set", None, None, 1),
        ("set/cat", "cat", None, 1),
        ("set/test/dog", "dog", "test", 1),
    ]
