"""Saved models: round trip, and files that are not what they say."""

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.errors import AppError
from app.domain.recipe import Recipe
from worker.ml import predict, saving
from worker.ml.network import Network
from worker.ml.standard import Statistics

pytestmark = pytest.mark.ml

RECIPE = Recipe(architecture="cifar4-plus", image_size=16, normalisation="featurewise")


@pytest.fixture(scope="module")
def saved() -> saving.SavedModel:
    net = Network(RECIPE, 3, "float32")
    net.initialise((1, 2))
    statistics = Statistics((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
    return saving.SavedModel(
        RECIPE,
        ("好中球", "単球", "好酸球"),
        net.weights(),
        statistics,
        "float32",
        7,
        {"val_loss": 0.25},
        saving.versions(),
    )


def changed(content: bytes, name: str, value: bytes) -> bytes:
    """The file with one member replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for item in old.namelist():
            new.writestr(item, value if item == name else old.read(item))
    return buffer.getvalue()


def about(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("model.json"))


def test_load__gives_back_everything_and_equal_predictions(saved):
    loaded = saving.load(saving.dump(saved))
    assert replace(loaded, weights=()) == replace(saved, weights=())
    pictures = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(predict.probabilities(loaded, pictures), predict.probabilities(saved, pictures))


def test_dump__equal_models_give_equal_bytes_and_no_pickle(saved):
    content = saving.dump(saved)
    assert content == saving.dump(saving.load(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name.rsplit(".", 1)[1] for name in archive.namelist()} == {"json", "f4"}


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(50)])
def test_load__other_bytes_are_refused(content):
    with pytest.raises(AppError, match="model_broken"):
        saving.load(content)


def test_load__wrong_shapes_are_refused_before_any_number_is_read(saved, monkeypatch):
    content = saving.dump(saved)
    values = about(content)
    values["shapes"][0] = [10**6, 10**6]
    monkeypatch.setattr(np, "frombuffer", lambda *_: pytest.fail("numbers were read"))
    with pytest.raises(AppError, match="model_broken"):
        saving.load(changed(content, "model.json", json.dumps(values).encode()))


@pytest.mark.parametrize(
    "change",
    [{"format": 99}, {"precision": "float8"}, {"classes": ["one"]}, {"classes": ["a"] * 4}, {"recipe": {"epochs": -1}},
     {"recipe": {"unknown": 1}}, {"shapes": None}, {"statistics": {"mean": [1], "std": [1, 2, 3]}}],
)  # fmt: skip
def test_load__wrong_descriptions_are_refused(saved, change):
    content = saving.dump(saved)
    with pytest.raises(AppError, match="model_broken"):
        saving.load(changed(content, "model.json", json.dumps(about(content) | change).encode()))


def test_load__a_cut_weight_is_refused(saved):
    content = saving.dump(saved)
    with pytest.raises(AppError, match="model_broken"):
        saving.load(changed(content, "weights/000.f4", b"\0" * 8))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("model.json").file_size
    broken = bytearray(content)
    broken[size + 400] ^= 0xFF
    with pytest.raises(AppError, match="model_broken"):
        saving.load(bytes(broken))
