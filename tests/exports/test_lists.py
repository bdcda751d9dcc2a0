"""Lists: tables with a heading in any order and encoding, and Label Studio's JSON; bad rows are told by their line."""

import json
import zipfile
from io import BytesIO

import pytest
import sqlalchemy as sa

from app.commands.line import main
from app.db.models import Image, ImportEntry
from app.domain import label_studio, lists
from app.domain.enums import Split
from app.domain.lists import BadList, Fault, Given
from app.services import labels
from tests.exports import sets
from tests.factories import png
from tests.imports.services import rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_table__of_any_encoding_and_separator(encoding, between):
    text = between.join(("ラベル", "ファイル名", "分割", "?")) + "\n" + between.join(("猫", "写真/1.png", "学習", "x"))
    row = lists.parse_csv(text.encode(encoding)).rows[0]
    assert isinstance(row.says, Given)
    assert (row.path, row.says.class_name, row.says.split) == ("写真/1.png", "猫", Split.TRAIN)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a.png,cat,nowhere,", "list_split"),
        (",cat,,", "list_row_no_path"),
        ("a.png,cat,,maybe", "list_yes_no"),
        ("first.png,cat,,", "list_twice"),
    ],
)
def test_table__bad_rows_are_named_and_the_rest_is_read(line, code):
    found = lists.parse_csv(f"path,label,split,unsure\nfirst.png,cat,,\n{line}\nlast.png,dog,test,yes\n".encode())
    assert [type(row.says) for row in found.rows] == [Given, Fault, Given]
    bad = found.rows[1]
    assert isinstance(bad.says, Fault)
    assert (bad.says.code, bad.line) == (code, 3)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"name,label\n1,2\n", "list_no_path"), (b"path,file\n", "list_column_twice"), (b"\xff\x00\x81", "list_encoding")],
)
def test_table__refused_as_a_whole(data, code):
    with pytest.raises(BadList) as refused:
        lists.parse_csv(data)
    assert refused.value.code == code


def test_label_studio__uploads_local_files_and_min():
    def task(address, *choices, **more):
        results = [{"value": {"choices": list(choices)}}] if choices else []
        return {"data": {"image": address}, "annotations": [{"result": results}], **more}

    tasks = [
        task("/data/upload/3/1a2b3c4d-cat%201.png", "cat"),
        task("/data/local-files/?d=pets/dog.png", "dog"),
        task("s3://bucket/pets/bird.png"),
        task("https://host/pets/two.png", "cat", "dog"),
        {"image": "min.png", "choice": "cat"},
        {"data": {}},
    ]
    found = label_studio.parse(json.dumps(tasks).encode())
    said = [(row.path, row.says.class_name if isinstance(row.says, Given) else row.says.code) for row in found.rows]
    assert said == [
        ("cat 1.png", "cat"),
        ("pets/dog.png", "dog"),
        ("pets/bird.png", None),
        ("pets/two.png", "list_choices"),
        ("min.png", "cat"),
        ("(6)", "list_row_no_path"),
    ]
    assert found.find("unpacked/cat 1.png") is found.rows[0]
    with pytest.raises(BadList):
        label_studio.parse(b'{"a": 1}')


def test_command__takes_a_list_beside_a_folder(settings, tools, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(png(number, 8))
    table = tmp_path / "labels.csv"
    table.write_text("path,label,split\n0.png,猫,test\n1.png,犬,\n2.png,犬,nowhere\ngone.png,犬,\n", "utf-8-sig")
    words = ["import", "動物", str(folder), "--list", str(table), "--licence", "CC0", "--publish", "yes", "--json"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["new"], said["refused"]) == (3, 2)
    assert {(one["path"], one["code"]) for one in said["reasons"]} == {
        ("2.png", "list_split"),
        ("gone.png", "list_file_missing"),
    }
    project_id = rows(tools, sa.select(Image.project_id))[0][0]
    found = {row[2]: (row[3], row[4], row[11], row[12]) for row in sets.state(tools, project_id)[0]}
    assert found["0.png"] == ("猫", "test", "CC0", "yes")
    assert found["3.png"] == (None, None, "CC0", "yes")
    assert main(["import", "動物", str(folder), "--list", str(tmp_path / "none.csv")]) == 2


def test_zip__names_what_its_list_has_and_did_not_come(tools, tmp_path):
    plain = BytesIO()
    with zipfile.ZipFile(plain, "w") as packed:
        packed.writestr("set/labels.csv", "file,class\nx/1.png,猫\ngone.png,犬\n")
        packed.writestr("set/x/1.png", png(1, 8))
        packed.writestr("set/y/2.png", png(2, 8))
    copy_id, import_id = sets.imported(tools, plain.getvalue(), tmp_path)
    query = sa.select(ImportEntry.path, ImportEntry.code).where(ImportEntry.import_id == import_id)
    assert {tuple(row) for row in rows(tools, query)} == {
        *(
            ("set/labels.csv", "list_itself"),
            ("gone.png", "list_file_missing"),
            ("set/x/1.png", ""),
            ("set/y/2.png", ""),
        ),
    }
    assert {row[2]: row[3] for row in sets.state(tools, copy_id)[0]} == {"1.png": "猫", "2.png": "y"}


def test_rights__of_an_image_and_of_many_can_be_taken_back(client, tools):
    sets.make(tools, {"a.png": sets.given(), "b.png": sets.given()})
    page = client.get("/p/血球/images/1")
    assert page.text.count("not known") >= 3
    form = {"do": "rights", "version": "0", "request_id": "x1", "origin": "Nikon", "licence": "CC0", "publish": "yes"}
    page = client.post("/p/血球/images/1", data=form)
    assert "Nikon" in page.text
    body = {"request_id": "x2", "source": "gallery", "field": "publish", "value": "no", "filter": {}, "shown": 2}
    assert client.post("/p/血球/marks", json=body).json()["count"] == 2
    assert {row[0] for row in rows(tools, sa.select(Image.publish))} == {"no"}
    with tools.database.write() as session:
        labels.undo(session, 1, actor="tester", request_id="x3")
    assert {row[0] for row in rows(tools, sa.select(Image.publish))} == {"", "yes"}
    assert "May be published" in client.get("/p/血球/history").text
    body = {**body, "request_id": "x4", "value": "perhaps"}
    assert client.post("/p/血球/marks", json=body).status_code == 422
