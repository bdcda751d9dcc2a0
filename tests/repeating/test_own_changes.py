"""Classes with changes of their own: recipe, draws, copies, training, form, preview, and what is shown of them."""

import json
from dataclasses import replace
from gettext import NullTranslations
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image, LabelClass
from app.domain import augment
from app.domain.augmentation import Augmentation
from app.domain.class_draws import ClassDraws
from app.domain.enums import ImageState
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.domain.stages import stages
from app.services import plans, preflight, splits
from app.web import class_changes, setting_words
from app.web.forms import TrainForm
from tests import factories
from tests.repeating.test_class_changes import EVERYTHING
from tests.train.pages import JSON, errors_of, form_of, read_form, runs_in, the_one_refusal

NAMES = ("猫, 大", "犬", "兎")
CATS = {"猫, 大": {"rotation": 40, "added_copies": 2, "horizontal_flip": True}}
POST = {"cat": {"added_copies": 1, "horizontal_flip": True}}  # post 004 doubled its cats


@pytest.fixture
def place(database, store) -> str:
    with database.write() as session:
        project = factories.labelled_project(session, store, "動物", NAMES, 12)
    return f"/p/{quote(project.slug)}"


def own(values: object, **more: object) -> Recipe:
    return Recipe().updated({"class_augmentation": values, **more})


def rename(database, before: str, after: str) -> None:
    with database.write() as session:
        row = session.scalars(sa.select(LabelClass).where(LabelClass.name == before)).one()
        row.name, row.name_key = after, after


def test_recipe__text_and_object_are_one_and_every_class_has_what_it_does_not_set_from_all():
    recipe = own(CATS, **{"augmentation.zoom_low": 0.8, "augmentation.rotation": 5, "augmentation.mixup": 0.2})
    assert own(json.dumps(CATS, ensure_ascii=False)).class_augmentation == recipe.class_augmentation
    assert Recipe.from_json(recipe.to_json()) == Recipe.from_json(recipe.readable()) == recipe
    cats = recipe.changes_of("猫, 大")
    assert (cats.rotation, cats.zoom_low, cats.mixup, cats.horizontal_flip) == (40, 0.8, 0.2, True)
    assert recipe.changes_of("犬") == recipe.augmentation
    assert [recipe.copies_of(name) for name in NAMES] == [2, 0, 0]
    assert recipe.all_changes == replace(cats, rotation=40)
    assert recipe.updated({"augmented_classes": ["犬"]}).changes_of("猫, 大") == Augmentation()
    assert own({"a": {}}).class_augmentation == own(" ").class_augmentation == ""


@pytest.mark.parametrize(
    ("values", "code", "said"),
    [
        ("[1]", "field_changes", {}),
        ({"cat": 3}, "field_changes", {}),
        ({"\ud800": {"rotation": 1}}, "field_changes", {}),
        ({"cat": {"rotation": 181}}, "class_change_float", {"name": "cat", "field": "rotation", "high": "180"}),
        ({"cat": {"added_copies": 1.5}}, "class_change_int", {"field": "added_copies"}),
        ({"cat": {"vertical_flip": "x"}}, "class_change_bool", {"field": "vertical_flip"}),
        ({"cat": {"mixup": 1}}, "class_change_common", {"field": "mixup"}),
        ({"cat": {"turn": 1}}, "class_change_unknown", {"name": "cat", "field": "turn"}),
        ('{"cat": {"blur": 1}, "cat": {"blur": 2}}', "class_change_doubled", {"name": "cat"}),
        ({"cat": {"zoom_low": 1.2}}, "class_change_order", {"field": "zoom_low", "low": "1.2", "high": "1"}),
    ],
)
def test_recipe__what_cannot_be_used_is_named_with_class_and_field(values, code, said):
    with pytest.raises(Invalid) as caught:
        own(values)
    error = caught.value.fields["class_augmentation"]
    assert error.code == code
    assert said.items() <= error.params.items()


def test_recipe__a_pretrained_network_has_changes_for_a_class_but_no_copies():
    values = {"architecture": "efficientnet-lite0", "feature_copies": 2, "class_augmentation": {"cat": {"rotation": 9}}}
    first = stages(Recipe().updated(values))[0]
    assert (first.copies, first.recipe.all_changes.active) == (2, False)
    with pytest.raises(Invalid, match="backbone_changes_all"):
        Recipe().updated({**values, "class_augmentation": POST})


