"""Names that try to be code, format strings, paths or nothing: pages show them as text and stay whole."""

from html.parser import HTMLParser

import pytest

from app.domain.errors import Invalid
from app.services import classes, projects
from tests import factories

STRINGS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "%(count)s %s %n %",
    "${jndi:ldap://x}",
    "&lt;b&gt; &amp;amp;",
    "Robert'); DROP TABLE project;--",
    "../../../etc/passwd",
    "C:\\Windows\\System32",
    "null",
    "undefined",
    "NaN",
    "0",
    "-1e308",
    "=HYPERLINK(1)",
    "ｔｅｓｔ　全角",
    "表示ソ能",
    "Ω≈ç√∫˜µ≤≥÷",
    "ﾃｽﾄ",
    "مرحبا بالعالم",
    "\u202eevil\u202d",
    "a\u200bb\ufeffc",
    "👩🏽‍🔬🧫",
    "Z̮̞̠͙͔ͅa̷̡l̵g̶o",
    "x" * 200,
    "長" * 200,
    "line\nbreak\r\n\ttab",
    "a/b?c#d%41&e=f;g",
]


class Whole(HTMLParser):
    """Collects the texts and refuses what a name must never become."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag != "script" or dict(attrs).get("src", "").startswith("/static/")
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "style"
            if name in ("href", "src", "action"):
                assert (value or "").startswith(("/", "#"))
            self.texts.append(value or "")

    def handle_data(self, data):
        self.texts.append(data)


def parsed(page):
    parser = Whole()
    parser.feed(page.text)
    return parser.texts


def test_names__are_shown_as_text_on_every_page(client, database, store):
    made = []
    with database.write() as session:
        for number, text in enumerate(STRINGS):
            project = projects.create(session, name=text, description=text)
            added = classes.add(session, project, text)
            assert project.name == added.name
            factories.add_images(session, store, project, 1, label_class=added, first=number, prefix=text[:50])
            made.append(project)
    listed = parsed(client.get("/"))
    for project in made:
        assert any(project.name in shown for shown in listed)
        for path in (f"/p/{project.slug}", f"/p/{project.slug}/classes"):
            page = client.get(path, headers={"Accept-Language": "ja"})
            assert page.status_code == 200
            assert any(project.name in shown for shown in parsed(page)), (path, project.name)


def test_forms__keep_what_was_typed(client, project):
    for text in STRINGS:
        client.post(f"/p/{project.slug}/classes", data={"name": text}, follow_redirects=False)
        page = client.post(f"/p/{project.slug}/classes", data={"name": text})
        assert page.status_code == 422
        texts = [shown.replace("\r\n", "\n") for shown in parsed(page)]
        assert any(text.replace("\r\n", "\n") in shown for shown in texts), text


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\x00", "\u200b\u200d", "\ufe0f", "\u202e\u2066"])
def test_create__a_name_nobody_can_see_is_refused(database, text):
    with pytest.raises(Invalid) as caught, database.write() as session:
        projects.create(session, name=text)
    assert caught.value.code == "project_name_empty"


ODD = ("..", "%2e%2e%2f", "%252e", "%00", "a%0d%0aSet-Cookie:x=1", "%5c..%5c", "%ff", "x" * 3000)


def test_addresses__odd_values_are_not_found(client):
    for path in ("/p/{}", "/p/{}/classes", "/p/{}/media/1/thumb", "/static/{}", "/samples/{}"):
        for text in ODD:
            answer = client.get(path.format(text))
            assert answer.status_code in (404, 405) or answer.url.path in ("/", "/p"), (path, text)
            assert "set-cookie" not in answer.headers
