"""Pixels are brought to the network's scale as Keras' ImageDataGenerator does it, fitted on the training part alone."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from app.domain.errors import Invalid
from app.domain.explaining import Method
from app.domain.recipe import NORMALISATIONS, Augmentation, Recipe
from app.domain.recipe_fields import FITTED, PAIRS, ZCA
from worker.ml import checkpoint, data, explain, predict, saving, standard, train, whitening
from worker.ml.check import check_recipe
from worker.ml.network import Network
from worker.ml.train import FoldPlan

pytestmark = pytest.mark.ml

SIZE = 16
NAMES = ["dark", "bright"]
BASE = Recipe(
    architecture="cifar4-plus", image_size=SIZE, batch_size=8, epochs=2, patience=0, precision="float32",
    learning_rate=0.01, seed=3, augmentation=Augmentation(rotation=20, horizontal_flip=True),
)  # fmt: skip
KERAS = {
    "rescale": {},
    "samplewise-center": {"samplewise_center": True},
    "samplewise": {"samplewise_std_normalization": True},
    "featurewise-center": {"featurewise_center": True},
    "featurewise": {"featurewise_std_normalization": True},
    "zca": {"zca_whitening": True, "featurewise_std_normalization": True},
}


def pictures_of(count: int, size: int = SIZE) -> np.ndarray:
    """Noise upon a soft slope, alternately dark and bright."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 60, size)[None, :, None, None] * np.array([1, 0.7, 0.2])
    bright = 80 * (np.arange(count) % 2)[:, None, None, None]
    made = rng.integers(0, 100, (count, size, size, 3)) + slope + bright
    return np.asarray(made, np.uint8)


PICTURES = pictures_of(36)
LABELS = np.arange(36, dtype=np.int64) % 2
PLANS = [FoldPlan(0, np.arange(20), np.arange(20, 36)), FoldPlan(1, np.arange(9, 36), np.arange(9))]


def fit(
    recipe: Recipe, pictures: np.ndarray = PICTURES, plans: list[FoldPlan] = PLANS, **more
) -> list[train.FoldResult]:
    return list(train.fit_folds(pictures, LABELS, plans, recipe, NAMES, **more))


