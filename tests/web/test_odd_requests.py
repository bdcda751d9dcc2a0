"""Requests that no page sends: huge numbers, half letters, broken origins, addresses that look like other sites."""

import re

import pytest

from app.domain.errors import OutOfSpace
from app.services import classes

HUGE = "1" + "0" * 30
GONE = (
    "runs/{n}",
    "runs/{n}.json",
    "runs/{n}/review",
    "runs/{n}/epochs.csv",
    "imports/{n}",
    "imports/{n}/status",
    "images/{n}",
    "images/{n}/original",
    "media/{n}/thumb",
)


@pytest.mark.parametrize("number", ["9223372036854775808", HUGE])
@pytest.mark.parametrize("path", GONE)
def test_huge_number__in_the_address_is_a_missing_page(client, project, path, number):
    answer = client.get(f"/p/{project.slug}/" + path.format(n=number))
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["runs/{n}/stop", "runs/{n}/again", "classes/{n}/move", "imports/{n}/finish"])
def test_huge_number__of_a_change_is_refused(client, project, path):
    answer = client.post(f"/p/{project.slug}/" + path.format(n=HUGE), data={"step": "1"}, follow_redirects=False)
    assert answer.status_code in (404, 422)


def test_huge_step__moves_a_class_to_the_end(client, project, database):
    first = project.classes[0]
    answer = client.post(f"/p/{project.slug}/classes/{first.id}/move", data={"step": HUGE}, follow_redirects=False)
    assert answer.status_code == 303
    with database.read() as session:
        assert classes.listed(session, project)[-1].id == first.id


@pytest.mark.parametrize("text", ["half \ud800 letter", "a" * 64 + "\udfff"])
def test_half_letter__in_json_is_refused(client, project, text):
    body = {"request_id": "r1", "source": "gallery", "class_id": None, "filter": {"q": text}}
    data = str(body).replace("'", '"').replace("None", "null").encode("utf-8", "surrogatepass")
    answer = client.post(f"/p/{project.slug}/labels", content=data, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


def test_half_letter__as_an_escape_is_refused(client, project):
    data = b'{"request_id": "\\ud800", "source": "gallery", "class_id": null, "filter": {}}'
    answer = client.post(f"/p/{project.slug}/labels", content=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "https://]", "http://[x]"])
def test_origin__that_is_no_address_is_foreign(client, origin):
    answer = client.post("/projects", data={"name": "x"}, headers={"Origin": origin})
    assert answer.status_code == 403


def test_language_link__never_leads_to_another_site(client):
    answer = client.get("http://127.0.0.1:8124//evil.example/page")
    assert answer.status_code == 404
    links = re.findall(r'href="([^"]*evil[^"]*)"', answer.text)
    assert links == ["/evil.example/page?lang=ja"]


def test_full_disk__does_not_say_where_the_data_lie(client, project, monkeypatch):
    def full(_store):
        raise OutOfSpace(folder="/secret-place/store")

    monkeypatch.setattr("app.storage.LocalStore.check_space", full)
    number = client.post(f"/p/{project.slug}/imports", json={"total": 1}).json()["number"]
    answer = client.post(
        f"/p/{project.slug}/imports/{number}/files",
        files={"files": ("a.png", b"x")},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 507
    assert "secret-place" not in answer.text
