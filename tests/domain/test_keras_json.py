"""The JSON of a Keras model as a list of layers: what is taken, and each refusal by name."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import keras_json, keras_layers, own_network
from app.domain.errors import Invalid
from app.domain.recipe import Recipe


def layer(kind: str, **config: Any) -> dict[str, Any]:
    known = ("inbound_nodes", "module", "registered_name")
    more: dict[str, Any] = {name: config.pop(name) for name in known if name in config}
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None, **more}


def model(*layers: dict[str, Any], kind: str = "Sequential") -> str:
    return json.dumps({"class_name": kind, "config": {"name": "n", "layers": list(layers)}})


CONV = layer("Conv2D", name="c", filters=8, kernel_size=[3, 3], padding="same", activation="relu", use_bias=True)
MEAN = layer("GlobalAveragePooling2D", name="m", keepdims=False)
OUT = layer("Dense", name="o", units=10, activation="softmax")


def after(made: dict[str, Any], *names: str) -> dict[str, Any]:
    """As Keras 3 writes a layer of a functional model."""
    args = [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} for name in names]
    return {**made, "name": made["config"]["name"], "inbound_nodes": [{"args": args, "kwargs": {}}]}


INPUT = {**layer("InputLayer", name="i", batch_shape=[None, 32, 32, 3]), "name": "i", "inbound_nodes": []}


@pytest.mark.parametrize("held", [False, 0, None, "true"])
@pytest.mark.parametrize(("place", "number"), [(1, 1), (3, 3), (5, 5)])
def test_as_list__no_layer_with_weights_is_held(place, number, held):
    layers = [INPUT, CONV, MEAN, layer("BatchNormalization", axis=-1), layer("Dropout", rate=0.2), OUT]
    still = {**layers[place], "config": {**layers[place]["config"], "trainable": held}}
    with pytest.raises(Invalid) as refused:
        keras_json.as_list(model(*layers[:place], still, *layers[place + 1 :]))
    assert (refused.value.code, refused.value.params["number"]) == ("keras_held", number)
    assert refused.value.params["layer"] == layers[place]["class_name"]


def test_as_list__a_model_that_is_held_as_a_whole_is_refused_too_but_nothing_without_weights():
    text = json.loads(model(INPUT, CONV, MEAN, OUT))
    text["config"]["trainable"] = False
    with pytest.raises(Invalid, match="keras_held"):
        keras_json.as_list(json.dumps(text))
    free = [{**one, "config": {**one["config"], "trainable": False}} for one in (INPUT, MEAN)]
    text["config"] |= {"trainable": True, "layers": [free[0], CONV, free[1], OUT]}
    assert len(own_network.parse(keras_json.as_list(json.dumps(text)))) == 3


def test_as_list__a_chain_becomes_the_list_without_its_outputs():
    text = keras_json.as_list(
        model(
            layer("InputLayer", batch_shape=[None, 32, 32, 3]),
            layer("ZeroPadding2D", padding=[[2, 2], [2, 2]], data_format="channels_last"),
            layer("Conv2D", filters=8, kernel_size=[3, 3], strides=[1, 1], padding="valid", use_bias=False,
                  activation="linear", kernel_regularizer=None, groups=1),
            layer("BatchNormalization", axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True),
            layer("Activation", activation="relu"),
            layer("MaxPooling2D", pool_size=[2, 2], strides=[2, 2], padding="valid"),
            CONV, layer("Flatten"), layer("Dense", units=16, activation="relu"), layer("Dropout", rate=0.3), OUT,
        )
    )  # fmt: skip
    steps = [(step.kind, dict(step.values)) for step in own_network.parse(text)]
    assert steps == [
        ("border", {"pixels": 2}),
        ("conv", {"filters": 8, "kernel": 3, "stride": 1, "padding": "valid", "bias": False}),
        ("norm", {}), ("relu", {}), ("pool", {"size": 2, "stride": 2, "padding": "valid"}),
        ("conv", {"filters": 8, "kernel": 3, "stride": 1, "padding": "same", "bias": True}), ("relu", {}),
        ("flatten", {}), ("dense", {"units": 16, "activation": "relu", "bias": True}), ("dropout", {"rate": 0.3}),
    ]  # fmt: skip
    assert Recipe().updated({"layers": model(CONV, MEAN, OUT)}).layers.startswith("[")


def test_as_list__a_functional_chain_is_followed_in_either_spelling():
    third = model(after(OUT, "m"), after(MEAN, "c"), INPUT, after(CONV, "i"), kind="Functional")
    second = json.loads(third)
    for one, before in zip(second["config"]["layers"], ("m", "c", None, "i"), strict=True):
        one["inbound_nodes"] = [[[before, 0, 0, {}]]] if before else []
    assert keras_json.as_list(third) == keras_json.as_list(json.dumps(second))
    assert [step.kind for step in own_network.parse(keras_json.as_list(third))] == ["conv", "relu", "mean"]


@pytest.mark.parametrize(
    ("text", "code", "params"),
    [
        ("{", "keras_unreadable", {"line": 1, "column": 2}),
        ('{"class_name": "\\ud800"}', "keras_unreadable", {}),
        ('{"a": ' + "[" * 9000 + "}", "keras_unreadable", {}),
        ("{}", "keras_no_model", {}),
        ('{"class_name": "Sequential", "config": {"layers": [3]}}', "keras_no_model", {}),
        ("{" + " " * 24_000, "keras_long", {"most": 24_000}),
        (model(layer("Lambda", function="x")), "keras_code", {"number": 1, "layer": "Lambda"}),
        (model(CONV, layer("Mine", registered_name="me>Mine")), "keras_code", {"number": 2}),
        (model(layer("Conv2D", module="mine.layers")), "keras_code", {"number": 1}),
        (model(layer("LSTM", units=3)), "keras_layer", {"layer": "LSTM"}),
        (model(layer("Sequential", layers=[])), "keras_layer", {"layer": "Sequential"}),
        (model(layer("Conv2D", filters=8, kernel_size=[3, 3], strides=[2, 1])), "keras_value", {"name": "strides"}),
        (model(layer("Conv2D", filters=8, kernel_size=[3, 5, 3])), "keras_value", {"name": "kernel_size"}),
        (model(layer("Conv2D", filters=8, kernel_size=[3, 3], activation="softsign")), "keras_value",
         {"value": "softsign"}),
        (model(layer("Conv2D", filters=8, kernel_size=[3, 3], kernel_regularizer={"l2": 1})), "keras_value",
         {"name": "kernel_regularizer", "allowed": "None, False"}),
        (model(CONV, layer("MaxPooling2D", pool_size=[3, 2])), "keras_value", {"name": "pool_size"}),
        (model(CONV, layer("ReLU", max_value=1.0), MEAN), "keras_value", {"name": "max_value"}),
        (model(CONV, layer("LayerNormalization", axis=[1, 2, 3]), MEAN), "keras_value", {"name": "axis"}),
        (model(layer("SeparableConv2D", filters=8, kernel_size=3, depth_multiplier=2)), "keras_value",
         {"name": "depth_multiplier"}),
        (model(CONV, MEAN, layer("Dense", units=1, activation="sigmoid")), "keras_value", {"number": 3}),
        (model(CONV, layer("Dense", units=3, activation="softsign"), OUT), "keras_value", {"name": "activation"}),
        (model(CONV, layer("Softmax", axis=-1), MEAN), "keras_value",
         {"layer": "Softmax", "name": "activation", "value": "softmax"}),
        (model(CONV, layer("Activation", activation="softmax"), MEAN), "keras_value", {"layer": "Activation"}),
        (model(layer("ZeroPadding2D", padding=[[1, 2], [1, 1]])), "keras_value", {"name": "padding"}),
        (model(layer("ZeroPadding2D", padding=[])), "keras_value", {"name": "padding"}),
        (model(layer("ZeroPadding2D", padding=",")), "keras_value", {"name": "padding"}),
        (model(layer("ZeroPadding2D")), "keras_value", {"name": "padding"}),
        (model(INPUT, after(CONV, "i"), after(MEAN, "c", "i"), kind="Functional"), "keras_chain", {"layer": "m"}),
        (model(INPUT, after(CONV, "i"), after(MEAN, "i"), kind="Functional"), "keras_chain", {"layer": "m"}),
        (model(INPUT, after(MEAN, "c"), after(CONV, "m"), kind="Functional"), "keras_chain", {}),
        (model(CONV, kind="Functional"), "keras_chain", {}),
    ],
)  # fmt: skip
def test_as_list__is_refused_by_name(text, code, params):
    with pytest.raises(Invalid) as refused:
        keras_json.as_list(text)
    assert refused.value.code == code
    assert {name: refused.value.params[name] for name in params} == params


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_KINDS = st.sampled_from([*keras_layers.SAME, "Lambda", "", "Add"])
_NAMES = st.sampled_from(
    ["activation", "padding", "rate", "units", "filters", "kernel_size", "axis", "name", "x", "strides"]
)
_LAYERS = st.fixed_dictionaries(
    {"class_name": _KINDS | _VALUES, "config": st.dictionaries(_NAMES, _VALUES, max_size=4) | _VALUES},
    optional={"inbound_nodes": _VALUES, "name": _VALUES, "module": _VALUES},
)


@given(st.sampled_from(["Sequential", "Functional"]), st.lists(_LAYERS | _VALUES, max_size=4))
def test_as_list__whatever_is_pasted_gives_a_list_or_a_sentence(kind, layers):
    text = json.dumps({"class_name": kind, "config": {"layers": layers}})
    with contextlib.suppress(Invalid):
        own_network.parse(keras_json.as_list(text))
