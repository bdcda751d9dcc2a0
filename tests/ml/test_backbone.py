"""The backbone whose weights come with a package, and the reader of their file."""

import io
import pickle
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from app.domain.errors import AppError
from app.domain.recipe import Recipe
from worker.ml import backbone, data, features, state_file

pytestmark = pytest.mark.ml


@pytest.fixture
def weights_file():
    module = import_module(backbone.PACKAGE)
    return next(Path(str(module.__file__)).parent.glob("models/*.pth"))


def test_state_file__all_tensors_of_the_package(weights_file):
    arrays = state_file.read(weights_file)
    assert len(arrays) == 296
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert arrays["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in arrays.values())


class Command:
    """What a hostile file would have in place of a tensor."""

    def __reduce__(self):
        return eval, ("open('/tmp/owned', 'w')",)


@pytest.mark.parametrize("content", [Command(), {"a": Command()}, [1.5], {"a": 1}])
def test_state_file__anything_but_tensors_is_refused_and_not_run(tmp_path, content):
    buffer = io.BytesIO()
    values: list[object] = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, content, []]
    for value in values:
        pickle.dump(value, buffer, protocol=2)
    file = tmp_path / "hostile.pth"
    file.write_bytes(buffer.getvalue())
    with pytest.raises(AppError, match="weights_broken"):
        state_file.read(file)
    assert not Path("/tmp/owned").exists()


@pytest.mark.parametrize("length", [0, 10, 40, 5_000, 47_000, 1_000_000])
def test_state_file__cut_short_is_refused(tmp_path, weights_file, length):
    file = tmp_path / "short.pth"
    file.write_bytes(weights_file.read_bytes()[:length])
    with pytest.raises(AppError, match="weights_broken"):
        state_file.read(file)


def test_backbone__a_changed_file_is_refused(tmp_path, weights_file, monkeypatch):
    (tmp_path / "models").mkdir()
    copy = tmp_path / "models" / weights_file.name
    shutil.copy(weights_file, copy)
    with copy.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\1")
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(backbone, "find_spec", lambda name: spec)
    with pytest.raises(AppError, match="weights_broken"):
        backbone.imagenet.__wrapped__()
    monkeypatch.setattr(backbone, "find_spec", lambda name: None)
    with pytest.raises(AppError, match="backbone_missing"):
        backbone.imagenet.__wrapped__()


def test_backbone__every_weight_of_the_file_but_the_last_layer_is_used():
    model = backbone.build(64)
    backbone.load(model.layers)
    used = sum(int(np.prod(weight.shape)) for weight in model.weights)
    there = sum(
        array.size
        for name, array in backbone.imagenet().items()
        if not name.startswith("_fc") and not name.endswith("num_batches_tracked")
    )
    assert used == there
    assert model.get_layer(backbone.MAP).output.shape == (None, 2, 2, 1280)


def test_features__the_same_one_by_one_and_in_batches():
    pictures = np.random.default_rng(0).integers(0, 256, (35, 64, 64, 3), dtype=np.uint8)
    extractor = features.Extractor(64)
    done = []
    together = extractor.features(pictures, progress=lambda part, total: done.append((part, total)))
    assert together.shape == (35, 1280)
    assert done == [(32, 35), (35, 35)]
    single = np.concatenate([extractor.features(picture[None]) for picture in pictures[:3]])
    np.testing.assert_allclose(together[:3], single, atol=1e-4)
    assert len(extractor.features(pictures, should_stop=lambda: True)) == 0


@pytest.mark.real
@pytest.mark.slow
def test_features__tell_cats_from_dogs(shared_data):
    """A wrong order of channels, padding or scaling would still run, but would not reach this."""
    recipe = Recipe(image_size=128)
    extractor = features.Extractor(128)

    def read(split, most):
        files = [
            file
            for folder in sorted((shared_data / "cats_dogs" / split).iterdir())
            for file in sorted(folder.iterdir())[:most]
        ]
        pictures = data.load(len(files), lambda place: files[place].read_bytes(), recipe)
        return extractor.features(pictures), np.array([file.parent.name for file in files])

    train, labels = read("train", 300)
    test, truth = read("test", 150)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(train, labels)
    assert model.score(test, truth) >= 0.95