def test_draws__of_a_class_are_its_own_and_those_of_the_others_stay_to_the_last_bit():
    labels = np.arange(60) % 3
    plain = Recipe(image_size=24, augmentation=replace(EVERYTHING, brightness_low=1, brightness_high=1))
    common = ClassDraws(plain, "abc").draw(labels, np.random.default_rng(4))
    before = augment.draw(plain.augmentation, 60, 24, np.random.default_rng(4))  # as it was without the field
    for name in ("matrices", "pixels", "mixing"):
        np.testing.assert_array_equal(getattr(common, name), getattr(before, name))
    values = {"b": {"rotation": 0, "zoom_low": 1, "zoom_high": 1, "horizontal_flip": False, "brightness_low": 0.5}}
    mixed = ClassDraws(plain.updated({"class_augmentation": values}), "abc")
    drawn, again = (mixed.draw(labels, np.random.default_rng(4)) for _ in range(2))
    others = labels != 1
    for name in ("matrices", "pixels", "mixing"):
        np.testing.assert_array_equal(getattr(drawn, name)[others], getattr(before, name)[others])
        np.testing.assert_array_equal(getattr(drawn, name), getattr(again, name))
    still = augment.draw(Augmentation(), 1, 24, np.random.default_rng(0))
    assert (drawn.matrices[~others] == still.matrices).all()
    np.testing.assert_array_equal(drawn.mixing, before.mixing)
    pictures = np.random.default_rng(0).integers(0, 256, (60, 24, 24, 3), dtype=np.uint8)
    changed = augment.apply(pictures, drawn)  # with all that any class has, the others as without the field
    np.testing.assert_array_equal(changed[others], augment.apply(pictures, before)[others])


@pytest.mark.ml
def test_epoch__has_the_copies_of_each_class_and_changes_the_others_anew():
    from worker.ml.changing import Changes  # noqa: PLC0415 - TensorFlow

    labels, train = np.arange(12) % 3, np.arange(10)
    values = {"a": {"added_copies": 2}, "b": {"added_copies": 1, "rotation": 9}, "c": {"added_copies": 0}}
    recipe = own(values, **{"augmentation.zoom_low": 0.7, "added_copies": 1, "image_size": 24, "seed": 3})
    changes = Changes(recipe, labels, ("a", "b", "c"))
    assert changes.count(train) == 10 + 2 * 4 + 1 * 3
    first, second = (changes.epoch(train, 0, number, recipe) for number in (1, 2))
    counts = np.bincount(first.order, minlength=12)
    assert counts.tolist() == [3, 2, 1] * 3 + [3, 0, 0]
    still = augment.draw(Augmentation(), 1, 24, np.random.default_rng(0)).matrices[0]
    for label, changed in enumerate((8, 3, 3)):
        mine = labels[first.order] == label
        assert (first.draws.matrices[mine] != still).any(axis=1).sum() == changed
        assert (_rows(first, label) == _rows(second, label)) == (label < 2)
    turned = first.draws.matrices[labels[first.order] == 2]
    assert (turned[:, 1] == 0).all()  # only b is turned
    assert (first.draws.matrices[labels[first.order] == 1][:, 1] != 0).sum() == 3
    even = Changes(replace(recipe, class_balance="batches"), labels, ("a", "b", "c")).epoch(train, 0, 1, recipe)
    assert np.bincount(labels[even.order]).tolist() == [7, 7, 7]


def _rows(epoch, label: int) -> list[tuple[float, ...]]:
    pairs = zip(epoch.order.tolist(), epoch.draws.matrices.tolist(), strict=True)
    return sorted((at, *row) for at, row in pairs if at % 3 == label)


@pytest.mark.ml
def test_kernel__with_the_changes_of_all_classes_gives_each_what_its_own_would():
    from worker.ml import warp  # noqa: PLC0415 - TensorFlow

    pictures = np.random.default_rng(0).integers(0, 256, (8, 20, 20, 3), dtype=np.uint8)
    recipe = own({"b": {"brightness_low": 0.5, "blur": 2, "noise": 9, "erase": 1, "contrast_low": 0.4}}, image_size=20)
    recipe = recipe.updated({"augmentation.rotation": 30, "augmentation.channel_shift": 20})
    labels = np.arange(8) % 2
    drawn = ClassDraws(recipe, "ab").draw(labels, np.random.default_rng(1))
    both, alone = (
        np.asarray(warp.make_kernel(spec, 20, lambda changed: changed)(pictures, drawn.matrices, drawn.pixels))
        for spec in (recipe.all_changes, recipe.augmentation)
    )
    np.testing.assert_allclose(both[labels == 0], alone[labels == 0], atol=0.01)
    assert np.abs(both[labels == 1] - alone[labels == 1]).mean() > 1
    assert np.abs(both - augment.apply(pictures, drawn)).mean() < 0.01


