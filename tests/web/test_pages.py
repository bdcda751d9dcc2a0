"""Every page of the application, in both languages, with and without images."""

import re

import pytest

from tests import factories
from tests.conftest import ROOT
from tests.web.test_security import own_routes

# What a page of a project without runs must answer; everything else needs a row of its own in the address.
PROJECT_PAGES = sorted(
    (route.name, route.path)
    for route in own_routes()
    if "GET" in route.methods and re.findall(r"{(\w+)}", route.path) == ["slug"] and not route.path.endswith(".jpg")
)
# They show what their address names after the "?", and say so when it names nothing.
ASKING = {
    "similar",
    "similar_counts",
    "similar_ids",
    "versions_compare",
    "versions_compare_data",
    "import_server_folders",
}
UNNAMED = {"compare_report"}  # a file that is made of the runs its address names
GENERAL_PAGES = ("/", "/help", "/jobs")


@pytest.fixture
def filled(database, store, project):
    with database.write() as session:
        factories.add_images(session, store, project, 5, label_class=project.classes[0])
        factories.add_images(session, store, project, 4, label_class=project.classes[1], first=5)
        factories.add_images(session, store, project, 3, first=9)
    return project


def check(page, language):
    assert page.status_code == 200
    if not page.headers["content-type"].startswith("text/html"):
        return
    assert f'<html lang="{language}"' in page.text
    title = re.search("<title>(.*?) · Miwake</title>", page.text, re.DOTALL)
    assert title is not None
    assert title[1].strip()
    assert page.text.count("<h1") == 1
    assert not re.search(r"%\(\w+\)[sd]|{{|{%|Undefined|None</", page.text)
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids)), sorted(name for name in ids if ids.count(name) > 1)
    for target in re.findall(r'\s(?:for|aria-labelledby|aria-describedby)="([^"]+)"', page.text):
        assert set(target.split()) <= set(ids), target


def test_pages__the_list_is_not_empty():
    assert {"project", "classes", "imports", "gallery", "label", "splits", "train", "runs"} <= {
        name for name, _ in PROJECT_PAGES
    }


@pytest.mark.parametrize("language", ["en", "ja"])
def test_pages__without_a_project(client, language):
    for path in GENERAL_PAGES:
        check(client.get(f"{path}?lang={language}"), language)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(("name", "path"), PROJECT_PAGES, ids=[name for name, _ in PROJECT_PAGES])
def test_pages__of_a_project_with_and_without_images(client, database, project, filled, name, path, language):
    with database.write() as session:
        empty = factories.make_project(session, "empty", [])
    for slug in (filled.slug, empty.slug):
        answer = client.get(f"{path.replace('{slug}', slug)}?lang={language}", follow_redirects=False)
        if name in ASKING | UNNAMED:
            assert answer.status_code == (404 if name in UNNAMED else 422)
            assert answer.headers["content-type"].startswith("text/html") == (f'<html lang="{language}"' in answer.text)
        elif not answer.has_redirect_location:  # the address of a refused form leads back to its page
            check(answer, language)


def test_pages__links_lead_to_pages(client, filled):
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop()
        page = client.get(path)
        assert page.status_code == 200, path
        if not page.headers["content-type"].startswith("text/html"):
            continue
        for link in re.findall(r'<a\b[^>]*\shref="([^"#]+)', page.text):
            target = link.replace("&amp;", "&")
            key = target.split("?")[0]
            if key not in seen and "lang=" not in target:
                seen.add(key)
                waiting.append(target)
    assert len(seen) > 8


def test_head__is_answered_as_get_without_a_body(client, filled):
    """Event streams too, which would never end."""
    paths = [path.replace("{slug}", filled.slug) for name, path in PROJECT_PAGES if name not in ASKING | UNNAMED]
    for path in [*GENERAL_PAGES, *paths, "/jobs/events", "/static/favicon.svg", "/p/missing"]:
        head = client.head(path, follow_redirects=False)
        assert head.content == b"", path
        if path != "/jobs/events":
            get = client.get(path, follow_redirects=False)
            assert head.status_code == get.status_code, path
            assert head.headers.keys() - {"set-cookie"} == get.headers.keys() - {"set-cookie"}, path  # it is set once
        else:
            assert head.headers["content-type"].startswith("text/event-stream")
    assert client.head("/projects/nothing").status_code == 404


def test_json__routes_refuse_other_content_types(client, filled):
    body = '{"request_id": "a", "source": "label", "class_id": null, "changes": []}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(f"/p/{filled.slug}/labels", content=body, headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500


def test_help__lists_all_keys_of_label_mode(client):
    keys = (ROOT / "static/js/label-keys.js").read_text()
    texts = dict(re.findall(r'"(key_\w+)": _\("([^"]+)"\)', (ROOT / "templates/labelling/_texts.html").read_text()))
    used = set(re.findall(r"texts\.(key_\w+)", keys))
    page = client.get("/help").text
    assert len(used) > 20
    assert [name for name in sorted(used) if f"<dd>{texts[name]}</dd>" not in page] == []
