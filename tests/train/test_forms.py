"""The form of a recipe: exact round trip, typed values kept, errors beside their fields."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.presets import PRESETS
from app.domain.recipe import FIELDS, Recipe
from app.web import network_fields
from app.web.fields import ARCHITECTURES, TEXTS
from app.web.forms import TrainForm, control_id
from app.web.messages import sentence
from app.web.preset_texts import LINES, pairs
from tests.conftest import ROOT
from tests.train.pages import sent_by_browser


@pytest.mark.parametrize("name", PRESETS)
def test_form__round_trip_of_every_preset(name):
    recipe = PRESETS[name].recipe
    again = TrainForm.read(sent_by_browser(TrainForm.of(recipe, "名前")), Recipe(seed=9), complete=True, strict=True)
    assert again.recipe == recipe
    assert again.name == "名前"


@given(
    rate=st.floats(1e-7, 10, allow_nan=False),
    share=st.floats(0.01, 0.9),
    shear=st.floats(0, 80),
    seed=st.integers(0, 2**31 - 1),
    flip=st.booleans(),
)
def test_form__round_trip_is_exact(rate, share, shear, seed, flip):
    recipe = Recipe().updated(
        {
            "learning_rate": rate,
            "validation_share": share,
            "seed": seed,
            "augmentation.shear": shear,
            "augmentation.vertical_flip": flip,
        }
    )
    assert TrainForm.read(sent_by_browser(TrainForm.of(recipe)), Recipe(), complete=True).recipe == recipe


def test_read__wrong_values_are_kept_as_typed_and_say_what_is_allowed():
    typed = sent_by_browser(TrainForm.of(PRESETS["wbc"].recipe)) | {
        "epochs": " viele ",
        "image_size": "1e9",
        "learning_rate": "nan",
        "pad_color": "red",
        "architecture": "vgg<16>",
        "folds": "1",
        "augmentation.rotation": "-5",
    }
    form = TrainForm.read(typed, Recipe(), complete=True)
    assert form.recipe is None
    assert {key: form.values[key] for key in form.errors} == {key: typed[key] for key in form.errors}
    assert set(form.errors) == set(typed) & {
        "epochs", "image_size", "learning_rate", "pad_color", "architecture", "augmentation.rotation",
    }  # fmt: skip
    assert sentence(form.errors["epochs"]) == "“ viele ” cannot be used. Type a whole number from 1 to 2000."
    assert sentence(form.errors["augmentation.rotation"]) == "“-5” cannot be used. Type a number from 0 to 180."
    controls = form.controls(str)
    assert [key for key, control in controls.items() if control.focus] == ["architecture"]
    assert controls["epochs"].value == " viele "
    assert form.summary(str)[0][0] == control_id("architecture")


def test_read__limits_that_contradict_each_other():
    form = TrainForm.read({"augmentation.zoom_low": "1.2", "augmentation.zoom_high": "0.8"}, Recipe(), complete=False)
    assert set(form.errors) == {"augmentation.zoom_low"}
    assert form.nearest(Recipe(epochs=7)) == Recipe()


def test_read__nearest_keeps_what_can_be_used():
    form = TrainForm.read({"epochs": "x", "batch_size": "7"}, Recipe(), complete=False)
    assert form.nearest(Recipe()).batch_size == 7
    own = TrainForm.read({"architecture": "own", "layers": "", "batch_size": "7"}, Recipe(), complete=False)
    assert own.nearest(Recipe()).batch_size == 7
    assert own.typed is None


def test_read__strict_refuses_names_that_the_form_does_not_know():
    form = TrainForm.read({"id": "1", "created_by": "me", "name": "n"}, Recipe(), complete=False, strict=True)
    assert set(form.errors) == {"id", "created_by"}


def test_read__nested_values_of_a_program():
    form = TrainForm.read({"augmentation": {"rotation": 20, "horizontal_flip": True}}, Recipe(), complete=False)
    assert form.recipe is not None
    assert form.recipe.augmentation.rotation == 20
    assert form.recipe.augmentation.horizontal_flip is True


@pytest.mark.parametrize("value", [10**400, None, [], {}, float("inf"), "9" * 5000, "\x00", True])
def test_read__odd_values_of_a_program_are_errors_and_no_crash(value):
    form = TrainForm.read({"epochs": value, "architecture": value}, Recipe(), complete=False)
    assert "architecture" in form.errors


def test_texts__every_field_has_label_help_and_names_of_its_choices():
    assert set(TEXTS) == set(FIELDS) - {"preset"}
    for key, text in TEXTS.items():
        assert text.label, key
        assert text.help.endswith("."), key
        assert set(text.choices) == set(FIELDS[key].choices), key
    assert list(ARCHITECTURES) == list(FIELDS["architecture"].choices)
    assert "degrees" in TEXTS["augmentation.shear"].help
    assert "random" in TEXTS["seed"].help


def test_docs__explain_every_field_and_every_preset():
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert [key for key in FIELDS if f"`{key}`" not in page] == []
    assert [name for name in PRESETS if f"`{name}`" not in page] == []


def test_presets__each_post_has_its_improved_recipe_and_a_line():
    assert set(LINES) == set(PRESETS)
    assert [pair.post for pair in pairs()] == ["000", "001", "002", "003", "004"]
    assert all(pair.originals and pair.improved.improved for pair in pairs())


def test_matters__values_of_a_pretrained_network_only_where_there_is_one():
    pretrained = Recipe(architecture="efficientnet-lite0")
    shown = {name for name in FIELDS if network_fields.matters(name, pretrained)}
    assert set(network_fields.TEXTS) - shown == {"fine_epochs", "fine_rate"}
    assert "precision" in shown
    assert "normalisation" not in shown
    from_file = replace(pretrained, architecture="vgg16")  # answers in 32 bits always
    assert [network_fields.matters("precision", replace(from_file, unfrozen_blocks=n)) for n in (0, 1)] == [False, True]
    wrong = replace(pretrained, backbone_scaling=False, unfrozen_blocks=1)
    assert all(network_fields.matters(name, wrong) for name in [*network_fields.TEXTS, "normalisation", "precision"])
    own = {name for name in FIELDS if network_fields.matters(name, Recipe())}
    assert own == set(FIELDS) - set(network_fields.TEXTS)
