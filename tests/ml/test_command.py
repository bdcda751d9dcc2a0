"""python -m worker.ml, in this process."""

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from worker.ml import __main__ as command
from worker.ml import device, saving

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("validation", 4), ("test", 5)):
        for level, name in ((40, "暗い"), (180, "bright")):
            place = root / split / name
            place.mkdir(parents=True)
            for number in range(count):
                noise = rng.integers(level, level + 60, (20, 30, 3), dtype=np.uint8)
                Image.fromarray(noise).save(place / f"{number}.png")
    return root


def run(capsys, *arguments: object) -> Any:
    assert command.main([str(argument) for argument in arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_main__hold_out_uses_the_validation_folder_and_saves(folder, tmp_path, capsys):
    recipe = tmp_path / "recipe.json"
    values = {"architecture": "conv2-plus", "image_size": 16, "epochs": 6, "batch_size": 4, "learning_rate": 0.01}
    recipe.write_text(json.dumps(values))
    answer = run(capsys, folder, "--recipe", recipe, "--save", tmp_path / "models")
    assert answer["classes"] == ["bright", "暗い"]
    assert answer["test"]["images"] == 10
    assert answer["test"]["accuracy"] >= 0.9
    assert len(answer["folds"]) == 1
    model = saving.load((tmp_path / "models" / "fold1.miwake").read_bytes())
    assert model.class_names == ("bright", "暗い")
    assert answer["environment"]["precision"] == model.precision


def test_main__folds(folder, capsys):
    answer = run(
        capsys, folder, "--preset", "cifar-plus", "--folds", 2, "--set", "image_size=16", "--set", "epochs=2"
    )  # fmt: skip
    assert [fold["fold"] for fold in answer["folds"]] == [1, 2]


def test_main__refusals_are_one_line(folder, tmp_path, capsys):
    assert command.main([str(folder), "--set", "epochs=0"]) == 1
    assert "epochs" in capsys.readouterr().err
    assert command.main([str(tmp_path)]) == 1
    assert "too_few_classes" in capsys.readouterr().err
    assert command.main([str(folder), "--recipe", str(tmp_path / "none.json")]) == 1


def test_describe__names_versions_devices_and_precision():
    about = device.describe("float32")
    assert about["precision"] == "float32"
    assert about["keras"].startswith("3.")
    assert about["cores"] >= 1
    json.dumps(about)


def test_resolve_precision__choices():
    assert device.resolve_precision("float32") == "float32"
    assert device.resolve_precision("mixed") == "mixed_bfloat16"
    assert device.resolve_precision("auto") in ("float32", "mixed_bfloat16")
