"""Bundles, what is missing after a break, pieces of a zip, what folders mean, and the end by a person."""

import os

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch, ImportEntry, LabelClass
from app.services import class_acts, classes, labels, uploads
from app.web import bundles
from tests.imports.pages import begin, rows, uploaded, work
from tests.imports.pictures import picture, zip_of

JSON = {"Accept": "application/json"}
BUNDLE = JSON | {"Content-Type": bundles.MEDIA_TYPE}


def named(path, data, modified=1):
    return {"path": path, "size": len(data), "modified": modified}


def send(client, urls, files):
    body = bundles.pack([(named(path, data), data) for path, data in files.items()])
    return client.post(urls["bundle"], content=body, headers=BUNDLE)


def labels_of(database):
    query = sa.select(Image.path, LabelClass.name, Image.split).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    return {path: (name, split) for path, name, split in rows(database, query)}


def test_bundle__counts_problems_and_pictures(client, place, database):
    urls = begin(client, place, total=4)
    files = {"学習/cat/1.png": picture(1), "cat/2.png": picture(2), "cat/same.png": picture(1), "bad.png": b"x"}
    answer = send(client, urls, files).json()
    assert answer["counts"] == {"new": 2, "duplicate": 1, "refused": 1}
    assert [problem["path"] for problem in answer["problems"]] == ["cat/same.png", "bad.png"]
    assert len(answer["pictures"]) == 2
    assert client.get(answer["pictures"][0]).headers["content-type"] == "image/jpeg"
    assert labels_of(database) == {"学習/cat/1.png": ("cat", "train"), "cat/2.png": ("cat", None)}


@pytest.mark.parametrize(
    "body",
    [b"", b"\0\0", b"\0\0\0\x02[]x", b"\0\0\0\x02{}", b"\xff\xff\xff\xff[]", bundles.pack([(named("a", b"12"), b"1")])],
)
def test_bundle__that_is_damaged_is_refused(client, place, body):
    answer = client.post(begin(client, place)["bundle"], content=body, headers=BUNDLE)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "bundle_broken"


def test_bundle__of_more_than_a_hundred_files_is_refused(client, place):
    body = bundles.pack([(named(f"{number}.png", b""), b"") for number in range(101)])
    answer = client.post(begin(client, place)["bundle"], content=body, headers=BUNDLE)
    assert answer.json()["error"]["code"] == "too_many_files"


def test_missing__after_a_break_only_what_did_not_come(client, place):
    urls = begin(client, place, total=5)
    files = {"cat/1.png": picture(1), "cat/twin.png": picture(1), "bad.png": b"x", ".hidden": b"x"}
    send(client, urls, files)
    offers = [named(path, data) for path, data in files.items()]
    offers += [named("cat/1.png", picture(1), modified=2), named("cat/9.png", b"123")]
    answer = client.post(urls["missing"], json={"files": offers}, headers=JSON)
    assert answer.json() == {"missing": [4, 5]}


def test_open__tells_what_can_go_on(client, place):
    urls = begin(client, place, name="cells (2 files)", total=2)
    send(client, urls, {"1.png": picture(1)})
    (one,) = client.get(f"/p/{place}/import/open", headers=JSON).json()["imports"]
    assert (one["name"], one["total"], one["done"], one["source"]) == ("cells (2 files)", 2, 1, "browser")
    assert one["bundle"] == urls["bundle"]
    client.post(urls["finish"])
    assert client.get(f"/p/{place}/import/open", headers=JSON).json() == {"imports": []}


def test_repeats__a_bundle_that_comes_again_changes_nothing(client, place, database):
    urls = begin(client, place)
    files = {"cat/1.png": picture(1), "bad.png": b"x"}
    first = send(client, urls, files).json()
    assert send(client, urls, files).json() == first
    assert rows(database, sa.select(sa.func.count()).select_from(ImportEntry)) == [(2,)]


def test_folders__offer_classes_that_are_there(client, place, database, project):
    with database.write() as session:
        classes.add(session, project, "Neutrophil")
    sent = {"folders": {"train/neutrophil": 3, "train/neutrophils": 2, "test/monocyte": 1, "": 4}}
    answer = client.post(f"/p/{place}/import/folders", json=sent, headers=JSON).json()["folders"]
    told = {row["folder"]: (row["count"], row["class_name"], row["known"], row["near"], row["split"]) for row in answer}
    assert told == {
        "": (4, "", False, "", ""),
        "test/monocyte": (1, "monocyte", False, "", "test"),
        "train/neutrophil": (3, "Neutrophil", True, "", "train"),
        "train/neutrophils": (2, "neutrophils", False, "Neutrophil", "train"),
    }


