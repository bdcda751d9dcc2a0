"""A network as a list of layers: what is understood, what is refused and where, and that it learns like the others."""

import json

import numpy as np
import pytest

from app.domain import architectures, own_network
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from tests.train.pages import errors_of, form_of, read_form, rows_of, runs_in

GOOD = """[
  {"layer": "conv", "filters": 8, "kernel": 3}, "norm", "relu", "pool",
  {"layer": "border", "pixels": 2}, {"layer": "conv", "filters": 12, "kernel": 5, "padding": "valid", "bias": false},
  "relu", "flatten", {"layer": "dense", "units": 16}, {"layer": "dropout", "rate": 0.25}
]"""
MANY = '[{"layer": "conv", "filters": 1024, "kernel": 3}, "flatten", {"layer": "dense", "units": 4096}]'


def own(text: str, **values: object) -> Recipe:
    return Recipe().updated({"architecture": "own", "layers": text, "image_size": 32, **values})


def refused(text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        architectures.layer_table(own(text), 3)
    error = caught.value.fields.get("layers", caught.value)
    assert isinstance(error, Invalid)
    return error


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "layers_unreadable", 1),
        ('["relu"', "layers_unreadable", 1),
        ('[\n "relu",\n]', "layers_unreadable", 3),
        ('["relu"] x', "layers_unreadable", 1),
        ('{"layer": "relu"}', "keras_no_model", None),
        ("[" * 3000, "layers_unreadable", 1),
        ('["relu",\n' + "9" * 5000 + "]", "layers_unreadable", 2),
        ('["relu",\n"\\ud800"]', "layers_unreadable", 2),
        ('["relu",\n{"layer": "conv", "filters": "\\ud800"}]', "layers_unreadable", 2),
        ('["relu", "\ud800"]', "layer_unknown", 1),
        ('["relu"]' + " " * 8000 + "x", "layers_long", None),
        ("[\r\n" + "\r\n" * 7000 + '"relu"]', "layers_without", None),
        ("[]", "layers_count", None),
        ('[\n "relu",\n "lambda"]', "layer_unknown", 3),
        ("[3]", "layer_unknown", 1),
        ('[\n\n{"layer": "conv"}]', "layer_value_missing", 3),
        ('[{"layer": "conv", "filters": 0}]', "layer_value", 1),
        ('[{"layer": "conv", "filters": true}]', "layer_value", 1),
        ('[{"layer": "conv", "filters": 8, "padding": "odd"}]', "layer_value", 1),
        ('[{"layer": "relu", "units": 3}]', "layer_value_unknown", 1),
        ('[{"layer": "conv", "filters": 8}, "mean",\n "pool"]', "layer_order", 2),
        ('[{"layer": "conv", "filters": 8}, "max",\n {"layer": "separable", "filters": 8}]', "layer_order", 2),
        ('[{"layer": "conv", "filters": 8, "kernel": [3]}]', "layer_value", 1),
        ('[{"layer": "conv", "filters": 8, "kernel": [3, true]}]', "layer_value", 1),
        ('[{"layer": "conv", "filters": 8, "stride": [2, 2]}]', "layer_value", 1),
        ('[{"layer": "pool", "stride": 9}, "mean"]', "layer_value", 1),
        ('["mean", {"layer": "dense", "units": 4, "activation": "softmax"}]', "layer_value", 1),
        ('["selu", "mean"]', "layer_unknown", 1),
        (
            '[{"layer": "conv", "filters": 8, "stride": 8},\n "average_pool", "average_pool", "average_pool", "max"]',
            "layer_nothing_left",
            2,
        ),
        ('[{"layer": "conv", "filters": 8},\n {"layer": "dense", "units": 8}]', "layer_order_dense", 2),
        ('[{"layer": "conv", "filters": 8}]', "layers_without", None),
        (json.dumps([{"layer": "conv", "filters": 8}, *["pool"] * 6, "mean"]), "layer_nothing_left", 1),
        (MANY, "layers_too_many_weights", None),
    ],
)
def test_parse__names_the_mistake_and_its_line(text, code, line):
    error = refused(text)
    assert error.code == code
    assert error.params.get("line") == line


@pytest.mark.parametrize("names", ['["\\ud800"]', '["\ud800', ["\ud800"], "9" * 5000])
def test_names__that_are_no_text_are_refused(names):
    with pytest.raises(Invalid) as caught:
        Recipe().updated({"augmented_classes": names})
    error = caught.value.fields["augmented_classes"]
    assert (error.code, str(error.params["value"]).encode()) == ("field_names", str(error.params["value"]).encode())


def test_form__what_is_no_text_is_refused_like_other_mistakes(client, database):
    place = f"/p/{rows_of(database, {'a': 20, 'b': 20}).slug}"
    for odd in ('["\\ud800"]', "[" + "9" * 5000 + "]"):
        typed = form_of() | {"architecture": "own", "layers": odd, "augmented_classes": odd}
        assert client.post(f"{place}/train", data=typed).status_code == 422


def test_layer_table__shapes_and_weights_are_known_before_the_start():
    table = architectures.layer_table(own(GOOD), 3)
    assert [layer.kind for layer in table][:4] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    assert table[0].parameters == 8 * 28
    assert table[5].shape == (16, 16, 12)
    assert table[5].parameters == 12 * 8 * 25
    assert architectures.layer_table(own(own_network.EXAMPLE), 3)


def test_form__shows_table_and_mistakes_and_starts(client, database):
    place = f"/p/{rows_of(database, {'a': 20, 'b': 20}).slug}"
    typed = {"architecture": "own", "layers": GOOD, "image_size": "32"}
    page = client.get(f"{place}/train", params=form_of() | typed).text
    assert "12 × 5×5 valid" in page
    assert client.post(f"{place}/train", data=form_of() | typed, follow_redirects=False).status_code == 303
    (run,) = runs_in(database)
    assert Recipe.from_json(run.recipe).layers == GOOD
    assert "own network" in client.get(f"{place}/runs/1").text
    wrong = client.post(f"{place}/train", data=form_of() | typed | {"layers": '[\n"lambda"]'})
    assert wrong.status_code == 422
    assert "Line 2: there is no layer “lambda”." in errors_of(wrong.text)["f-layers"]
    assert "lambda" in wrong.text
    assert read_form(wrong.text)["architecture"] == "own"


@pytest.mark.ml
@pytest.mark.parametrize("text", [GOOD, '["flatten"]', '["norm", "mean", {"layer": "dense", "units": 4}, "relu"]'])
def test_own_network__trains_saves_predicts_equally_and_explains(text):
    """Without a convolution, too: the maps are made by occlusion then."""
    from worker.ml import check, models  # noqa: PLC0415 - TensorFlow

    recipe = own(text)
    model = models.build(recipe, 3)
    table = architectures.layer_table(recipe, 3)
    assert [tuple(layer.output.shape[1:]) for layer in model.layers[1:]] == [layer.shape for layer in table]
    assert [layer.count_params() for layer in model.layers[1:]] == [layer.parameters for layer in table]
    found = check.check_recipe(recipe)
    assert found.passed
    assert np.isfinite(found.loss)
