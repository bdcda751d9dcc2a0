"""Names of trainings that were started together: stored alike in every language, shown in the words of the page."""

import json
from gettext import NullTranslations
from html import unescape

import pytest

from app.domain import matrix
from app.domain.matrix import Axis
from app.domain.recipe import Augmentation, Recipe
from app.web import i18n, run_names
from tests.train.pages import form_of, rows_of

CHANGED = Recipe(augmentation=Augmentation(rotation=20))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_shown__what_varies_in_the_words_of_the_form(language):
    gettext = i18n.translations(language).gettext
    (name, _), *_ = matrix.recipes(CHANGED, [Axis("augmentation", ("off",)), Axis("image_size", ("64",))], "try")
    assert name == "try augmentation=off image_size=64"
    told = run_names.shown(name, gettext)
    changes, size = gettext("All changes of pictures (augmentation)"), gettext("Picture size")
    assert told == f"try · {changes}: {gettext('without')}, {size}: 64"
    assert run_names.shown("stratified=0", gettext).endswith(f": {gettext('no')}")
    for kept in ("", "x=1 y", "my run", "size=64"):
        assert run_names.shown(kept, gettext) == kept


@pytest.mark.parametrize("name", ["3", "0", "[1]", '"xyz"', "null", "none", "all", '["a"]', "3, [4"])
def test_shown__a_class_may_be_called_anything(name):
    axis = matrix.axis("augmented_classes", f"none,all,{json.dumps([name])},{json.dumps([name, '犬'])}")
    names = [made for made, _ in matrix.recipes(CHANGED, [axis, Axis("seed", ("3",))])]
    assert len(set(names)) == 4
    told = [run_names.shown(made, NullTranslations().gettext).partition(": ")[2] for made in names]
    said = ["no class", "all classes", name, f"{name} + 犬"]
    assert [one.rpartition(", ")[0] for one in told] == said


def test_list__stands_whatever_a_run_is_called(client, database):
    place = f"/p/{rows_of(database, {'3': 20, '[4]': 20}).slug}"
    ticks = {"vary-1": "augmented_classes", "pick-1-none": "1", 'pick-1-["3"]': "1", 'pick-1-["[4]"]': "1"}
    assert client.post(f"{place}/train", data=form_of(CHANGED) | ticks, follow_redirects=False).status_code == 303
    called = ("augmented_classes=[1]", "class_augmentation=3", "class_augmentation={", 'class_augmentation={"a":3}')
    for name in called:
        assert client.post(f"{place}/train", data=form_of() | {"name": name}, follow_redirects=False).is_redirect
    assert client.get(place).is_success
    for path in (f"{place}/runs", "/jobs"):
        text = unescape(client.get(path).text)
        for said in ("changed: no class", "changed: 3", "changed: [4]", "changed: [1]", 'classes: {"a":3}'):
            assert said in text, (path, said)


def test_list__has_no_raw_names_of_fields(client, database):
    place = f"/p/{rows_of(database, {'a': 20, 'b': 20}).slug}"
    numbers = {"vary-1": "image_size", "values-1": "32, 64"}
    assert client.post(f"{place}/train", data=form_of() | numbers, follow_redirects=False).status_code == 303
    for path in (f"{place}/runs", place, f"{place}/runs/1", "/jobs"):
        text = client.get(f"{path}?lang=ja").text
        assert "画像サイズ: 32" in text, path
        assert "image_size=32" not in text, path