def test_folders__a_renamed_a_merged_and_a_longer_name_are_offered(client, place, database, project):
    def who(request_id: str) -> class_acts.Who:
        return {"actor": "tester", "request_id": request_id}

    with database.write() as session:
        found = classes.ensure(session, project, ["好中球", "単球", "単 球", "芽球"])
        made = {name: item.id for name, item in found.items()}
        class_acts.edit(session, project, made["好中球"], {"name": "分葉核好中球"}, **who("one"))
        class_acts.edit(session, project, made["芽球"], {"name": "骨髄芽球"}, **who("two"))
    send(client, begin(client, place), {"単 球/1.png": picture(1)})
    with database.write() as session:
        class_acts.merge(session, project, made["単 球"], made["単球"], **who("three"))
        class_acts.retire(session, project, made["芽球"], True, **who("four"))
    sent = {"folders": dict.fromkeys(("好中球", "単 球", "芽球", "活性化単球(大型)", "cat"), 1)}
    answer = client.post(f"/p/{place}/import/folders", json=sent, headers=JSON).json()["folders"]
    assert {row["folder"]: (row["class_name"], row["near"], row["why"]) for row in answer} == {
        "好中球": ("好中球", "分葉核好中球", "renamed"),
        "単 球": ("単 球", "単球", "merged"),
        "芽球": ("芽球", "", ""),  # the class that had this name is offered no more
        "活性化単球(大型)": ("活性化単球(大型)", "単球", "alike"),
        "cat": ("cat", "", ""),
    }


def test_folders__of_merged_classes_are_offered_where_their_images_are_now(client, place, database, project):
    def merge(source: str, target: str) -> int:
        with database.write() as session:
            who: class_acts.Who = {"actor": "tester", "request_id": f"{source} {target}"}
            return class_acts.merge(session, project, made[source], made[target], **who).id

    def near(*names: str) -> dict[str, str]:
        sent = {"folders": dict.fromkeys(names, 1)}
        answer = client.post(f"/p/{place}/import/folders", json=sent, headers=JSON).json()["folders"]
        return {row["folder"]: row["near"] for row in answer}

    with database.write() as session:
        made = {name: one.id for name, one in classes.ensure(session, project, ["A", "B", "C", "D"]).items()}
    send(client, begin(client, place), {"A/1.png": picture(1)})
    merge("A", "B")
    second = merge("B", "C")
    merge("D", "C")  # without an image
    assert near("A", "B", "D") == {"A": "C", "B": "C", "D": "C"}
    for act, wanted in ((labels.undo, {"A": "B", "B": ""}), (labels.redo, {"A": "C", "B": "C"})):
        with database.write() as session:
            act(session, project.id, second, actor="tester", request_id=act.__name__)
        assert near("A", "B") == wanted
    merge("C", "A")  # in a circle: A is offered again, and is what all of them are now
    assert near("A", "B", "C", "D") == {"A": "", "B": "A", "C": "A", "D": "A"}
    with database.write() as session:
        class_acts.retire(session, project, made["C"], False, actor="tester", request_id="offered")
        class_acts.retire(session, project, made["C"], True, actor="tester", request_id="retired")
    assert near("C") == {"C": ""}


def test_rules__decide_about_class_split_and_what_is_left_out(client, place, database):
    folders = [
        {"folder": "a", "class_name": " 好中球 ", "split": "test"},
        {"folder": "train/b", "class_name": "", "split": ""},
        {"folder": "c", "left_out": True},
    ]
    urls = begin(client, place, rules={"folders": folders})
    files = {"a/1.png": picture(1), "train/b/2.png": picture(2), "c/3.png": picture(3), "train/d/4.png": picture(4)}
    assert send(client, urls, files).json()["counts"] == {"new": 3, "skipped": 1}
    wanted = {"a/1.png": ("好中球", "test"), "train/b/2.png": (None, None), "train/d/4.png": ("d", "train")}
    assert labels_of(database) == wanted
    assert "left out" in client.get(urls["report"]).text


