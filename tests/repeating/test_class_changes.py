"""Pictures of some classes alone are changed; on the fly, or as added copies."""

import json
from dataclasses import replace
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import LabelClass
from app.db.run_models import RunClass
from app.domain import augment, mixing
from app.domain.errors import Invalid
from app.domain.recipe import Augmentation, Recipe
from tests import factories
from tests.train.pages import form_of, read_form, runs_in

EVERYTHING = Augmentation(
    rotation=40, zoom_low=0.7, zoom_high=1.3, channel_shift=40, brightness_low=0.5, brightness_high=1.5,
    contrast_low=0.5, contrast_high=1.5, blur=2, noise=20, erase=1.0, mixup=0.4, cutmix=1.0, horizontal_flip=True,
)  # fmt: skip
NAMES = ("猫, 大", "犬")


@pytest.fixture
def place(database, store) -> str:
    with database.write() as session:
        project = factories.labelled_project(session, store, "動物", NAMES, 12)
    return f"/p/{quote(project.slug)}"


def test_draws__only_the_chosen_pictures_are_changed_and_the_others_not_by_a_bit():
    pictures = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)
    chosen = np.array([True, False, True, False, False, True])
    drawn = augment.draw(EVERYTHING, 6, 24, np.random.default_rng(1)).only(chosen)
    changed = augment.apply(pictures, drawn)
    mixed = mixing.apply(changed, changed[::-1], drawn.mixing)
    for picture, still, mine in zip(pictures, mixed, chosen, strict=True):
        assert (np.abs(still - picture).max() < 0.51) == (not mine)


def test_recipe__names_are_a_list_whatever_they_hold():
    recipe = Recipe().updated({"augmented_classes": ["猫, 大", '"', "犬"]})
    assert recipe.chosen_classes == {"猫, 大", '"', "犬"}
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe().updated({"augmented_classes": " "}).chosen_classes == frozenset()
    for wrong in ("{", "3", [1], '{"a": 1}', "[[]]"):
        with pytest.raises(Invalid, match="field_names"):
            Recipe().updated({"augmented_classes": wrong})
    with pytest.raises(Invalid, match="backbone_changes_all"):
        Recipe().updated({"architecture": "efficientnet-lite0", "added_copies": 1})


def test_form__ticks_are_kept_copied_and_shown_on_the_run(client, database, place):
    ticked = form_of(Recipe(augmentation=Augmentation(rotation=20), added_copies=1)) | {"only:猫, 大": "1"}
    ticked.pop("augmented_classes")
    assert client.post(f"{place}/train", data=ticked, follow_redirects=False).status_code == 303
    (run,) = runs_in(database)
    assert json.loads(run.recipe["augmented_classes"]) == ["猫, 大"]
    again = read_form(client.get(f"{place}/train?from=1").text)
    assert again["only:猫, 大"] == "1"
    assert "only:犬" not in again
    assert "猫, 大" in client.get(f"{place}/runs/1").text


def test_form__a_class_that_is_gone_stays_ticked_until_the_person_unticks_it(client, database, place):
    """Unticked without a word, the pictures of all classes would be changed. A renamed one is known by its id."""
    ticked = form_of(Recipe(augmentation=Augmentation(rotation=20))) | {"only:犬": "1"}
    ticked.pop("augmented_classes")
    assert client.post(f"{place}/train", data=ticked, follow_redirects=False).status_code == 303
    with database.write() as session:
        row = session.scalars(sa.select(LabelClass).where(LabelClass.name == "犬")).one()
        row.name, row.name_key = "イヌ", "イヌ"
    renamed = read_form(client.get(f"{place}/train?from=1").text)
    assert (renamed["only:イヌ"], "only:犬" in renamed) == ("1", False)
    with database.write() as session:
        session.execute(sa.update(RunClass).where(RunClass.name == "犬").values(name="狗"))  # as if of another class
    page = client.get(f"{place}/train?from=1").text
    assert "not a class with labelled images" in page
    again = read_form(page)
    assert (again["only:犬"], "only:イヌ" in again) == ("1", False)
    refused = client.post(f"{place}/train", data=again, follow_redirects=False)
    assert refused.status_code == 422
    assert read_form(refused.text)["only:犬"] == "1"
    assert len(runs_in(database)) == 1