def by_keras(
    how: str, learned: np.ndarray, asked: np.ndarray, epsilon: float, kind: str = "float32"
) -> np.ndarray[Any, Any]:
    """What ``ImageDataGenerator`` makes of ``asked`` after it was fitted on ``learned``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each choice implies others, of which Keras warns
        generator = ImageDataGenerator(rescale=1 / 255, zca_epsilon=epsilon, dtype=kind, **KERAS[how])
        generator.fit(learned)
        return np.concatenate([generator.standardize(one[None].astype(kind)) for one in asked])


def ours(how: str, learned: np.ndarray, asked: np.ndarray, epsilon: float) -> np.ndarray:
    recipe = replace(BASE, normalisation=how, zca_epsilon=epsilon, image_size=learned.shape[1])
    net = Network(recipe, 2, "float32")
    net.set_statistics(standard.fit(recipe, learned, np.arange(len(learned))))
    return np.asarray(net.normalise(asked.astype(np.float32)))


@pytest.mark.parametrize("epsilon", [1e-6, 2.5])
@pytest.mark.parametrize("how", KERAS)
def test_normalise__is_what_keras_makes_of_the_same_pictures(how, epsilon):
    learned, asked = PICTURES[:20], PICTURES[18:]
    expected = by_keras(how, learned, asked, epsilon)
    span = expected.max() - expected.min()
    np.testing.assert_allclose(ours(how, learned, asked, epsilon), expected, atol=1e-4 * span)


@pytest.mark.parametrize(("count", "size"), [(20, SIZE), (400, 6)])
@pytest.mark.parametrize(("how", "steps"), PAIRS.items())
def test_normalise__two_steps_are_those_of_keras_fitted_behind_the_first(how, steps, count, size):
    """Of fewer pictures than pixels and of more: the second step of Keras is fitted on what its first one gives."""
    pictures, kind = pictures_of(count + 16, size), "float64"
    first, second = KERAS[steps[0]], KERAS[steps[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = ImageDataGenerator(rescale=1 / 255, dtype=kind, **first)
        behind = ImageDataGenerator(zca_epsilon=2.5, dtype=kind, **second)
        both = ImageDataGenerator(rescale=1 / 255, zca_epsilon=2.5, dtype=kind, **first, **second)
        behind.fit(np.concatenate([alone.standardize(one[None].astype(kind)) for one in pictures[:count]]))
        for name in ("mean", "std", "zca_whitening_matrix"):
            setattr(both, name, getattr(behind, name))
        expected = np.concatenate([both.standardize(one[None].astype(kind)) for one in pictures[count - 2 :]])
    found = ours(how, pictures[:count], pictures[count - 2 :], 2.5)
    np.testing.assert_allclose(found, expected, atol=1e-4 * (expected.max() - expected.min()))


@pytest.mark.parametrize("epsilon", [1e-6, 2.5])
def test_root__of_more_pictures_than_pixels_is_that_of_keras_too(epsilon):
    pictures = pictures_of(400, 6)
    pictures[:, 0] = 7  # an edge that is the same in all of them
    learned, asked = pictures[:380], pictures[370:]
    mean = standard.statistics(pictures, np.arange(380)).mean
    root = whitening.root(pictures, np.arange(380), mean, epsilon)
    found = ((asked / 255 - mean).reshape(30, -1) @ root @ root.T).reshape(asked.shape)
    # In float32 Keras shows its own rounding errors where no picture differs, many thousand times larger.
    expected = by_keras("zca", learned, asked, epsilon, "float64")
    np.testing.assert_allclose(found, expected, atol=1e-4 * (expected.max() - expected.min()))


def test_root__is_the_same_from_a_mapped_file_and_leaves_out_copies(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "_PIECE_BYTES", 3000)
    mapped = data.room(PICTURES.shape, np.uint8, tmp_path, memory_limit=1)
    mapped[:] = PICTURES
    places, mean = np.arange(3, 30), standard.statistics(PICTURES, np.arange(3, 30)).mean
    root = whitening.root(mapped, places, mean, 1e-6)
    np.testing.assert_array_equal(root, whitening.root(PICTURES, places, mean, 1e-6))
    assert root.shape == (SIZE * SIZE * 3, 27)
    twice = whitening.root(PICTURES, np.concatenate([places, places]), mean, 0.0)
    assert twice.shape == root.shape
    np.testing.assert_allclose(twice @ twice.T, root @ root.T, atol=1e-3 * np.abs(root @ root.T).max())
    assert not whitening.root(np.full_like(PICTURES, 9), places, (9 / 255,) * 3, 1e-6).any()


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_fit_folds__every_normalisation_trains_saves_and_explains(how):
    (result,) = fit(replace(BASE, normalisation=how, epochs=1), plans=PLANS[:1])
    loaded = saving.load(saving.dump(result.model))
    asked = PICTURES[PLANS[0].validation]
    np.testing.assert_allclose(predict.probabilities(loaded, asked), result.probabilities, atol=1e-4)
    assert (loaded.statistics is not None) == (how in FITTED)
    assert (loaded.statistics is not None and loaded.statistics.root is not None) == how.endswith(ZCA)
    for method in Method if how in (ZCA, "samplewise-featurewise") else ():
        maps = explain.Explainer(loaded, method=method).maps(asked[:1])
        assert np.isfinite(maps).all()
        assert maps.any()


@pytest.mark.parametrize("how", FITTED)
def test_fit__reads_the_training_part_only(how):
    recipe = replace(BASE, normalisation=how)
    first, second = (standard.fit(recipe, PICTURES, plan.train) for plan in PLANS)
    assert first is not None
    assert first != second
    if how not in PAIRS:
        np.testing.assert_allclose(first.mean, (PICTURES[:20] / 255).mean(axis=(0, 1, 2)), atol=1e-9)
    other = turned_around(PLANS[0].validation)
    again = standard.fit(recipe, other, PLANS[0].train)
    assert again == first
    if first.root is not None and again is not None and second is not None and second.root is not None:
        np.testing.assert_array_equal(again.root, first.root)
        assert second.root.shape == (first.root.shape[0], 27), "another number of directions in each fold"


def test_fit_folds__other_validation_pictures_change_no_number_of_a_whitened_model():
    recipe = replace(BASE, normalisation="zca", epochs=1)
    first, second = fit(recipe)
    held, learned = (turned_around(part) for part in (PLANS[0].validation, PLANS[0].train[:1]))
    (again,), (moved,) = fit(recipe, held, PLANS[:1]), fit(recipe, learned, PLANS[:1])
    same = saving.dump(replace(first.model, metrics={}))
    assert saving.dump(replace(again.model, metrics={})) == same
    assert saving.dump(replace(moved.model, metrics={})) != same
    assert np.abs(again.probabilities - first.probabilities).max() > 1e-4
    assert first.model.statistics != second.model.statistics


def turned_around(places: np.ndarray) -> np.ndarray:
    """The pictures with others at ``places``."""
    other = PICTURES.copy()
    other[places] = 255 - other[places][::-1]
    return other


def test_fit_folds__zca_goes_on_from_a_state_and_with_added_copies():
    class Keep(train.Silent):
        parts: dict[str, bytes] = {}

        def wants_state(self, _fold: int) -> bool:
            return not self.parts

        def state(self, state: checkpoint.State) -> None:
            self.parts = checkpoint.dump(state)

    recipe, keep = replace(BASE, normalisation="zca", zca_epsilon=1.0, added_copies=1), Keep()
    (whole,) = fit(recipe, plans=PLANS[:1], reporter=keep)
    begin = train.Begin({0: checkpoint.load(keep.parts, recipe, 2, 16)})
    (resumed,) = fit(recipe, plans=PLANS[:1], begin=begin)
    assert saving.dump(resumed.model) == saving.dump(whole.model)


@pytest.mark.parametrize(
    ("name", "resize", "precision"),
    [("conv2", "stretch", "float32"), ("cifar4-plus", "pad", "mixed"), ("deepconv-plus", "crop", "mixed")],
)
def test_check_recipe__zca_with_several_networks(name, resize, precision):
    recipe = replace(BASE, architecture=name, image_size=48, resize_mode=resize, precision=precision)
    found = check_recipe(replace(recipe, normalisation="zca", zca_epsilon=1.0))
    assert found.passed, found


def test_fit_folds__too_many_directions_are_refused(monkeypatch):
    monkeypatch.setattr("app.domain.whitening.MOST", 10_000)
    with pytest.raises(Invalid) as refused:
        fit(replace(BASE, normalisation="zca"))
    assert refused.value.code == "zca_too_large"
    sizes = {"needed": "61 KB", "room": "50 KB"}  # what whitening would add to a model, and may add
    assert refused.value.params == {"image_size": 16, "images": 20, "most": 14, **sizes}


def test_pretrained__pixels_of_each_fold_are_refused_for_features_of_all():
    for how in NORMALISATIONS:
        values = {"architecture": "efficientnet-lite0", "backbone_scaling": False, "normalisation": how}
        if how in FITTED:
            with pytest.raises(Invalid) as refused:
                BASE.updated(values)
            assert refused.value.fields["normalisation"].code == "backbone_featurewise"
        else:
            assert BASE.updated(values).scale == how
