"""Every template: compiles in both languages, has a title, keeps the content security policy, stays small."""

import re
from pathlib import Path

import pytest

from app.config import Settings
from app.main import create_app
from app.web import i18n
from app.web.templating import ROOT, STATIC

FOLDER = ROOT / "templates"
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))
MODULES = sorted(path for path in (STATIC / "js").rglob("*.js"))
FORBIDDEN = {
    "an inline style": r"<style|\sstyle\s*=",
    "an inline handler": r"<[^>]*\son[a-z]+\s*=",
    "an inline script": r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")",
    "htmx code in an attribute": r"hx-on|\sjs:|javascript:",
    "an address elsewhere": r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//",
    "text that is not escaped": r"\|\s*safe\b|autoescape false|xmlattr",
    "a path that is put together": r"(?:href|action|src)=\"/(?!\")",
}
COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
# Words between tags that no gettext call wraps; names, symbols and numbers need none.
PLAIN = re.compile(r">\s*([A-Za-z][a-z]+(?: [A-Za-z]+)+)[^<>{}]*<")


def source(name: str) -> str:
    return COMMENT.sub("", (FOLDER / name).read_text())


@pytest.fixture(scope="module")
def application():
    return create_app(Settings(data_dir=Path("unused")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_template__compiles(application, name, language):
    assert application.state.templates.environments[language].get_template(name)


@pytest.mark.parametrize("name", NAMES)
def test_template__keeps_the_policy_and_its_size(name):
    text = source(name)
    for what, pattern in FORBIDDEN.items():
        found = re.search(pattern, text)
        assert found is None, f"{what}: {found.group(0)}"
    assert len(text.splitlines()) <= 120


@pytest.mark.parametrize("name", [name for name in NAMES if "base.html" in source(name)])
def test_template__a_page_has_its_own_title(name):
    assert re.search(r"{% block title %}.+{% endblock %}", source(name))


@pytest.mark.parametrize("name", NAMES)
def test_template__sentences_can_be_translated(name):
    text = re.sub(r"{% trans.*?{% endtrans %}|<kbd\b.*?</kbd>", "", source(name), flags=re.DOTALL)
    assert not PLAIN.findall(text)


@pytest.mark.parametrize("name", NAMES)
def test_template__every_label_and_image_is_named(name):
    text = re.sub(r"{%.*?%}|{{.*?}}", "x", source(name), flags=re.DOTALL)
    for image in re.findall(r"<img\b[^>]*>", text):
        assert "alt=" in image
    for button in re.findall(r"<button\b[^>]*type=\"button\"[^>]*>\s*</button>", text):
        assert "aria-label" in button


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module__keeps_the_policy_and_its_size(path):
    text = path.read_text()
    assert not re.search(r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write", text)
    assert not re.search(r"[\"'`](?:https?:)?//(?!www\.w3\.org)|data:image|blob:", text)
    assert len(text.splitlines()) <= 300


@pytest.mark.parametrize("path", sorted((STATIC / "css").glob("*.css")), ids=lambda path: path.name)
def test_style__sheet_is_own_and_small(path):
    text = path.read_text()
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert len(text.splitlines()) <= 300
