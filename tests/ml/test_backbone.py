"""The backbone whose weights come with a package, and the reader of their file."""

import io
import pickle
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from app.domain.errors import AppError
from app.domain.recipe import Recipe
from worker.ml import backbone, data, features, state_file

pytestmark = pytest.mark.ml


def file_of(name):
    module = import_module(backbone.VARIANTS[name].package)
    return next(Path(str(module.__file__)).parent.glob("models/*.pth"))


@pytest.fixture
def weights_file():
    return file_of(backbone.NAME)


@pytest.mark.parametrize(("name", "tensors"), [("efficientnet-lite0", 296), ("efficientnet-lite1", 386)])
def test_state_file__all_tensors_of_the_package(name, tensors):
    arrays = state_file.read(file_of(name))
    assert len(arrays) == tensors
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert arrays["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in arrays.values())


class Command:
    """What a hostile file would have in place of a tensor."""

    def __reduce__(self):
        return eval, ("open('owned', 'w')",)


@pytest.mark.parametrize("content", [Command(), {"a": Command()}, [1.5], {"a": 1}])
def test_state_file__anything_but_tensors_is_refused_and_not_run(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    values: list[object] = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, content, []]
    for value in values:
        pickle.dump(value, buffer, protocol=2)
    file = tmp_path / "hostile.pth"
    file.write_bytes(buffer.getvalue())
    with pytest.raises(AppError, match="weights_broken"):
        state_file.read(file)
    assert not Path("owned").exists()


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


@pytest.mark.parametrize("network", backbone.VARIANTS)
def test_backbone__every_weight_of_the_file_but_the_last_layer_is_used(network):
    model = backbone.build(64, name=network)
    backbone.load(model.layers, network)
    used = sum(int(np.prod(weight.shape)) for weight in model.weights)
    there = sum(
        array.size
        for name, array in backbone.imagenet(network).items()
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
    np.testing.assert_allclose(together[:3], single, rtol=1e-3, atol=1e-3)
    assert len(extractor.features(pictures, should_stop=lambda: True)) == 0


@pytest.mark.real
@pytest.mark.parametrize(("network", "size"), [("efficientnet-lite0", 224), ("efficientnet-lite1", 240)])
def test_backbone__names_cats_and_dogs_as_imagenet_does(shared_data, network, size):
    """With the last layer of the file. A wrong order of channels, padding or scaling would still run."""
    folders = sorted((shared_data / "cats_dogs" / "test").iterdir())
    files = [file for folder in folders for file in sorted(folder.iterdir())[:8]]
    pictures = data.load(len(files), lambda place: files[place].read_bytes(), Recipe(image_size=size))
    model = backbone.build(size, name=network)
    backbone.load(model.layers, network)
    arrays = backbone.imagenet(network)
    logits = np.asarray(model(np.asarray(pictures, np.float32), training=False)) @ arrays["_fc.weight"].T
    said = (logits + arrays["_fc.bias"]).argmax(axis=1)
    right = [said[place] in ((range(281, 286), range(151, 269))[place >= 8]) for place in range(16)]
    assert sum(right) >= 12, said  # of a thousand kinds
