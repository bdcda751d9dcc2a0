"""Training on a pretrained network: one way for data, features computed once, two stages, its own scaling."""

import json
from dataclasses import replace

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from app.domain import architectures, backbones, weight_files
from app.domain.errors import AppError
from app.domain.recipe import Augmentation, Recipe
from app.domain.stages import stages
from worker.ml import backbones as networks
from worker.ml import checkpoint, explain, features, frozen, models, parts, predict, saving, train
from worker.ml.network import Network

pytestmark = pytest.mark.ml

SIZE = 32
BASE = Recipe(
    architecture=backbones.OFFLINE, image_size=SIZE, optimizer="adam", learning_rate=0.01, epochs=3, batch_size=8,
    patience=0, seed=3,
)  # fmt: skip
TWO = replace(BASE, epochs=2, unfrozen_blocks=1, fine_epochs=2, fine_rate=0.001)
NAMES = ["a", "b"]
LABELS = np.arange(24) % 2
PICTURES = (
    np.random.default_rng(0).integers(0, 120, (24, SIZE, SIZE, 3), dtype=np.uint8)
    + (LABELS * 120).astype(np.uint8)[:, None, None, None]
)
PLANS = [
    train.FoldPlan(fold, np.arange(24)[np.arange(24) % 3 != fold][:12], np.arange(fold, 18, 3), np.arange(18, 24))
    for fold in (0, 1)
]


class Notes(train.Silent):
    """Remembers every state and how many pictures the frozen layers saw."""

    def __init__(self, stop_after: int = 0) -> None:
        self.states: list[checkpoint.State] = []
        self.seen: list[tuple[int, int]] = []

    def features(self, done: int, total: int) -> None:
        self.seen.append((done, total))

    def wants_state(self, fold: int) -> bool:
        return True

    def state(self, state: checkpoint.State) -> None:
        self.states.append(state)


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.rows: dict[int, np.ndarray] = {}

    def known(self, places):
        found = np.array([place for place in places if place in self.rows], np.int64)
        return found, np.array([self.rows[place] for place in found], np.float16)

    def keep(self, places, rows) -> None:
        self.rows |= dict(zip(places.tolist(), rows, strict=True))


def fit(recipe: Recipe, plans=PLANS[:1], reporter=None, begin=None):
    return list(train.fit_folds(PICTURES, LABELS, plans, recipe, NAMES, reporter, begin))


@pytest.fixture(scope="module")
def frozen_folds():
    """Two folds on the frozen network, what the frozen layers were asked, and the cache afterwards."""
    notes, cache = Notes(), Kept()
    return fit(BASE, PLANS, notes, train.Begin(cache=cache)), notes, cache


def test_frozen__features_are_computed_once_for_all_folds(frozen_folds):
    _, notes, cache = frozen_folds
    assert notes.seen == [(24, 24)]
    again = Notes()
    fit(replace(BASE, epochs=1), reporter=again, begin=train.Begin(cache=cache))
    assert again.seen == []  # a later run computes nothing


def test_frozen__features_in_float32_are_those_of_the_suggestions():
    cache = Kept()
    fit(replace(BASE, epochs=1, precision="float32"), PLANS, begin=train.Begin(cache=cache))
    expected = features.Extractor(SIZE).features(PICTURES)
    found = np.stack([cache.rows[place] for place in range(24)])
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)  # kept as float16


def test_frozen__learns_and_the_whole_network_answers_as_in_training_after_saving(frozen_folds):
    for result, plan in zip(frozen_folds[0], PLANS, strict=True):
        assert result.epochs[-1].loss < result.epochs[0].loss
        loaded = saving.load(saving.dump(result.model))
        said = predict.probabilities(loaded, PICTURES)
        np.testing.assert_allclose(said[plan.validation], result.probabilities, atol=2e-3)
        np.testing.assert_allclose(said[plan.test], result.tested[result.best.epoch], atol=2e-3)
    maps = explain.grad_cam(frozen_folds[0][0].model, PICTURES[:2])
    assert maps.shape == (2, 2, 1, 1)
    assert np.isfinite(maps).all()


def test_frozen__only_the_head_differs_between_folds(frozen_folds):
    first, second = (result.model.weights for result in frozen_folds[0])
    differ = [not np.array_equal(a, b) for a, b in zip(first, second, strict=True)]
    assert sum(differ) == 2  # kernel and bias of the outputs
    assert differ[-2:] == [True, True]


def test_frozen__changed_copies_are_learned_from_and_nothing_else():
    changed = replace(BASE, epochs=1, feature_copies=2, augmentation=Augmentation(rotation=90, horizontal_flip=True))
    (one,), (plain,) = fit(changed), fit(replace(changed, feature_copies=0))
    assert one.epochs[0].loss != plain.epochs[0].loss
    (running,) = stages(changed)
    assert (running.copies, running.recipe.augmentation.active) == (2, False)


