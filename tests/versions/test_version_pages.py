"""The pages and the command of data versions."""

import json

import pytest

from app.commands.line import main
from tests.versions.test_versions import Set


@pytest.fixture
def data(client, database, store):
    return Set(database, store)


def test_pages__freeze_compare_and_rename(client, data):
    assert "No version yet" in client.get("/p/血球/versions").text
    page = client.post("/p/血球/versions", data={"name": "before cleaning"})
    assert page.url.path == "/p/血球/versions/1"
    assert "before cleaning" in page.text
    data.label(data.classes[1], *data.images[:2])
    data.label(None, data.images[2])
    client.post("/p/血球/versions", data={"name": ""})
    page = client.get("/p/血球/versions")
    assert "/versions/compare?a=1&amp;b=2" in page.text
    page = client.get("/p/血球/versions/compare?a=1&b=2")
    assert page.text.count('<li class="tile">') == 3
    assert "好中球" in page.text
    assert client.get("/p/血球/versions/compare?a=1&b=2&kind=relabelled&behind=1").text.count('<li class="tile">') == 2
    assert "the same images" in client.get("/p/血球/versions/compare?a=2&b=2").text
    assert "Renamed classes" not in page.text
    data.call(data.classes[0], "neutrophil")
    client.post("/p/血球/versions", data={"name": ""})
    page = client.get("/p/血球/versions/compare?a=2&b=3").text
    assert page.index("Renamed classes") < page.index("<bdi>好中球</bdi>") < page.index("<bdi>neutrophil</bdi>")
    assert "neutrophil" not in client.get("/p/血球/versions/2").text
    client.post("/p/血球/versions/2", data={"name": "掃除の後"})
    assert "掃除の後" in client.get("/p/血球/versions/1").text
    assert client.get("/p/血球/versions/9").status_code == 404
    assert client.get("/p/血球/versions/compare?a=1&b=9").status_code == 404


def test_json__tells_programs(client, data):
    data.freeze("x")
    data.label(data.classes[1], data.images[0])
    data.freeze()
    first = client.get("/p/血球/versions.json").json()[1]
    assert (first["number"], first["name"], first["images"], first["runs"]) == (1, "x", 7, [])
    said = client.get("/p/血球/versions/compare.json?a=1&b=2").json()
    assert (said["relabelled"], said["added"]) == (1, 0)
    assert said["labels"] == [{"from": "好中球", "to": "好酸球", "count": 1}]


def test_command__freezes_lists_and_compares(settings, data, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    assert main(["versions", "血球", "--freeze", "first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "first"
    data.exclude(data.images[0])
    assert main(["versions", "血球", "--freeze", ""]) == 0
    assert "7 images" in capsys.readouterr().out
    assert main(["versions", "血球", "--compare", "1", "2"]) == 0
    assert "excluded          1" in capsys.readouterr().out
    data.call(data.classes[0], "neutrophil")
    assert main(["versions", "血球", "--freeze", "third"]) == 0
    capsys.readouterr()
    assert main(["versions", "血球", "--compare", "2", "3"]) == 0
    assert "renamed           1\n  好中球 -> neutrophil" in capsys.readouterr().out
    assert main(["versions", "nobody"]) == 2
