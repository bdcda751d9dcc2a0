"""The manifest of a run and the run as a program, as the pages give them."""

import ast
import hashlib
import runpy
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.db.run_models import Run, RunItem
from app.domain import backbones
from app.domain.recipe import Recipe
from app.services import manifest

HASH = "ab" * 32


def test_manifest__names_data_seed_libraries_and_weights(client, database, kfold):
    with database.write() as session:
        run = session.get_one(Run, kfold.id)
        run.environment = {"keras": "3.15.1", "processor": "a processor", "precision": "float32"}
    answer = client.get("/p/blood/runs/1/manifest.json?download=true")
    assert answer.headers["content-disposition"].startswith('attachment; filename="blood-run-1-manifest.json"')
    values = answer.json()
    assert (values["format"], values["run"], values["seed"]) == ("miwake run", 1, kfold.recipe["seed"])
    assert values["recipe"] == kfold.recipe
    assert values["environment"]["keras"] == "3.15.1"
    assert [model["fold"] for model in values["models"]] == [1, 2, 3, 4, 5]
    assert values["images"]["count"] == 42
    assert len(values["images"]["fingerprint"]) == 64


def test_manifest__fingerprint_changes_with_every_item(database, kfold):
    with database.write() as session:
        before = manifest.fingerprint(session, kfold)
        assert manifest.fingerprint(session, kfold) == before
        item = session.scalars(sa.select(RunItem).where(RunItem.run_id == kfold.id).limit(1)).one()
        item.label = 2 - item.label or 1
        session.flush()
        after = manifest.fingerprint(session, kfold)
    assert before[0] == after[0] == 42
    assert before[1] != after[1]


def test_page__links_manifest_and_program(client, holdout):
    html = client.get("/p/blood/runs/1").text
    assert "/p/blood/runs/1/manifest.json?download=true" in html
    assert "/p/blood/runs/1/script.py" in html


def test_script__is_python_whatever_people_wrote(client, database, holdout):
    with database.write() as session:
        run = session.get_one(Run, holdout.id)
        run.name = '"""\nimport os'
        run.recipe = run.recipe | {"preset": "'''\\"}
    answer = client.get("/p/blood/runs/1/script.py")
    assert answer.headers["content-disposition"].startswith('attachment; filename="blood-run-1.py"')
    tree = ast.parse(answer.text)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"sys"}
    names = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    assert ast.literal_eval(names["RECIPE"])["preset"] == "'''\\"
    assert ast.literal_eval(names["CLASSES"]) == ["好中球", "好酸球", "単球"]
    assert len(ast.literal_eval(names["IMAGES"]).splitlines()) == 42


@pytest.mark.ml
def test_script__of_a_network_from_a_file_names_what_is_missing_and_takes_it(
    client, database, holdout, tmp_path, monkeypatch, capsys
):
    from worker.ml import rerun, train  # noqa: PLC0415 - TensorFlow

    about = backbones.KNOWN["vgg16"]
    with database.write() as session:
        session.get_one(Run, holdout.id).recipe = Recipe(architecture=about.name).to_json()
    program, folder = tmp_path / "again.py", tmp_path / "given"
    program.write_text(client.get("/p/blood/runs/1/script.py").text, encoding="utf-8")
    main = runpy.run_path(str(program))["main"]
    monkeypatch.setenv("MIWAKE_WEIGHTS_DIR", str(tmp_path / "set"))
    assert rerun.carry_out(main, ["set.zip"]) == 2
    assert f"needs the file of weights {about.file}, which is not in the folder {tmp_path / 'set'}." in _said(capsys)
    assert rerun.carry_out(main, ["set.zip", str(folder)]) == 2
    assert f"not in the folder {folder}. Put it there" in _said(capsys)
    folder.mkdir()
    (folder / about.file).write_bytes(b"weights")
    digest = hashlib.md5(b"weights", usedforsecurity=False).hexdigest()
    monkeypatch.setitem(backbones.KNOWN, about.name, replace(about, digest=digest))
    begun: list[train.Begin] = []
    monkeypatch.setattr(rerun, "load", lambda *_: None)

    def fit(*given):
        begun.append(given[-1])
        return []

    monkeypatch.setattr(train, "fit_folds", fit)
    rerun.carry_out(main, ["set.zip", str(folder)])
    assert [begin.weights for begin in begun] == [folder]


def _said(capsys) -> str:
    return str(capsys.readouterr().err)


def test_manifest__of_no_run_is_not_found(client, made):
    assert client.get("/p/blood/runs/9/manifest.json").status_code == 404
    assert client.get("/p/blood/runs/9/script.py").status_code == 404