def test_frozen__changed_copies_are_the_same_with_any_cache_and_any_part_of_the_folds(monkeypatch):
    monkeypatch.setattr(frozen, "BLOCK", 5)  # so that a block is not the same pictures in both
    recipe = replace(BASE, optimizer="sgd", epochs=1, feature_copies=2, augmentation=Augmentation(rotation=90))
    cold, warm = Kept(), Kept()
    _, expected = fit(recipe, PLANS, begin=train.Begin(cache=cold))
    (alone,) = fit(recipe, PLANS[1:])
    warm.rows = {place: cold.rows[place] for place in (0, 1, 2, 7, 8, 19, 20)}
    (later,) = fit(recipe, PLANS[1:], begin=train.Begin(cache=warm))
    for result in (alone, later):
        for mine, theirs in zip(result.model.weights, expected.model.weights, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=5e-5)  # of float16: one may be rounded the other way


def test_two_stages__frozen_blocks_stay_and_the_last_ones_learn_from_changed_pictures():
    (result,) = fit(replace(TWO, augmentation=Augmentation(horizontal_flip=True)))
    assert [one.stage for one in result.epochs] == [1, 1, 2, 2]
    assert result.epochs[2].learning_rate == pytest.approx(0.001)
    assert result.bests["stage 1"].result.epoch <= 2
    last = result.bests["val_loss"] if result.bests["val_loss"].result.stage == 2 else result.bests["val_accuracy"]
    model = models.build(TWO, 2)
    paths = [weight.path for weight in model.weights]
    start = dict(zip(paths, result.bests["stage 1"].weights, strict=True))
    end = dict(zip(paths, last.weights, strict=True))
    moved = {path for path in paths if not np.array_equal(start[path], end[path])}
    if last.result.stage == 2:
        assert moved
    assert all(path.startswith(("block15", "head", "logits")) and "_bn" not in path for path in moved)


def test_two_stages__go_on_from_any_state_as_if_never_stopped():
    notes = Notes()
    (whole,) = fit(TWO, reporter=notes)
    assert [state.epoch for state in notes.states] == [1, 2, 3]
    state = notes.states[-1]
    read = checkpoint.load(checkpoint.dump(state), TWO, 2, len(PLANS[0].validation))
    (again,) = fit(TWO, begin=train.Begin({0: read}))
    assert [one.stage for one in again.epochs] == [1, 1, 2, 2]
    np.testing.assert_allclose(again.epochs[-1].loss, whole.epochs[-1].loss, rtol=1e-3)


def test_scaling__belongs_to_the_network_whatever_the_recipe_says():
    net = Network(replace(BASE, normalisation="samplewise"), 2, "float32")
    np.testing.assert_array_equal(net.normalise(PICTURES.astype(np.float32)), PICTURES)
    wrong = replace(BASE, backbone_scaling=False, normalisation="rescale", epochs=1)
    assert "scale" not in {layer.name for layer in models.build(wrong, 2).layers}
    (result,) = fit(wrong)
    said = predict.probabilities(saving.load(saving.dump(result.model)), PICTURES)
    np.testing.assert_allclose(said[PLANS[0].validation], result.probabilities, atol=2e-3)


@pytest.mark.parametrize("name", backbones.KNOWN)
def test_backbones__blocks_are_those_of_keras(name):
    recipe = replace(BASE, architecture=name, image_size=75, head_units=8)
    model = models.build(recipe, 3)
    table = architectures.layer_table(recipe, 3)
    assert sum(layer.parameters for layer in table) == model.count_params()
    about, done = backbones.KNOWN[name], 0
    for number, block in enumerate(about.blocks):
        output = model.get_layer(block.layer).output
        assert tuple(output.shape[1:]) == (about.side(75, number), about.side(75, number), block.channels)
        below = keras.Model(model.inputs, output)
        assert below.count_params() - done == block.parameters
        done = below.count_params()
        model.get_layer(block.look)
    part = parts.make(model, stages(replace(recipe, unfrozen_blocks=1))[1])
    assert part.variables
    assert not any("bn" in variable.path for variable in part.variables)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, where it writes
def test_weights__of_a_file_are_checked_and_used(tmp_path, monkeypatch):
    about = backbones.KNOWN["mobilenet-v3-large"]
    recipe = replace(BASE, architecture=about.name, epochs=1)
    with pytest.raises(AppError, match="backbone_file_missing"):
        fit(recipe, begin=train.Begin(weights=tmp_path))
    source = networks._MAKERS[about.name][0](include_top=False, weights=None, input_shape=(None, None, 3))
    file = tmp_path / about.file
    write_legacy(source, file)
    with pytest.raises(AppError, match="weights_broken"):
        fit(recipe, begin=train.Begin(weights=tmp_path))
    digest = weight_files.digest(file, about)
    monkeypatch.setitem(backbones.KNOWN, about.name, replace(about, digest=digest))
    (result,) = fit(recipe, begin=train.Begin(weights=tmp_path))
    theirs = [variable.numpy() for layer in source.layers for variable in layer.weights]
    assert all(np.array_equal(a, b) for a, b in zip(theirs, result.model.weights, strict=False))


def write_legacy(model, file) -> None:
    """As the files of Keras' applications are."""
    with h5py.File(file, "w") as group:
        legacy_h5_format.save_weights_to_hdf5_group(group, model)


def test_stop__while_features_are_computed_keeps_nothing_and_says_nothing():
    class Stops(train.Silent):
        def should_stop(self) -> bool:
            return True

    assert fit(BASE, reporter=Stops()) == []
    assert json.loads(json.dumps(BASE.to_json()))["architecture"] == backbones.OFFLINE
    assert frozen.Nothing().known(np.zeros(0, np.int64))[0].size == 0
