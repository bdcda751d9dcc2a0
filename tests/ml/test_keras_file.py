"""A downloaded model is read and asked by Keras alone, and says what it says here."""

import ast
import io
import json
import re
import runpy
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.domain.recipe import Recipe
from worker.ml import data, keras_file, predict, saving, standard
from worker.ml.network import Network

# Keras hands a variable of TensorFlow to NumPy when it writes a file, which NumPy will do otherwise one day.
pytestmark = [pytest.mark.ml, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]

SMALL = Recipe(architecture="cifar4-plus", image_size=20, precision="float32", seed=5)
NAMES = ("白", "b c", "x=1")


def saved_of(recipe: Recipe, precision: str = "float32") -> saving.SavedModel:
    net = Network(recipe, len(NAMES), precision)
    net.initialise((recipe.seed, 0))
    pictures = np.random.default_rng(2).integers(0, 256, (9, recipe.image_size, recipe.image_size, 3), dtype=np.uint8)
    statistics = standard.fit(recipe, pictures, np.arange(9))
    metrics = {"loss": 0.5, "accuracy": 0.9, "val_loss": None, "val_accuracy": None}
    return saving.SavedModel(recipe, NAMES, net.weights(), statistics, precision, 7, metrics, saving.versions())


@pytest.mark.parametrize(
    ("values", "precision"),
    [
        ({"normalisation": "featurewise", "resize_mode": "crop"}, "float32"),
        ({"normalisation": "samplewise", "resize_mode": "pad", "pad_color": "#40ff00"}, "mixed_bfloat16"),
        ({"normalisation": "samplewise-center"}, "float32"),
        ({"normalisation": "zca", "zca_epsilon": 3.0}, "mixed_bfloat16"),
        ({"normalisation": "samplewise-featurewise"}, "float32"),
        ({"normalisation": "samplewise-center-zca", "zca_epsilon": 3.0}, "float32"),
        ({"architecture": "efficientnet-lite0", "image_size": 32}, "float32"),
        ({"architecture": "efficientnet-lite0", "image_size": 32}, "bfloat16"),
    ],
    ids=["featurewise", "samplewise", "samplewise-center", "zca", "pair", "pair-zca", "pretrained", "pretrained-low"],
)
def test_pack__keras_alone_says_the_same_of_a_file(values, precision, tmp_path: Path, capsys, monkeypatch):
    saved = saved_of(replace(SMALL, **values), precision)
    with zipfile.ZipFile(io.BytesIO(keras_file.pack(saved, {"run": 4, "model": 1}))) as archive:
        archive.extractall(tmp_path)
    picture = np.random.default_rng(1).integers(0, 256, (31, 47, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "one.png")
    monkeypatch.setattr(sys, "argv", ["predict.py", str(tmp_path / "one.png")])
    runpy.run_path(str(tmp_path / "predict.py"), run_name="__main__")
    line = capsys.readouterr().out.strip().removeprefix(f"{tmp_path / 'one.png'} ")
    same = replace(saved, precision="float32") if precision == "bfloat16" else saved  # Keras alone has no other way
    ours = predict.probabilities(same, data.square((tmp_path / "one.png").read_bytes(), saved.recipe)[None])[0]
    said = re.fullmatch(" ".join(rf"{re.escape(name)}=(\d\.\d{{4}})" for name in NAMES), line)
    assert said
    assert [float(share) for share in said.groups()] == pytest.approx(ours.tolist(), abs=2e-4)
    about = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert (about["classes"], about["epoch"], about["run"]) == (list(NAMES), 7, 4)
    assert Recipe.from_json(about["recipe"]) == saved.recipe
    assert about["precision"] == same.precision
    assert saving.load((tmp_path / "weights.zip").read_bytes()).class_names == NAMES


def test_program__asks_for_nothing_of_this_program():
    tree = ast.parse(keras_file.PROGRAM)
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert named == {"json", "sys", "pathlib", "keras", "numpy", "PIL"}
