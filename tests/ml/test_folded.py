"""Convolutions that take their normalisation with them give the same answers and gradients of the same variables."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from app.domain import backbones as known
from app.domain.recipe import Recipe
from app.domain.stages import stages
from worker.ml import backbone, device, folded, models, parts, predict
from worker.ml.frozen import Base, Nothing, Rows, Source, compute
from worker.ml.network import Network
from worker.ml.running import Stages
from worker.ml.saving import SavedModel, dump, load

pytestmark = pytest.mark.ml

SIZE = 32
RECIPE = Recipe(architecture=known.OFFLINE, image_size=SIZE, unfrozen_blocks=2)
PICTURES = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


def unlike_new(model: keras.Model) -> keras.Model:
    """``model`` with normalisations that change something, the same ones every time."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            count = layer.moving_mean.shape[0]
            layer.moving_mean.assign(rng.normal(0, 0.1, count))
            layer.moving_variance.assign(rng.uniform(0.5, 2, count))
            for variable in layer.trainable_variables:
                variable.assign(rng.uniform(0.5, 1.5, count))
    return model


@pytest.mark.parametrize("name", [known.OFFLINE, "resnet50", "mobilenet-v3-large"])
def test_fold__gives_what_the_network_gives(name):
    model = unlike_new(models.build(replace(RECIPE, architecture=name), 3))
    found = folded.fold(model)
    x = PICTURES.astype(np.float32)
    # float32 through up to fifty layers, whose sums the libraries of another machine add in another order
    np.testing.assert_allclose(found(x, training=False), model(x, training=False), rtol=1e-3, atol=1e-4)
    assert sum(isinstance(layer, layers.BatchNormalization) for layer in found.layers) == 0
    assert {variable.path for variable in found.weights} == {variable.path for variable in model.weights}


def test_fold__follows_the_variables_and_gives_their_gradients():
    inputs = keras.Input((6, 6, 4))
    x = layers.BatchNormalization(name="norm1")(layers.Conv2D(6, 3, strides=2, padding="same", name="conv1")(inputs))
    x = layers.BatchNormalization(name="norm2")(
        layers.DepthwiseConv2D(3, use_bias=False, name="conv2")(layers.ReLU()(x))
    )
    model = unlike_new(keras.Model(inputs, x))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False  # it keeps its averages
    rng = np.random.default_rng(2)
    found, data = folded.fold(model), tf.constant(rng.normal(size=(3, 6, 6, 4)).astype(np.float32))
    model.get_layer("conv1").bias.assign(rng.normal(size=6))
    kernels = [model.get_layer(name).kernel.value for name in ("conv1", "conv2")]
    answers, gradients = [], []
    for one in (model, found):
        with tf.GradientTape() as tape:
            answers.append(one(data, training=True))
            loss = tf.reduce_sum(answers[-1] ** 2)
        gradients.append(tape.gradient(loss, kernels))
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(gradients[1], gradients[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("products", "close"), [("float32", 1e-4), ("bfloat16", 0.03)])
def test_fold__learns_by_products_and_answers_in_float32(products, close):
    """The filters of one pixel as a product of matrices, others as they are; the same numbers up to their format."""
    inputs = keras.Input((6, 6, 4))
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, name="conv1")(inputs))
    x = layers.BatchNormalization()(layers.Conv2D(6, 3, strides=2, padding="same", name="conv2")(layers.ReLU()(x)))
    x = layers.BatchNormalization()(layers.Conv2D(5, 1, strides=2, use_bias=False, name="conv3")(layers.ReLU()(x)))
    model = unlike_new(keras.Model(inputs, x))
    for layer in model.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    rng = np.random.default_rng(2)
    data = tf.constant(rng.normal(size=(3, 6, 6, 4)).astype(np.float32))
    kernels = [model.get_layer(f"conv{number}").kernel.value for number in (1, 2, 3)]
    for kernel in kernels:
        kernel.assign(rng.normal(0, 0.4, kernel.shape))
    learning, found = folded.fold(model, products), []
    for one in (model, learning):
        with tf.GradientTape() as tape:
            answer = one(data, training=True)
            loss = tf.reduce_sum(answer**2)
        found.append([answer, *tape.gradient(loss, kernels)])
    for mine, theirs in zip(found[1], found[0], strict=True):
        assert mine.dtype == tf.float32
        assert np.linalg.norm(mine - theirs) <= close * np.linalg.norm(theirs)
    changed = np.abs(found[1][0] - found[0][0]).max() > 1e-4
    assert changed == (products == "bfloat16")
    np.testing.assert_allclose(learning(data, training=False), model(data, training=False), rtol=1e-4, atol=1e-5)


