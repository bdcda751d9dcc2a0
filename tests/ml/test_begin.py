"""A training that begins with the weights of another one."""

import hashlib
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import AppError
from app.domain.recipe import Augmentation
from tests.ml.test_train import BASE, LABELS, NAMES, PICTURES, PLANS
from worker.ml import rate_finder, rerun, saving, train
from worker.ml.network import Network

pytestmark = pytest.mark.ml

STILL = replace(BASE, epochs=1, optimizer="sgd", learning_rate=1e-7, augmentation=Augmentation())


def start_of(names: tuple[str, ...], recipe=BASE) -> saving.SavedModel:
    net = Network(recipe, len(names), "float32")
    net.initialise((77, 0))
    return saving.SavedModel(recipe, names, net.weights(), None, "float32", 1, {}, {})


def trained_from(start: saving.SavedModel | None) -> train.FoldResult:
    return next(train.fit_folds(PICTURES, LABELS, PLANS[:1], STILL, NAMES, None, train.Begin(start=start)))


def test_begin__takes_all_weights_over_and_new_outputs_for_other_classes():
    """At a rate of almost nothing the weights stay what they were, but for the averages of the normalisation."""
    model = Network(BASE, 2, "float32").model
    learned = [place for place, weight in enumerate(model.weights) if weight.trainable]
    same, other = start_of(tuple(NAMES)), start_of(("dark", "grey", "bright"))
    kept, new, begun_anew = (trained_from(start).model.weights for start in (same, other, None))
    for place in learned:
        np.testing.assert_allclose(kept[place], same.weights[place], atol=1e-5)
        outputs = place in learned[-2:]
        wanted = begun_anew[place] if outputs else other.weights[place]
        np.testing.assert_allclose(new[place], wanted, atol=1e-5)
    assert np.abs(begun_anew[learned[0]] - same.weights[learned[0]]).max() > 0.01


def test_rates__are_tried_with_the_weights_that_the_training_begins_with():
    """A model that is always sure of the first class: the loss of the first step is large, as no new one's is."""
    start = start_of(tuple(NAMES))
    sure = replace(start, weights=(*start.weights[:-1], np.array([20, -20], np.float32)))
    steps = rate_finder.losses(PICTURES, LABELS, STILL, NAMES, [1e-9], None, train.Begin(start=sure))
    assert next(steps) > 5


def test_begin__weights_of_another_network_are_refused():
    net = Network(BASE, 2, "float32")
    with pytest.raises(AppError, match="model_broken"):
        net.begin_with(start_of(tuple(NAMES), replace(BASE, architecture="cifar4")).weights, outputs=True)
    with pytest.raises(AppError, match="model_broken"):
        net.begin_with(start_of(("a", "b", "c")).weights, outputs=True)


def test_start__a_program_finds_the_weights_of_the_earlier_run_by_their_hash(tmp_path):
    first, second = (saving.dump(replace(start_of(("a", "b")), epoch=epoch)) for epoch in (1, 2))
    (tmp_path / "one.zip").write_bytes(first)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:  # as it is downloaded
        archive.writestr("weights.zip", second)
    for content, epoch in ((first, 1), (second, 2)):
        found = rerun.start(hashlib.sha256(content).hexdigest(), tmp_path)
        assert found is not None
        assert (found.epoch, found.class_names) == (epoch, ("a", "b"))
        named = rerun.start(hashlib.sha256(content).hexdigest(), tmp_path, ["猫", "b"])
        assert named is not None
        assert (named.epoch, named.class_names) == (epoch, ("猫", "b"))
    assert rerun.start("", tmp_path) is None
    with pytest.raises(AppError, match="begin_file_missing"):
        rerun.start("ab" * 32, tmp_path)
