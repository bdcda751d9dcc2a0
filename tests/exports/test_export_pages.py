"""The page, the files it gives, the command, and lists that come with a zip or a folder."""

import json
import zipfile
from io import BytesIO

import pytest

from app.commands.line import main
from app.domain.enums import Split
from app.services.exports import Format
from tests.exports import sets


def test_page__offers_the_formats_and_warns_of_rights(client, tools):
    sets.make(tools, {"a.png": sets.given(class_name="猫", publish="yes"), "b.png": sets.given()})
    page = client.get("/p/血球/export")
    for text in ("Download the zip", "Only what may be published", "nobody has said whether it may be published"):
        assert text in page.text
    assert "Export all images" in client.get("/p/血球/export?class=none&state=active").text
    assert "No image matches" in client.get("/p/血球/export?q=nothing").text


def test_page__of_an_empty_project(client, place):
    assert "No pictures yet" in client.get(f"/p/{place}/export").text


def test_page__leaves_excluded_images_out_and_says_how_many(client, tools):
    rows = {f"{name}.png": sets.given(class_name="猫") for name in "ab"} | {"c.png": sets.given(excluded="ぼけ")}
    sets.make(tools, rows | {"d.png": sets.given(class_name="猫", excluded="")})
    page = client.get("/p/血球/export").text
    assert "2 excluded images are left out" in page
    assert '<dd class="numeric">2</dd>' in page
    page = client.get("/p/血球/export?state=all").text
    assert "2 of them are excluded" in page
    assert "Leave excluded images out" in page
    assert "--excluded" in page
    assert "1 excluded image is left out" in client.get("/p/血球/export?sort=name&class=1").text
    assert "There is only 1 image, and it is excluded" in client.get("/p/血球/export?q=c.png").text
    rows = client.get("/p/血球/export/csv").text.splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["猫/a.png", "猫/b.png"]


@pytest.mark.parametrize("form", list(Format))
def test_file__is_sent_with_a_name(client, tools, form):
    sets.make(tools, {"猫/a.png": sets.given(class_name="猫", split=Split.TRAIN), "b.png": sets.given(excluded="ぼけ")})
    answer = client.get(f"/p/血球/export/{form}?state=all")
    assert answer.headers["content-type"] == form.media_type
    assert f"filename*=UTF-8''%E8%A1%80%E7%90%83.{form.ending}" in answer.headers["content-disposition"]
    if form == Format.JSON:
        said = json.loads(answer.content)
        assert [(row["path"], row["class"], row["reason"]) for row in said["images"]] == [
            ("train/猫/a.png", "猫", ""),
            ("excluded/b.png", "", "ぼけ"),
        ]
        assert said["classes"][0]["name"] == "猫"
    if form == Format.FOLDERS:
        names = zipfile.ZipFile(BytesIO(answer.content)).namelist()
        assert names == ["dataset.json", "manifest.csv", "train/猫/a.png", "excluded/b.png"]


def test_file__follows_the_filter(client, tools):
    sets.make(tools, {"a.png": sets.given(class_name="猫"), "b.png": sets.given()})
    answer = client.get("/p/血球/export/csv?class=none")
    assert [line.split(",")[0] for line in answer.text.splitlines()[1:]] == ["b.png"]
    assert client.get("/p/血球/export/xml").status_code == 404


def test_command__writes_a_file_once(settings, tools, tmp_path, monkeypatch, capsys):
    sets.make(tools, {"a.png": sets.given(class_name="猫"), "b.png": sets.given(excluded="ぼけ")})
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    target = tmp_path / "out.zip"
    assert main(["export", "血球", "--to", str(target), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["images"], said["excluded_left_out"]) == (1, 1)
    assert main(["export", "血球", "--to", str(tmp_path / "all.csv"), "--excluded"]) == 0
    assert capsys.readouterr().out.startswith("2 images")
    assert main(["export", "血球", "--to", str(target)]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["export", "nobody", "--to", str(tmp_path / "x.csv")]) == 2
    assert main(["export", "血球", "--to", str(tmp_path / "none" / "x.csv")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["all.csv", "out.zip"]
    copy_id, _ = sets.imported(tools, target.read_bytes(), tmp_path)
    assert sets.state(tools, copy_id)[0][0][3] == "猫"


def test_selection__is_sent_as_a_zip(client, tools):
    sets.make(tools, {name: sets.given(class_name="猫") for name in ("a.png", "b.png", "c.png")})
    ids = [row[0] for row in client.get("/p/血球/images/ids").json()["rows"]]
    answer = client.post("/p/血球/export", data={"form": "folders", "images": f"{ids[0]},{ids[2]}"})
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert [name for name in archive.namelist() if name.endswith(".png")] == ["猫/a.png", "猫/c.png"]
