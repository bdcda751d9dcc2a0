"""Source, licence, permission and a list of their own, said on the import page."""

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch, ImportEntry, LabelClass
from app.domain import lists
from tests.imports.pages import FILE, begin, rows, send, work
from tests.imports.pictures import picture, zip_of

RIGHTS = {"origin": " Lab\n7 ", "licence": "CC BY 4.0", "publish": "no"}
KEPT = sa.select(Image.path, Image.origin, Image.licence, Image.publish)
LIST = "path,class,source\n1.png,好中球,Archive\n9.png,owl,\n".encode()
LABELS = sa.select(Image.path, LabelClass.name).outerjoin(LabelClass, LabelClass.id == Image.class_id)


def keep_list(client, urls, data=LIST, name="labels.csv"):
    return client.post(f"{urls['list']}?name={name}", content=data, headers={"Accept": "application/json"})


def test_files__get_what_was_said_of_the_import_and_the_list_says_more(client, place, database):
    urls = begin(client, place, total=2, **RIGHTS)
    assert keep_list(client, urls).json() == {"kind": "csv"}
    send(client, urls["files"], [("1.png", picture(1)), ("2.png", picture(2))], ["cat/1.png", "cat/2.png"])
    page = client.post(urls["finish"])
    assert rows(database, KEPT.order_by(Image.id)) == [
        ("cat/1.png", "Archive", "CC BY 4.0", "no"),
        ("cat/2.png", "Lab 7", "CC BY 4.0", "no"),
    ]
    assert dict(rows(database, LABELS)) == {"cat/1.png": "好中球", "cat/2.png": "cat"}
    assert rows(database, sa.select(ImportEntry.path).where(ImportEntry.code == "list_file_missing")) == [("9.png",)]
    assert "9.png" in page.text
    client.post(urls["finish"])
    assert rows(database, sa.select(ImportBatch.refused_count)) == [(1,)]


def test_zip__the_list_that_was_chosen_counts_and_not_the_one_inside(client, place, settings, database):
    urls = begin(client, place, name="a.zip", source="zip", total=0, **RIGHTS)
    tasks = b'[{"id": 1, "image": "/data/upload/1/0123abcd-1.png", "choice": "owl"}]'
    assert keep_list(client, urls, tasks, "tasks.json").json() == {"kind": "label_studio"}
    client.post(urls["zip"], content=zip_of({"1.png": picture(1), "labels.csv": LIST}))
    assert work(client, settings)
    assert rows(database, LABELS) == [("1.png", "owl")]
    assert rows(database, KEPT) == [("1.png", "Lab 7", "CC BY 4.0", "no")]


def test_forms__say_the_same_without_a_script(client, place, settings, database):
    listed = ("list", ("labels.csv", LIST, FILE))
    page = client.post(
        f"/p/{place}/import/files", files=[("files", ("1.png", picture(1), FILE)), listed], data={"form": "1", **RIGHTS}
    )
    assert page.url.path == f"/p/{place}/imports/1"
    assert rows(database, KEPT) == [("1.png", "Archive", "CC BY 4.0", "no")]
    archive = ("archive", ("a.zip", zip_of({"2.png": picture(2)}), FILE))
    client.post(f"/p/{place}/import/zip", files=[archive], data={"form": "1", **RIGHTS, "publish": "perhaps"})
    assert work(client, settings)
    assert rows(database, KEPT)[1:] == [("2.png", "Lab 7", "CC BY 4.0", "")]


def test_list__that_cannot_be_used_is_refused_with_the_reason(client, place, database):
    urls = begin(client, place)
    answer = keep_list(client, urls, b"a,b\n1,2\n")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "list_no_path")
    listed = ("list", ("labels.csv", b"a,b\n1,2\n", FILE))
    page = client.post(f"/p/{place}/import/files", files=[("files", ("1.png", picture(1), FILE)), listed])
    assert page.status_code == 422
    assert "No column of the list" in page.text
    assert rows(database, sa.select(Image.id)) == []
    client.post(urls["finish"])
    assert keep_list(client, urls).status_code == 409


def test_page__asks_for_them(client, place):
    text = client.get(f"/p/{place}/import").text
    for part in ('name="origin"', 'name="licence"', 'name="publish"', 'name="list"', 'id="zip-list"'):
        assert part in text