def test_fold__leaves_alone_what_somebody_else_needs():
    inputs = keras.Input((4, 4, 2))
    middle = layers.Conv2D(2, 1, name="seen")(inputs)
    low = layers.Conv2D(2, 1, activation="relu", name="active")(layers.BatchNormalization()(middle))
    model = unlike_new(keras.Model(inputs, layers.BatchNormalization()(low) + middle))
    found, x = folded.fold(model), np.random.default_rng(3).normal(size=(2, 4, 4, 2)).astype(np.float32)
    assert {"seen", "active"} <= {layer.name for layer in found.layers if type(layer) is layers.Conv2D}
    np.testing.assert_allclose(found(x, training=False), model(x, training=False), rtol=1e-4, atol=1e-5)


def source_of(pictures, learned: int) -> Source:
    """Pictures of one class, of which the first ones are learned from."""
    wanted = np.arange(len(pictures))
    return Source(pictures, np.zeros(len(pictures), np.int64), ("a", "b"), wanted, wanted[:learned])


def test_two_stages__one_way_through_the_layers_gives_what_both_take():
    net = Network(RECIPE, 2, "float32")
    net.initialise((0, 0))
    first, second = (parts.make(net.model, stage) for stage in stages(RECIPE))
    source = source_of(PICTURES, 3)
    shapes = (first.shape or (), second.shape or ())
    apart = [Rows.room(source, 0, shape) for shape in shapes]
    for part, rows in zip((first, second), apart, strict=True):
        assert part.below is not None
        compute(Base(part.below, net.normalise, RECIPE), source, rows, lambda *_: None, lambda: False)
    together = [Rows.room(source, 0, shape) for shape in shapes]
    told: list[tuple[int, int]] = []
    together[0].keep(np.array([1, 4]), apart[0].given[[1, 4], 0])  # known already: not computed on the way
    base = Base(parts.both(net.model, first, second), net.normalise, RECIPE)
    compute(base, source, together[0], lambda *now: told.append(now), lambda: False, together[1])
    assert told == [(3, 3)]
    assert together[1].there.tolist() == [True, False, True, True, False]
    assert second.below is not None
    rest = Base(second.below, net.normalise, RECIPE)
    compute(rest, replace(source, cache=Nothing()), together[1], lambda *now: told.append(now), lambda: False)
    assert told == [(3, 3), (2, 2)]
    for mine, theirs in zip(together, apart, strict=True):
        np.testing.assert_allclose(mine.given, theirs.given, rtol=2e-3, atol=2e-3)  # float16


def test_stages__a_second_stage_that_is_there_gets_nothing_more():
    """A training that goes on in its second stage, and whose next fold begins with the first."""
    made = Stages(RECIPE, 2, "float32", 5, source_of(PICTURES, 3), ())
    made.network.initialise((0, 0))
    told: list[tuple[int, int]] = []
    second = made.running(2, lambda *now: told.append(now), lambda: False)
    first = made.running(1, lambda *now: told.append(now), lambda: False)
    assert told == [(5, 5), (5, 5)]
    assert not made._aside
    assert first.given.shape[2:] != second.given.shape[2:]


