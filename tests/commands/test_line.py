"""What can be typed: answers, errors as sentences, exit codes. In this process, without workers."""

import json
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.commands import folder, line, ports, settings_table
from app.commands.common import Exit
from app.db.models import ImportBatch, Project
from app.db.run_models import Job, Run
from tests import factories

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def data_dir(settings, database, monkeypatch):
    """The commands find the empty database of the test."""
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MIWAKE_DECODE_WORKERS", "1")
    return settings.data_dir


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of six pictures, a test folder, and a file that is no picture."""
    root = tmp_path / "細胞"
    for place, name in enumerate(("好中球", "単球")):
        for split, count in (("train", 6), ("test", 2)):
            into = root / split / name
            into.mkdir(parents=True)
            for number in range(count):
                (into / f"{number}.png").write_bytes(factories.png(100 * place + 10 * count + number))
    (root / "train" / "単球" / "broken.png").write_bytes(b"no picture")
    return root


def json_of(capsys) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "command", ["", "serve", "demo", "web", "worker", "import", "train", "judge", "report", "migrate"]
)
def test_help__explains_every_command(command, capsys):
    with pytest.raises(SystemExit) as ended:
        line.main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert "usage: python -m app" in capsys.readouterr().out


def test_nothing_typed__is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        line.main([])
    assert ended.value.code == Exit.USAGE


def test_import__a_new_name_makes_the_project_and_a_second_time_finds_duplicates(pictures, capsys):
    assert line.main(["import", "血球", str(pictures), "--json"]) == Exit.OK
    first = json_of(capsys)
    assert (first["new"], first["refused"], first["import"]) == (16, 1, 1)
    (reason,) = first["reasons"]
    assert reason["path"].endswith("broken.png")
    assert reason["message"]
    assert line.main(["import", "血球", str(pictures), "--json"]) == Exit.OK
    second = json_of(capsys)
    assert (second["project"], second["new"], second["duplicates"], second["import"]) == (first["project"], 0, 16, 2)


def test_import__fails_when_no_file_could_be_used(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    assert line.main(["import", "x", str(tmp_path / "in")]) == Exit.FAILED
    assert "a.png" in capsys.readouterr().out


def test_import__a_path_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert line.main(["import", "x", str(tmp_path / "nothing"), "--json"]) == Exit.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("source", "code", "part"),
    [
        ("nothing", Exit.USAGE, "nothing"),
        ("empty", Exit.USAGE, "(JPEG, PNG, TIFF, BMP, GIF, WebP)"),
        ("left", Exit.USAGE, "left"),
        ("cell.jpg", Exit.FAILED, "This is not a zip file"),
        ("empty.zip", Exit.FAILED, "There is no file in the zip"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_import__a_source_without_files_is_one_sentence_and_makes_nothing(
    source, code, part, known, tmp_path, database, capsys
):
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / ".DS_Store").write_bytes(b"left by the system")
    (tmp_path / "cell.jpg").write_bytes(factories.png(1))
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    if known:
        with database.write() as session:
            factories.make_project(session, "x")
    assert line.main(["import", "x", str(tmp_path / source), "--json"]) == code
    said = capsys.readouterr()
    assert (said.out, part in said.err) == ("", True), said.err
    with database.read() as session:
        assert list(session.scalars(sa.select(Project.name))) == (["x"] if known else [])
        assert not session.scalar(sa.select(sa.func.count()).select_from(ImportBatch))


def test_train__queues_with_the_values_that_were_typed(pictures, capsys):
    line.main(["import", "cells", str(pictures), "--json"])
    capsys.readouterr()
    words = ["train", "cells", "--preset", "wbc", "--folds", "3", "--seed", "7", "--set", "epochs=9", "--name", "第一"]
    assert line.main([*words, "--json"]) == Exit.OK
    assert json_of(capsys) == {"project": "cells", "run": 1, "state": "queued"}
    assert line.main(["report", "cells", "1", "--json"]) == Exit.OK
    result = json_of(capsys)
    assert (result["state"], result["name"], result["classes"]) == ("queued", "第一", ["単球", "好中球"])
    assert [result["recipe"][name] for name in ("folds", "seed", "epochs")] == [3, 7, 9]
    assert line.main(["report", "cells", "1"]) == Exit.OK
    assert "cells, run 1: queued" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--preset", "nonsense"], "wbc-plus"),
        (["--preset", "wbc", "--set", "epochs"], "--set name=value"),
        (["--preset", "wbc", "--set", "epochs=-3"], "epochs: "),
        (["--preset", "wbc", "--set", "nonsense=1"], "nonsense: "),
        (["--preset", "wbc", "--folds", "1"], "folds: "),
    ],
)
def test_train__wrong_values_are_sentences(words, part, capsys):
    assert line.main(["train", "cells", *words]) == Exit.USAGE
    said = capsys.readouterr()
    assert (said.out, part in said.err) == ("", True), said.err


def test_train__vary_makes_a_group_with_a_run_for_each_combination(pictures, database, capsys):
    line.main(["import", "cells", str(pictures), "--json"])
    capsys.readouterr()
    words = ["train", "cells", "--preset", "wbc", "--vary", "image_size=32, 64", "--vary", "seed=3..4,9"]
    words += ["--spread", "spread", "--on", "gpu", "--priority", "5", "--json"]
    assert line.main([*words, "--name", "大きさ"]) == Exit.OK
    made = json_of(capsys)
    assert made["runs"][0] == {"run": 1, "name": "大きさ image_size=32 seed=3"}
    assert [run["run"] for run in made["runs"]] == [1, 2, 3, 4, 5, 6]
    with database.read() as session:
        group = session.get_one(Job, made["group"])
        recipes = [(run.recipe["image_size"], run.recipe["seed"]) for run in session.scalars(sa.select(Run))]
        children = session.scalars(sa.select(Job).where(Job.parent_id == group.id)).all()
    assert (group.kind, group.state, group.spec["name"]) == ("group", "waiting", "大きさ")
    assert recipes == [(size, seed) for size in (32, 64) for seed in (3, 4, 9)]
    told = {(job.state, job.needs, job.priority, job.spec["spread"]) for job in children}
    assert told == {("queued", "gpu", 5, "spread")}
    assert line.main(words[:-1]) == Exit.OK
    assert "6 runs of cells wait for workers: 7 to 12." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--vary", "seed"], "--vary name=value,value"),
        (["--vary", "seed=1,1"], "--vary name=value,value"),
        (["--vary", "seed=1,2", "--vary", "seed=3"], "--vary name=value,value"),
        (["--vary", "seed=1,"], "--vary name=value,value"),
        (["--vary", "seed=0..99999"], "trainings"),
        (["--vary", "seed=0..20", "--vary", "epochs=1..20"], "420 trainings"),
        (["--vary", "epochs=3,-1"], "epochs: "),
        (["--on", "a b"], "a b"),
    ],
)
def test_train__wrong_matrices_and_places_are_sentences(words, part, capsys):
    assert line.main(["train", "cells", "--preset", "wbc", *words]) == Exit.USAGE
    said = capsys.readouterr()
    assert (said.out, part in said.err) == ("", True), said.err


def test_train__an_unknown_project_is_a_sentence(capsys):
    assert line.main(["train", "nowhere", "--preset", "wbc"]) == Exit.USAGE
    assert "nowhere" in capsys.readouterr().err


def test_report__of_a_run_that_is_not_there(pictures, capsys):
    line.main(["import", "cells", str(pictures)])
    assert line.main(["report", "cells", "5"]) == Exit.USAGE


def test_settings__a_wrong_name_and_a_wrong_value_are_sentences(monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_PRT", "1")
    assert line.main(["migrate"]) == Exit.UNUSABLE
    assert "MIWAKE_PRT" in capsys.readouterr().err
    monkeypatch.delenv("MIWAKE_PRT")
    monkeypatch.setenv("MIWAKE_PORT", "many")
    assert line.main(["migrate"]) == Exit.UNUSABLE
    assert "many" in capsys.readouterr().err


def test_settings__the_page_is_what_the_program_knows():
    assert (ROOT / "docs" / "settings.md").read_text() == settings_table.page()


@pytest.mark.parametrize("command", [["serve"], ["web"]])
def test_serve__a_port_in_use_is_a_sentence_with_another_port(command, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert line.main([*command, "--port", str(port)]) == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert f"Port {port} is used" in said
    assert "--port" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])
def test_serve__refuses_every_address_but_its_own(host, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_HOST", host)
    assert line.main(["serve"]) == Exit.UNUSABLE
    assert "no accounts" in capsys.readouterr().err


def test_serve__a_folder_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(tmp_path / "file" / "data"))
    assert line.main(["serve"]) == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "MIWAKE_DATA_DIR" in said


def test_serve__a_folder_that_is_in_use_is_a_sentence(data_dir, capsys):
    with folder.held(data_dir):
        assert line.main(["serve", "--port", "0"]) == Exit.UNUSABLE
    assert "already uses the folder" in capsys.readouterr().err


def test_port__of_zero_takes_a_free_one():
    with ports.listen("127.0.0.1", 0) as listener:
        assert ports.address(listener).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("port", [-1, 70000])
def test_port__that_cannot_be_is_a_sentence(port, capsys):
    assert line.main(["serve", "--port", str(port)]) == Exit.UNUSABLE
    assert f"Port {port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "started"), [([], "search"), (["--preset", "best"], "search"), (["--set", "epochs=2"], "run")]
)
def test_train__without_a_preset_the_ready_recipes_are_tried(words, started, pictures, database, capsys):
    line.main(["import", "血球", str(pictures), "--json"])
    capsys.readouterr()
    assert line.main(["train", "血球", *words, "--seed", "3", "--json"]) == Exit.OK
    told = json_of(capsys)
    assert started in told
    with database.read() as session:
        found = session.scalars(sa.select(Run)).one()
        assert (found.recipe["preset"], found.recipe["seed"]) == ("wbc-plus", 3)
        assert (found.recipe["epochs"] == 2) is (started == "run")
        if started == "search":
            assert session.get_one(Job, told["search"]).state == "waiting"


def test_a_name_of_two_projects__is_refused_and_neither_is_deleted(database, capsys):
    with database.write() as session:
        slugs = [factories.make_project(session, "血球 九十").slug for _ in range(2)]
    assert line.main(["delete", "血球 九十", "--yes"]) == Exit.USAGE
    told = capsys.readouterr().err
    assert all(slug in told for slug in slugs)
    line.main(["delete", slugs[1], "--json"])
    assert json_of(capsys)["project"] == slugs[1]
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count(Project.id)).where(Project.deleted_at.is_(None))) == 2