def test_list__among_the_files_says_what_the_others_are(client, place, database):
    urls = begin(client, place, total=4)
    described = '{"classes": [{"name": "芽球", "second_name": "Blast"}]}'.encode()
    inside = {"set/dataset.json": described, "set/manifest.csv": LIST, "set/sizes.csv": b"name,width\n1.png,3\n"}
    kinds = [
        client.post(f"{urls['list']}?path={path}", content=data, headers={"Accept": "application/json"}).json()["kind"]
        for path, data in inside.items()
    ]
    assert kinds == ["", "csv", "csv"]  # a table that is no list takes the place of none
    files = [("1.png", picture(1)), *((path.partition("/")[2], data) for path, data in inside.items())]
    send(client, urls["files"], files, [f"set/{name}" for name, _ in files])
    client.post(urls["finish"])
    assert rows(database, LABELS) == [("set/1.png", "好中球")]
    assert ("芽球", "Blast") in rows(database, sa.select(LabelClass.name, LabelClass.second_name))
    told = dict(rows(database, sa.select(ImportEntry.path, ImportEntry.code)))
    assert {told["set/dataset.json"], told["set/manifest.csv"]} == {"list_itself"}


def keep_inside(client, urls, path, data):
    return client.post(f"{urls['list']}?path={path}", content=data, headers={"Accept": "application/json"})


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("sizes.csv", b"filename,class,class\n1.png,cat,dog\n", "Two columns of the list"),
        ("long.csv", b"path,note\n1.png," + b"x" * 200_000 + b"\n", "cannot be read from line 2"),
        ("heading.csv", b"path," + b"x" * 200_000 + b"\n1.png,1\n", ""),
        ("numbers.json", b"[1, 2, 3]", "no list of tasks"),
        ("deep.json", b"[" * 100_000, "no list of tasks"),
        ("sizes.json", b'[{"image": "http://[1.png", "label": 3}]', ""),
    ],
)
def test_list__among_the_files_that_cannot_be_used_ends_nothing(client, place, database, name, data, reason):
    urls = begin(client, place, total=3)
    answer = keep_inside(client, urls, name, data)
    assert answer.status_code == 200
    assert reason in answer.json()["reason"]
    assert bool(reason) == bool(answer.json()["reason"])
    assert keep_inside(client, urls, "labels.csv", LIST).json()["kind"] == (
        "csv" if name != "sizes.json" else "label_studio"
    )
    send(client, urls["files"], [("1.png", picture(1)), (name, data)], ["cat/1.png", name])
    assert client.post(urls["finish"]).status_code == 200
    assert rows(database, sa.select(Image.path)) == [("cat/1.png",)]
    if reason:
        assert reason in client.get(urls["report"]).text  # it stays to be read there


def test_zip__with_a_table_that_cannot_be_used_comes_in_all_the_same(client, place, settings, database):
    urls = begin(client, place, name="a.zip", source="zip", total=0)
    files = {"1.png": picture(1), "a.csv": b"filename,class,class\n", "labels.csv": LIST}
    assert client.post(urls["zip"], content=zip_of(files)).status_code == 202
    assert work(client, settings)
    assert rows(database, LABELS) == [("1.png", "好中球")]


def test_list__of_an_import_that_ended_below_the_top_or_too_large(client, place, database, monkeypatch):
    urls = begin(client, place)
    described = b'{"classes": [{"name": "blast"}]}'
    for path in ("set/cat/dataset.json", "set/cat/labels.csv"):
        assert keep_inside(client, urls, path, described).json() == {"kind": "", "reason": ""}
    assert keep_inside(client, urls, "set/cat/labels.csv", LIST).json()["kind"] == ""
    monkeypatch.setattr(lists, "MAX_SENT_BYTES", 2**4)
    assert "more than 0 MB" in keep_inside(client, urls, "dataset.json", described).json()["reason"]
    monkeypatch.undo()
    client.post(urls["finish"])
    for path in ("dataset.json", "labels.csv"):
        assert keep_inside(client, urls, path, described).json()["error"]["code"] == "import_finished"
    assert ("blast",) not in rows(database, sa.select(LabelClass.name))
