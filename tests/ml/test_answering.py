"""Answers from models that are kept: equal to those of a training, whatever was asked before."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.config import Settings
from app.domain.enums import PredictionRole
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from app.storage import LocalStore
from tests.inspect.factory import drawing
from worker import explaining, judging
from worker.answering import MOST_NETWORKS, Answering
from worker.judging_orders import JudgeOrder, JudgePart, JudgePiece
from worker.ml import data, explain, predict, saving, standard
from worker.ml.network import Network
from worker.ml.ready import ReadyModel, ReadyNetwork
from worker.order_items import Items
from worker.orders import ExplainOrder, HeatMaps, PredictOrder, PrepareOrder

pytestmark = pytest.mark.ml

RECIPE = Recipe(architecture="conv2", image_size=32, precision="float32")


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def address(tmp_path):
    return Settings(data_dir=tmp_path).store_address


def saved(seed, recipe=RECIPE, classes=3, statistics=None, precision="float32"):
    net = Network(recipe, classes, "float32")
    net.initialise((seed, 1))
    names = tuple(f"class {number}" for number in range(classes))
    return saving.SavedModel(recipe, names, net.weights(), statistics, precision, 1, {}, {})


def put(store, *models):
    return tuple(store.put(saving.dump(model)) for model in models)


def predict_order(address, recipe, picture, weights, layer=None, most=10):
    return PredictOrder(address, recipe.to_json(), picture, weights, layer, most)


STATISTICS = standard.Statistics((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.mark.parametrize(
    ("recipe", "statistics", "precisions"),
    [
        (RECIPE, None, ["float32"] * 3),
        (replace(RECIPE, normalisation="featurewise", resize_mode="pad"), STATISTICS, ["float32"] * 3),
        (
            replace(RECIPE, architecture="conv2-plus", normalisation="samplewise-featurewise"),
            STATISTICS,
            ["mixed_bfloat16"] * 3,
        ),
        (replace(RECIPE, architecture="efficientnet-lite0"), None, ["bfloat16"]),
        (RECIPE, None, ["float32", "mixed_bfloat16"]),  # folds that were trained on machines of two kinds
    ],
)
def test_predict__equals_the_models_one_by_one(store, address, recipe, statistics, precisions):
    models = [saved(seed, recipe, statistics=statistics, precision=one) for seed, one in enumerate(precisions)]
    weights, picture = put(store, *models), store.put(drawing(1, 4, side=60))
    desk = Answering(2**30)
    desk.warm_up()
    answer = desk.predict(predict_order(address, recipe, picture, weights))
    pictures = data.square(store.get(picture), recipe)[None]
    expected = [predict.probabilities(model, pictures)[0] for model in models]
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)
    maps = np.mean([explain.grad_cam(model, pictures)[0] for model in models], axis=0)
    assert answer.layer == explain.conv_layers(models[0])[-1]
    order = np.argsort(-np.mean(expected, axis=0)).tolist()
    assert [one["position"] for one in answer.maps] == order
    for one in answer.maps:
        wanted = maps[one["position"]]
        assert one["peak"] == pytest.approx(float(wanted.max()), rel=1e-4)
        grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(one["png"]))), np.float32) / 255
        np.testing.assert_allclose(grey * one["peak"], wanted, atol=one["peak"] / 200)


def test_predict__several_views_as_a_run_that_is_judged_again_with_them(store, address):
    models = [saved(1), saved(2)]
    weights, picture = put(store, *models), store.put(drawing(1, 4, side=60))
    desk = Answering(2**30)
    order = predict_order(address, RECIPE, picture, weights)
    plain, shifted = desk.predict(order), desk.predict(replace(order, views="all"))
    heard: list[object] = []
    part = JudgePart(PredictionRole.TEST, weights, np.array([7]), (picture,))
    judging.run(JudgeOrder(address, RECIPE.to_json(), "all", (part,)), heard.append)
    piece = next(message for message in heard if isinstance(message, JudgePiece))
    np.testing.assert_allclose(np.mean(shifted.probabilities, axis=0), piece.probabilities[0], atol=1e-6)
    assert np.abs(np.subtract(shifted.probabilities, plain.probabilities)).max() > 1e-5
    assert sorted(one["position"] for one in shifted.maps) == sorted(one["position"] for one in plain.maps)
    assert {one["position"]: one["png"] for one in shifted.maps} == {one["position"]: one["png"] for one in plain.maps}
    pictures = data.square(store.get(picture), RECIPE)[None]
    for model, said in zip(models, plain.probabilities, strict=True):
        ready = ReadyModel(model)
        assert ReadyNetwork(ready).probabilities(ready, pictures)[0].tolist() == said, "to the last bit"


def test_predict__other_models_and_shapes_in_between_change_nothing(store, address):
    desk, picture = Answering(2**30), store.put(drawing(0, 1, side=40))
    first = predict_order(address, RECIPE, picture, put(store, saved(1)))
    before = desk.predict(first)
    for number in range(MOST_NETWORKS + 1):
        recipe = replace(RECIPE, image_size=24 + 4 * number)
        desk.predict(predict_order(address, recipe, picture, put(store, saved(2, recipe))))
    desk.predict(predict_order(address, RECIPE, picture, put(store, saved(3))))
    assert desk.predict(first).probabilities == before.probabilities
    assert len(desk._networks) == MOST_NETWORKS


def test_memory__weights_that_were_not_asked_for_longest_go_first(store, address):
    models = put(store, *(saved(seed) for seed in range(4)))
    size = sum(weight.nbytes for weight in saved(0).weights)
    desk, picture = Answering(2 * size), store.put(drawing(0, 1, side=40))
    for digest in (models[0], models[1], models[0], models[2]):
        desk.predict(predict_order(address, RECIPE, picture, (digest,)))
    assert list(desk._models) == [models[0], models[2]]
    desk.prepare(PrepareOrder(address, RECIPE.to_json(), models))
    assert list(desk._models) == list(models), "one question may need more than is kept otherwise"
    desk.predict(predict_order(address, RECIPE, picture, models[3:]))
    assert list(desk._models) == list(models[2:])


def test_explain__gives_the_same_maps_as_a_process_of_its_own(store, address):
    digests = [store.put(drawing(label, 7, side=50)) for label in range(3)]
    items = Items(np.array([11, 12, 13]), digests, np.zeros(3, np.int32))
    order = ExplainOrder(address, RECIPE.to_json(), items, (1, 0, 2), put(store, saved(1), saved(2)), -1, "conv1")
    sent: list[object] = []
    explaining.run(order, sent.append)
    slow = next(message for message in sent if isinstance(message, HeatMaps))
    quick = Answering(2**30).explain(order)
    assert [(one.item_id, one.fold, one.layer, one.class_position) for one in quick.maps] == [
        (one.item_id, one.fold, one.layer, one.class_position) for one in slow.maps
    ]
    for one, other in zip(quick.maps, slow.maps, strict=True):
        assert one.peak == pytest.approx(other.peak, rel=1e-4)
        pixels = [np.asarray(Image.open(io.BytesIO(store.get(map_.sha256))), np.int32) for map_ in (one, other)]
        assert np.abs(pixels[0] - pixels[1]).max() <= 1


def test_layer__that_the_network_does_not_have(store, address):
    order = predict_order(address, RECIPE, store.put(drawing(0, 1)), put(store, saved(1)), layer="conv9")
    with pytest.raises(Invalid) as error:
        Answering(2**30).predict(order)
    assert (error.value.code, error.value.params["known"]) == ("layer_missing", "conv1, conv2")


def test_missing__picture_or_weights(store, address):
    desk, weights = Answering(2**30), put(store, saved(1))
    for order in (
        predict_order(address, RECIPE, "0" * 64, weights),
        predict_order(address, RECIPE, store.put(drawing(0, 1)), ("f" * 64,)),
    ):
        with pytest.raises(AppError) as error:
            desk.predict(order)
        assert error.value.code == "blob_missing"