@pytest.mark.ml
@pytest.mark.parametrize("network", ["conv2-plus", "efficientnet-lite0"])
def test_training__with_changes_of_one_class_learns(network):
    from worker.ml import train  # noqa: PLC0415 - TensorFlow

    labels = np.arange(24, dtype=np.int64) % 2
    rng, size = np.random.default_rng(0), 16 if network == "conv2-plus" else 32
    pictures = (rng.integers(0, 120, (24, size, size, 3)) + 110 * labels[:, None, None, None]).astype(np.uint8)
    recipe = Recipe(
        architecture=network, image_size=size, batch_size=8, epochs=4, patience=0, precision="float32",
        learning_rate=0.01, feature_copies=int(network != "conv2-plus"),
    ).updated({"class_augmentation": {"bright": {"rotation": 20, "brightness_high": 1.1}}})  # fmt: skip
    plan = train.FoldPlan(0, np.arange(0, 16), np.arange(16, 24))
    (result,) = train.fit_folds(pictures, labels, [plan], recipe, ["dark", "bright"])
    assert result.epochs[-1].loss < result.epochs[0].loss
    assert result.model.recipe == recipe


def test_form__rows_are_kept_copied_shown_and_follow_a_class_that_is_renamed(client, database, place):
    rows = {
        "own:1:class": "猫, 大", "own:1:change": "rotation", "own:1:value": "40",
        "own:2:class": "猫, 大", "own:2:change": "added_copies", "own:2:value": "2",
        "own:7:class": "猫, 大", "own:7:change": "horizontal_flip:1", "own:7:value": "",
        "own:8:class": "", "own:8:change": "", "own:8:value": "",
    }  # fmt: skip
    sent = form_of(Recipe(augmented_classes='["猫, 大"]')) | rows
    assert client.post(f"{place}/train", data=sent, follow_redirects=False).status_code == 303
    (run,) = runs_in(database)
    assert Recipe.from_json(run.recipe).class_changes == CATS
    page = client.get(f"{place}/runs/1").text
    assert "猫, 大: Added copies 2 copies, Turn 40 degrees, Mirror left and right yes" in page
    assert client.get(f"{place}/runs/1/manifest.json").json()["recipe"]["class_augmentation"] == CATS
    rename(database, "猫, 大", "ネコ")
    again = read_form(client.get(f"{place}/train?from=1").text)
    assert [again[f"own:{row}:class"] for row in (1, 2, 3)] == ["ネコ"] * 3
    assert (again["own:1:change"], again["own:1:value"]) == ("added_copies", "2")
    assert again["only:ネコ"] == "1"
    assert client.post(f"{place}/train", data=again, follow_redirects=False).status_code == 303
    assert client.post(f"{place}/runs/1/again", follow_redirects=False).status_code == 303
    for copy in runs_in(database)[1:]:
        assert Recipe.from_json(copy.recipe) == Recipe.from_json(run.recipe).with_names({"猫, 大": "ネコ"})
    both = [Recipe.from_json(copy.recipe) for copy in runs_in(database)[:2]]
    differ = {row.label: row.values for row in setting_words.differences(both, NullTranslations())}
    assert differ["Changes of single classes"][1].startswith("ネコ: Added copies 2 copies, Turn 40 degrees")
    assert differ["Classes that are changed"] == ["猫, 大", "ネコ"]


def test_form__rows_keep_every_digit():
    recipe = own({"cat": {"rotation": 12.345678901234567, "blur": 1e-11, "noise": 7, "vertical_flip": False}})
    form = TrainForm.of(recipe)
    assert Recipe().updated({"class_augmentation": class_changes.text_of(form.changes)}) == recipe