def test_form__has_room_for_all_changes_of_many_classes(client, place):
    rows = {f"own:{row}:class": "犬" for row in range(1, 801)}
    rows |= {key.replace("class", part): "blur" for key in rows for part in ("change", "value")}
    assert "“Blur” of the class “犬” is there twice." in client.post(f"{place}/train", data=form_of() | rows).text


def test_form__a_class_that_is_not_there_is_refused(client, database, place):
    wrong = form_of(Recipe(augmentation=Augmentation(rotation=20), augmented_classes='["鳥"]'))
    answer = client.post(f"{place}/train", data=wrong)
    assert answer.status_code == 422
    assert "these have no labelled images here: 鳥" in answer.text
    assert runs_in(database) == []


def test_preview__shows_what_each_class_gets(client, place):
    query = {"form": "1", "augmentation.rotation": "40", "only:犬": "1", "added_copies": "2"}
    still = client.get(f"{place}/train", params=query | {"image": "1"}).text
    assert "Pictures of the class “猫, 大” stay as they are." in still
    changed = client.get(f"{place}/train", params=query | {"image": "13"}).text
    assert "2 changed copies of it" in changed
    values = {"augmentation.rotation": "40", "augmented_classes": '["犬"]'}
    plain = [client.get(f"{place}/augment.jpg", params=values | {"image": image}).content for image in ("1", "13")]
    same = [client.get(f"{place}/augment.jpg", params={"image": image}).content for image in ("1", "13")]
    assert plain[0] == same[0]
    assert plain[1] != same[1]


@pytest.mark.ml
def test_epoch__with_added_copies_has_each_original_once_and_the_same_copies_each_time():
    from worker.ml.changing import Changes  # noqa: PLC0415 - TensorFlow

    labels = np.array([0, 0, 0, 1, 1, 1, 1, 0], np.int64)
    train = np.array([0, 1, 3, 4, 5], np.int64)
    recipe = Recipe(augmentation=EVERYTHING, added_copies=2, augmented_classes='["b"]', image_size=24)
    changes = Changes(recipe, labels, ("a", "b"))
    assert changes.count(train) == 5 + 2 * 3
    first, second = (changes.epoch(train, 0, epoch, recipe) for epoch in (1, 2))
    assert sorted(first.order.tolist()) == sorted([0, 1, 3, 4, 5, 3, 4, 5, 3, 4, 5])
    assert first.order.tolist() != second.order.tolist()
    assert _rows(first) == _rows(second)
    still = augment.draw(Augmentation(), 1, 24, np.random.default_rng(0)).matrices[0].tolist()
    assert sum(matrix == tuple(still) for _, matrix in _rows(first)) == 5
    alone = Changes(replace(recipe, added_copies=0), labels, ("a", "b")).epoch(train, 0, 1, recipe)
    assert {int(at) for at, matrix in _rows(alone) if matrix == tuple(still)} == {0, 1}


def _rows(epoch) -> list[tuple[int, tuple[float, ...]]]:
    return sorted((at, tuple(row)) for at, row in zip(epoch.order.tolist(), epoch.draws.matrices.tolist(), strict=True))


@pytest.mark.ml
def test_training__with_copies_of_one_class_learns():
    from worker.ml import train  # noqa: PLC0415 - TensorFlow

    rng = np.random.default_rng(0)
    labels = np.arange(24, dtype=np.int64) % 2
    pictures = (rng.integers(0, 120, (24, 16, 16, 3)) + 110 * labels[:, None, None, None]).astype(np.uint8)
    recipe = Recipe(
        architecture="conv2-plus", image_size=16, batch_size=8, epochs=6, patience=0, precision="float32",
        learning_rate=0.01, augmentation=Augmentation(rotation=20), added_copies=1, augmented_classes='["bright"]',
    )  # fmt: skip
    plan = train.FoldPlan(0, np.arange(0, 16), np.arange(16, 24))
    (result,) = train.fit_folds(pictures, labels, [plan], recipe, ["dark", "bright"])
    assert result.epochs[-1].loss < result.epochs[0].loss