@pytest.mark.parametrize("name", backbone.VARIANTS)
def test_fold__answers_in_low_precision_and_learns_as_before(name):
    model = backbone.build(64, name=name)
    backbone.load(model.layers, name)
    model.trainable = False
    low, high = (folded.fold(model, answers=answers) for answers in (device.LOW, device.FLOAT32))
    x = np.random.default_rng(4).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    there, here = high(x, training=False).numpy(), low(x, training=False).numpy()
    assert here.dtype == np.float32
    assert 1e-3 < np.linalg.norm(here - there) / np.linalg.norm(there) < 0.05  # 8 bits a number, fifty layers
    np.testing.assert_array_equal(low(x, training=True), high(x, training=True))


def test_precision__of_pretrained_networks(monkeypatch):
    monkeypatch.setattr(device, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(device, "answers_low", lambda: True)
    from_file = replace(RECIPE, architecture="resnet50")
    assert models.resolve_precision(RECIPE) == device.LOW
    assert models.resolve_precision(replace(RECIPE, unfrozen_blocks=0)) == device.LOW
    assert models.resolve_precision(replace(RECIPE, precision="float32")) == device.FLOAT32
    assert models.resolve_precision(from_file) == device.MIXED
    assert models.resolve_precision(replace(from_file, unfrozen_blocks=0)) == device.FLOAT32
    monkeypatch.setattr(device, "answers_low", lambda: False)  # on a graphics card
    assert models.resolve_precision(RECIPE) == device.MIXED
    assert models.resolve_precision(replace(RECIPE, unfrozen_blocks=0)) == device.FLOAT32
    monkeypatch.setattr(device, "_has_bfloat16", lambda: False)
    assert models.resolve_precision(RECIPE) == device.FLOAT32


@pytest.mark.parametrize("unfrozen", [0, 2])
@pytest.mark.parametrize("precision", [device.FLOAT32, device.LOW])
def test_answers__from_kept_features_are_those_of_the_whole_network(unfrozen, precision):
    """Validation and test of a run come from features; what it says of a picture later comes from the picture."""
    recipe = replace(RECIPE, unfrozen_blocks=unfrozen, image_size=64)
    pictures = np.random.default_rng(5).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
    made = Stages(recipe, 3, precision, 4, source_of(pictures, 9), ())
    made.network.initialise((0, 0))
    for number in range(1, len(made.all) + 1):
        running = made.running(number, lambda *_: None, lambda: False)
        _losses, _right, said = running.steps.evaluate(running.rows(np.arange(9)), np.zeros(9, np.int64))
        np.testing.assert_allclose(said, made.network.probabilities(pictures), atol=2e-3)
    saved = SavedModel(recipe, ("a", "b", "c"), made.network.weights(), None, precision, 1, {}, {})
    np.testing.assert_allclose(predict.probabilities(load(dump(saved)), pictures), said, atol=2e-3)


def test_second_stage__multiplies_in_the_precision_of_the_run():
    net = Network(RECIPE, 2, device.MIXED)
    net.initialise((0, 0))
    made = [parts.make(net.model, stages(RECIPE)[1], precision) for precision in (device.MIXED, device.FLOAT32)]
    assert made[0].below is not None
    x = made[0].below(net.normalise(PICTURES.astype(np.float32)), training=False)
    # The first of the chain are the layers of the pretrained network; behind them some outputs are left out at random.
    said = [[part.chain[0](x, training=training) for training in (True, False)] for part in made]
    np.testing.assert_array_equal(said[0][1], said[1][1])
    assert 0 < np.abs(said[0][0] - said[1][0]).max() < 0.1 * np.abs(said[1][0]).max()


def test_second_stage__filters_of_single_channels_stay():
    model = models.build(RECIPE, 2)
    part = parts.make(model, stages(RECIPE)[1])
    assert any("project_conv" in variable.path for variable in part.variables)
    assert not any("depthwise" in variable.path for variable in part.variables)