@pytest.mark.parametrize("kept", ["augmented_classes", "class_augmentation"])
def test_again__of_a_run_whose_class_has_no_images_opens_the_form_that_says_so(client, database, place, kept):
    values = {"augmented_classes": ["犬"]} if kept == "augmented_classes" else {kept: {"犬": {"rotation": 9}}}
    recipe = Recipe().updated({"augmentation.zoom_low": 0.9, **values})
    assert client.post(f"{place}/train", data=form_of(recipe), follow_redirects=False).status_code == 303
    with database.write() as session:
        dogs = sa.select(LabelClass.id).where(LabelClass.name == "犬").scalar_subquery()
        session.execute(sa.update(Image).where(Image.class_id == dogs).values(state=ImageState.EXCLUDED))
    refused = client.post(f"{place}/runs/1/again", headers=JSON)
    assert refused.status_code == 422
    answer = client.post(f"{place}/runs/1/again", follow_redirects=False)
    assert answer.headers["location"].endswith("/train?from=1")
    page = client.get(answer.headers["location"]).text
    assert "not a class with labelled images (any more)" in page
    assert len(runs_in(database)) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("猫, 大", "rotation", "900"), "“900” cannot be used as “Turn” of the class “猫, 大”."),
        (("猫, 大", "", "3"), "is not whole. Choose a class and a change"),
        (("鳥", "rotation", "3"), "these have no labelled images here: 鳥"),
    ],
)
def test_form__with_a_wrong_row_keeps_what_was_typed(client, database, place, row, said):
    good = {"own:1:class": "犬", "own:1:change": "blur", "own:1:value": "2"}
    wrong = dict(zip(("own:2:class", "own:2:change", "own:2:value"), row, strict=True))
    answer = client.post(f"{place}/train", data=form_of() | good | wrong)
    assert answer.status_code == 422
    assert said in errors_of(answer.text)["f-class_augmentation"]
    kept = read_form(answer.text)
    assert {key: kept[key] for key in good | wrong} == good | wrong
    assert runs_in(database) == []


def test_form__twice_the_same_is_refused_and_rows_come_and_go_without_scripts(client, place):
    rows = {
        "form": "1", "own:1:class": "犬", "own:1:change": "blur", "own:1:value": "2",
        "own:2:class": "犬", "own:2:change": "blur", "own:2:value": "3",
    }  # fmt: skip
    page = client.get(f"{place}/train", params=rows).text
    assert "“Blur” of the class “犬” is there twice." in page
    less = read_form(client.get(f"{place}/train", params=rows | {"own-remove": "1"}).text)
    assert (less["own:1:value"], "own:2:value" in less) == ("3", False)
    more = read_form(client.get(f"{place}/train", params=rows | {"own-add": "1"}).text)
    assert (more["own:3:class"], more["own:3:value"]) == ("", "")


def test_program__sends_an_object_and_is_told_what_is_wrong(client, database, place):
    assert client.post(f"{place}/train", json={"preset": "wbc", "class_augmentation": CATS}, headers=JSON).is_success
    assert Recipe.from_json(runs_in(database)[0].recipe).class_changes == CATS
    wrong = {"class_augmentation": {"鳥": {"rotation": 3}}}
    refused = client.post(f"{place}/train", json=wrong, headers=JSON)
    assert refused.json()["error"]["code"] == "class_augmentation_missing"


def test_program__is_told_which_class_and_field_is_wrong(client, database, place):
    wrong = {"preset": "wbc", "class_augmentation": {"犬": {"rotation": "x"}}}
    said = the_one_refusal(client, database, f"{place}/train", wrong, "class_augmentation")
    assert said == "“x” cannot be used as “rotation” of the class “犬”. Type a number from 0 to 180."


def test_preview__shows_each_picture_with_the_changes_of_its_class(client, database, place):
    query = {"form": "1", "own:1:class": "犬", "own:1:change": "rotation", "own:1:value": "90"}
    assert "No change is switched on" in client.get(f"{place}/train", params=query | {"image": "1"}).text
    page = client.get(f"{place}/train", params=query | {"image": "13"}).text
    assert "Pictures of the class “犬” have changes of their own." in page
    assert "±90°" in page
    values = {"class_augmentation": '{"犬": {"rotation": 90}}'}
    mine = [client.get(f"{place}/augment.jpg", params=values | {"image": image}).content for image in ("1", "13")]
    plain = [client.get(f"{place}/augment.jpg", params={"image": image}).content for image in ("1", "13")]
    turned = client.get(f"{place}/augment.jpg", params={"image": "13", "augmentation.rotation": "90"}).content
    assert (mine[0], mine[1]) == (plain[0], turned)
    assert mine[1] != plain[1]
    with database.read() as session:
        recipe = own(CATS, batch_size=1)
        forecast = plans.forecast(splits.table(session, 1), recipe)
        train = {row.name: row.train for row in forecast.classes}
        steps = preflight.look(session, 1, recipe, forecast, "").steps
    assert steps == 3 * train["猫, 大"] + train["犬"] + train["兎"]
