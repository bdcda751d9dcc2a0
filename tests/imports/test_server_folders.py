"""Folders of the server on the import page: what is offered, what is refused, and the import by a worker."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.config import Settings
from app.db.models import Image, ImportBatch, LabelClass
from app.db.run_models import Job
from app.domain.errors import Invalid, NotFound
from app.services import disk_files, import_sources, imports, server_folders, uploads
from app.services.import_sources import Watch
from tests.imports.pages import rows
from tests.imports.pictures import picture
from tests.imports.services import LIMIT, begin, write

SET = {
    "trial 1/train/cat/1.png": picture(1),
    "trial 1/train/cat/2.png": picture(2),
    "trial 1/test/単球/3.png": picture(3),
    "trial 1/broken.png": b"no picture",
    "trial 1/Thumbs.db": b"x",
    "empty/deep/.DS_Store": b"x",
    "loose.png": picture(4),
    ".hidden/cat/5.png": picture(5),
    "trial 1/.hidden/6.png": picture(6),
}


@pytest.fixture
def shelf(tmp_path):
    """The folder of the server that is offered, with a way out of it."""
    write(tmp_path / "shelf", SET)
    write(tmp_path / "secret", {"cat/9.png": picture(9)})
    (tmp_path / "shelf" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "shelf" / "trial 1" / "link").symlink_to(tmp_path / "secret")
    return tmp_path / "shelf"


@pytest.fixture
def settings(settings: Settings, shelf: Path) -> Settings:
    """Settings that offer it."""
    return replace(settings, import_dir=str(shelf))


def run(client, settings, spec=None):
    """What a worker does."""
    state = client.app.state.miwake
    with state.database.read() as session:
        job = session.scalars(sa.select(Job).order_by(Job.id.desc())).first()
    tools = imports.Tools(state.database, state.store, state.decoder)
    spec = spec or job.spec
    return server_folders.run_job(tools, settings.import_dir, spec, max_file_bytes=LIMIT, watch=Watch())


OUT = [
    "..",
    "../secret",
    "trial 1/../../secret",
    "/etc",
    "out",
    "out/cat",
    "trial 1/link",
    "a\\b",
    "x\0y",
    "nothing",
    "loose.png",
    ".hidden",
    "trial 1/.hidden",
]


@pytest.mark.parametrize("path", OUT)
def test_inside__nothing_leads_out(shelf, path):
    with pytest.raises(NotFound, match="server_folder_missing"):
        server_folders.inside(str(shelf), path)


def test_inside__without_the_setting_there_are_none():
    with pytest.raises(Invalid, match="server_folders_off"):
        server_folders.inside("", "trial 1")


def test_listing__folders_and_files_without_links_and_junk(shelf):
    top = server_folders.listing(str(shelf), "")
    assert (top.folders, top.files, top.parents) == ((("empty", "empty"), ("trial 1", "trial 1")), 1, ())
    below = server_folders.listing(str(shelf), "trial 1/train/cat/")
    assert (below.path, below.folders, below.files) == ("trial 1/train/cat", (), 2)
    assert below.parents == (("trial 1", "trial 1"), ("train", "trial 1/train"))


def test_page__offers_folders_only_with_the_setting(client, place, settings):
    page = client.get(f"/p/{place}/import").text
    assert "A folder on the server" in page
    assert "trial 1" in page
    page = client.get(f"/p/{place}/import?server=trial%201").text
    assert "Import “trial 1” and what is below it" in page
    for wrong in ("../secret", "out", "trial%201/link"):
        page = client.get(f"/p/{place}/import?server={wrong}")
        assert page.status_code == 200
        assert "There is no folder" in page.text
        assert "9.png" not in page.text
        assert client.get(f"/p/{place}/import/server/folders?path={wrong}").status_code == 404
        assert client.post(f"/p/{place}/import/server", json={"path": wrong}).status_code in (404, 422)
    assert client.get(f"/p/{place}/import/server/folders?path=empty").status_code == 422
    client.app.state.miwake = replace(client.app.state.miwake, settings=replace(settings, import_dir=""))
    assert "A folder on the server" not in client.get(f"/p/{place}/import").text
    assert client.post(f"/p/{place}/import/server", json={"path": ""}).status_code == 422


def test_import__with_the_table_of_folders_and_undone_as_a_whole(client, place, settings, database):
    told = client.get(f"/p/{place}/import/server/folders", params={"path": "trial 1"}).json()
    assert told["total"] == 5  # the link is named in the report
    meanings = {row["folder"]: (row["count"], row["class_name"], row["split"]) for row in told["folders"]}
    assert meanings["train/cat"] == (2, "cat", "train")
    assert meanings["test/単球"] == (1, "単球", "test")
    rules = {"folders": [{"folder": "train/cat", "class_name": "owl", "split": "train"}]}
    sent = {"path": "trial 1", "rules": rules, "licence": "CC0", "publish": "yes"}
    answer = client.post(f"/p/{place}/import/server", json=sent)
    assert answer.status_code == 202
    report = answer.json()["report"]
    assert "trial 1" in client.get(report).text
    assert run(client, settings)
    query = sa.select(Image.path, LabelClass.name, Image.split, Image.licence)
    found = rows(database, query.outerjoin(LabelClass, LabelClass.id == Image.class_id).order_by(Image.path))
    assert [tuple(row) for row in found] == [
        ("test/単球/3.png", "単球", "test", "CC0"),
        ("train/cat/1.png", "owl", "train", "CC0"),
        ("train/cat/2.png", "owl", "train", "CC0"),
    ]
    page = client.get(report).text
    assert "broken.png" in page
    assert "not followed" in page  # the link out of the folder
    draw = {"action": "draw", "by": "count", "per_class": "1", "seed": "0"}
    assert "1 image was changed" in client.post(f"/p/{place}/splits", data=draw).text
    undone = client.post(f"{report}/undo", data={"request_id": "undo-12345"})
    assert undone.status_code == 200
    assert rows(database, sa.select(Image.id)) == []  # a draw is no work of a person on an image


def test_import__by_a_plain_form_and_cancelled(client, place, settings, database):
    page = client.post(f"/p/{place}/import/server/form", data={"path": "trial 1", "labels": "1", "splits": "1"})
    assert page.status_code == 200
    assert page.url.path.endswith("/imports/1")
    client.post(f"/p/{place}/imports/1/cancel")
    assert rows(database, sa.select(ImportBatch.finished, ImportBatch.new_count)) == [(True, 0)]
    assert list(uploads.unneeded(client.app.state.miwake.database, client.app.state.miwake.store)) == []


def test_job__that_was_changed_leads_nowhere_either(client, place, settings):
    client.post(f"/p/{place}/import/server", json={"path": "trial 1"})
    with pytest.raises(NotFound, match="server_folder_missing"):
        run(client, settings, {"import_id": 1, "folder": "../secret"})


def test_names__that_are_no_text_neither_break_the_page_nor_are_lost(client, place, settings, shelf, database):
    folder, *names = (os.fsdecode(name.encode("cp932")) for name in ("テスト", "細胞.png", "細菌.png"))
    write(shelf / folder, {name: picture(20 + number) for number, name in enumerate(names)})
    page = client.get(f"/p/{place}/import").text
    assert "trial 1" in page
    assert "1 more folder is not shown." in page
    assert client.get(f"/p/{place}/import/server/folders").json()["total"] == 7 + 2
    client.post(f"/p/{place}/import/server", json={"path": ""})
    assert run(client, settings)
    assert len(rows(database, sa.select(Image.name).where(Image.path.contains("\ufffd")))) == 2


def test_resumed__names_that_look_alike_are_two_files(tools, tmp_path, monkeypatch):
    first, second = ("か\u3099.png", "が.png")  # one letter written in two ways
    write(tmp_path / "set", {first: picture(1), second: picture(2)})
    _project_id, import_id = begin(tools)
    monkeypatch.setattr(import_sources, "BATCH_FILES", 1)
    words = iter((False, True))
    stopped = Watch(stop=lambda: next(words))
    assert not import_sources.run_folder(tools, import_id, tmp_path / "set", max_file_bytes=LIMIT, watch=stopped)
    assert import_sources.run_folder(tools, import_id, tmp_path / "set", max_file_bytes=LIMIT)
    with tools.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Image)) == 2


def test_disk__a_link_that_takes_the_place_of_a_folder_leads_nowhere(tmp_path):
    write(tmp_path / "shelf", {"cat/9.png": b"mine", "cat/deep/8.png": b"mine"})
    write(tmp_path / "secret", {"9.png": b"theirs", "deep/8.png": b"theirs"})
    shelf = tmp_path / "shelf"
    paths = list(import_sources.walk(shelf))
    assert paths == ["cat/9.png", "cat/deep/8.png"]
    assert disk_files.read(shelf, paths[1], 10) == b"mine"
    (shelf / "cat").rename(tmp_path / "moved")
    (shelf / "cat").symlink_to(tmp_path / "secret")  # between looking and reading
    for path in paths:
        with pytest.raises(OSError, match="cat"):
            disk_files.read(shelf, path, 10)
    with pytest.raises(OSError, match="cat"):
        disk_files.listed(shelf, "cat/")
    with pytest.raises(OSError, match=r"9\.png"):
        disk_files.read(tmp_path / "secret", "9.png", 3)  # larger than it was when it was looked at