def test_rules__one_class_for_all(client, place, database):
    urls = begin(client, place, rules={"every": "dog"})
    send(client, urls, {"1.png": picture(1), "train/cat/2.png": picture(2)})
    assert labels_of(database) == {"1.png": ("dog", None), "train/cat/2.png": ("dog", "train")}


def send_piece(client, urls, data, at, size):
    answer = client.post(f"{urls['piece']}?at={at}&size={size}", content=data, headers=JSON)
    assert answer.status_code == 200
    return answer.json()["received"]


def test_zip__in_pieces_with_rules(client, place, database, settings):
    data = zip_of({"set/train/cat/1.png": picture(1), "set/test/kat/2.png": picture(2), "set/other/3.png": picture(3)})
    urls = begin(client, place, source="zip", name="set.zip", zip=named("set.zip", data))
    half = len(data) // 2
    assert send_piece(client, urls, data[:half], 0, len(data)) == half
    assert send_piece(client, urls, data[:half], 0, len(data)) == half  # came twice: not taken
    (one,) = client.get(f"/p/{place}/import/open", headers=JSON).json()["imports"]
    assert (one["received"], one["file"]["size"]) == (half, len(data))
    uploads.sweep(client.app.state.miwake.database, client.app.state.miwake.store, settings.data_dir)  # a restart
    assert client.get(urls["folders"], headers=JSON).json()["error"]["code"] == "upload_cut_off"
    assert send_piece(client, urls, data[half:] + b"more than announced", half, len(data)) == len(data)
    told = client.get(urls["folders"], headers=JSON).json()
    assert [(row["folder"], row["class_name"], row["split"]) for row in told["folders"]] == [
        ("set/other", "other", ""),
        ("set/test/kat", "kat", "test"),
        ("set/train/cat", "cat", "train"),
    ]
    folders = [
        {"folder": "set/test/kat", "class_name": "cat", "split": "test"},
        {"folder": "set/other", "left_out": True},
    ]
    assert client.post(urls["start"], json={"folders": folders}, headers=JSON).json() == {"report": urls["report"]}
    assert work(client, settings)
    assert labels_of(database) == {"set/train/cat/1.png": ("cat", "train"), "set/test/kat/2.png": ("cat", "test")}
    assert uploaded(settings) == []


def test_zip__that_is_none_is_refused_when_it_has_come(client, place, settings):
    urls = begin(client, place, source="zip", zip=named("x.zip", b"not a zip"))
    send_piece(client, urls, b"not a zip", 0, 9)
    answer = client.get(urls["folders"], headers=JSON)
    assert answer.json()["error"]["code"] == "zip_unknown"
    client.post(urls["cancel"])
    assert uploaded(settings) == []


def test_zip__larger_than_allowed_is_refused_before_it_comes(client, place):
    urls = begin(client, place, source="zip", zip=named("x.zip", b""))
    answer = client.post(f"{urls['piece']}?at=0&size={2**42}", content=b"x", headers=JSON)
    assert answer.status_code == 413


def test_sweep__pieces_of_an_import_that_ended_go(client, place, settings):
    urls = begin(client, place, source="zip", zip=named("x.zip", b"123456"))
    send_piece(client, urls, b"123", 0, 6)
    state = client.app.state.miwake
    assert uploads.sweep(state.database, state.store, settings.data_dir) == 0
    (file,) = uploaded(settings)
    os.utime(file, (0, 0))
    assert uploads.sweep(state.database, state.store, settings.data_dir) == 1


def test_cancel__keeps_what_came(client, place, database):
    urls = begin(client, place, total=10)
    send(client, urls, {"1.png": picture(1)})
    assert client.post(urls["cancel"], follow_redirects=False).status_code == 303
    assert rows(database, sa.select(ImportBatch.finished, ImportBatch.new_count)) == [(True, 1)]
    assert send(client, urls, {"2.png": picture(2)}).json()["error"]["code"] == "import_finished"


def test_cancel__a_zip_that_waits_for_a_worker(client, place, database, settings):
    data = zip_of({"cat/1.png": picture(1)})
    urls = begin(client, place, source="zip", zip=named("x.zip", data))
    send_piece(client, urls, data, 0, len(data))
    client.post(urls["start"], json={}, headers=JSON)
    client.post(urls["cancel"])
    assert rows(database, sa.select(ImportBatch.finished)) == [(True,)]
    assert client.get(urls["report"] + "/status", headers=JSON).json()["over"]
