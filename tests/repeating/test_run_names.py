"""Names of trainings that were started together: stored alike in every language, shown in the words of the page."""

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


def test_list__has_no_raw_names_of_fields(client, database):
    place = f"/p/{rows_of(database, {'a': 20, 'b': 20}).slug}"
    numbers = {"vary-1": "image_size", "values-1": "32, 64"}
    assert client.post(f"{place}/train", data=form_of() | numbers, follow_redirects=False).status_code == 303
    for path in (f"{place}/runs", place, f"{place}/runs/1", "/jobs"):
        text = client.get(f"{path}?lang=ja").text
        assert "画像サイズ: 32" in text, path
        assert "image_size=32" not in text, path
