"""The catalogue holds every sentence of the program, and Japanese is complete."""

import re

import pytest

from app.web import catalogue, i18n

pytestmark = pytest.mark.slow

LANGUAGES = [language for language in i18n.LANGUAGES if language != i18n.DEFAULT]


def test_template__is_fresh():
    fresh = catalogue.text(catalogue.extract())
    assert catalogue.POT.read_bytes() == fresh, "run: python -m app.web.catalogue update"


def test_extract__finds_code_templates_and_errors():
    found = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue.extract()}
    assert {"Skip to the content", "Import images"} <= found  # a template
    assert any(text.startswith("The disk is full") for text in found)  # an error
    assert "%(shown)s image" in found  # a plural


def test_catalogue__is_complete():
    assert catalogue.problems() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translation__has_the_same_parameters_and_marks(language):
    for message in catalogue.read(language):
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[-1]
        texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
        for text in filter(None, texts):  # an empty one is a problem that the test above names
            # A plural may say "all" instead of the number; a name that the sentence does not get would be an error.
            assert names(text) <= names(source), source
            assert names(text) == names(source) or not isinstance(message.id, str), source
            assert text.count("<") == source.count("<"), source
            assert text == text.strip(), source


@pytest.mark.parametrize("language", LANGUAGES)
def test_translation__is_shown(client, language):
    text = client.get(f"/?lang={language}").text
    assert i18n.translations(language).gettext("New project") in text
    assert ">New project<" not in text


def names(text):
    """The parameters of a sentence."""
    return set(re.findall(r"%\((\w+)\)[sd]", text))
