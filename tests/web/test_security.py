"""Whose requests are answered, how large they may be, and what every answer carries."""

import json
import pkgutil
import re
from dataclasses import replace
from importlib import import_module

import pytest
from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.datastructures import Headers

import app.web.routes
from app.db.session import after_commit
from app.main import ROUTES, create_app
from app.web import security
from app.web.deps import StateDep, WriteSession
from app.web.templating import asset
from tests.conftest import ORIGIN, Client

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


VALUES = {"slug": "x", "name": "cells", "class_id": "1", "number": "1", "image_id": "1"}


def own_routes():
    """Every route of our modules."""
    names = [item.name for item in pkgutil.iter_modules(app.web.routes.__path__)]
    return [route for name in names for route in import_module(f"app.web.routes.{name}").router.routes]


def unsafe_paths():
    """Method and filled-in path of every route that changes something."""
    return sorted(
        (method, re.sub(r"{(\w+)}", lambda found: VALUES.get(found[1], "1"), route.path))
        for route in own_routes()
        for method in route.methods & UNSAFE
    )


def test_routes__the_walk_finds_them():
    assert ("POST", "/projects") in unsafe_paths()
    assert ("POST", "/p/x/classes/1/move") in unsafe_paths()


def test_routes__every_module_is_part_of_the_application():
    assert {item.name for item in pkgutil.iter_modules(app.web.routes.__path__)} == set(ROUTES)


def test_routes__are_not_made_anew_for_an_application(settings):
    """That takes a third of a second of the first request."""
    own, made = own_routes(), create_app(settings).routes
    assert len(own) > 100
    assert all(any(route is one for one in made) for route in own)


def test_routes__names_are_given_once():
    names = [route.name for route in own_routes()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Origin": "http://127.0.0.1:8124.evil.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "none", "Origin": "http://evil.example"},
        {"Cookie": "language=en"},
        {},
    ],
    ids=json.dumps,
)
def test_unsafe__from_elsewhere_is_refused_on_every_route(client, headers):
    marked = headers.keys() & {"Origin", "Sec-Fetch-Site"}
    reason = "did not come from a page of this program" if marked else "does not say where it comes from"
    for method, path in unsafe_paths():
        request = client.build_request(method, path, headers=headers, content=b"x" * 10)
        del request.headers["origin"]
        request.headers.update(headers)
        answer = client.send(request)
        assert answer.status_code == 403, f"{method} {path}"
        assert reason in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ORIGIN},
        {"origin": ORIGIN, "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": "https://127.0.0.1:8124"},
    ],
    ids=json.dumps,
)
def test_unsafe__from_our_own_page_is_answered(headers):
    assert security.is_own(Headers({"host": "127.0.0.1:8124", **headers}))


def test_unsafe__without_a_mark_is_told_which_header_a_program_sends(settings, database):
    with Client(create_app(settings), base_url=ORIGIN) as plain:
        answer = plain.post("/projects", data={"name": "x"}, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request_unmarked")
        assert "Sec-Fetch-Site: none" in answer.json()["error"]["message"]
        foreign = plain.post("/projects", headers={"Origin": "http://other", "Accept": "application/json"})
        assert foreign.json()["error"]["code"] == "request_foreign"
        marked = plain.post("/projects", data={"name": "x"}, headers={"Sec-Fetch-Site": "none"})
        assert marked.url.path == "/p/x"


@pytest.mark.parametrize(("origin", "host"), [("http://miwake:80", "miwake"), ("https://Miwake", "miwake:443")])
def test_same_host__default_ports_are_one(origin, host):
    assert security.same_host(origin, host)


def test_safe__from_elsewhere_is_answered(client):
    assert client.get("/", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil",
        "x/help?",
        "",
        "127.0.0.1:8124, evil",
        "0.0.0.0",
        "192.168.0.7:8124",
    ],
)
def test_host__unknown_names_are_refused_before_anything_else(client, host):
    answer = client.post("/projects", data={"name": "x"}, headers={"Host": host, "Origin": f"http://{host}"})
    assert answer.status_code == 400
    assert "Miwake" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8124", "localhost", "LOCALHOST:8124", "[::1]:8124"])
def test_host__own_names_are_answered(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_host__more_names_by_setting(settings, database):
    made = create_app(replace(settings, allowed_hosts="lab-pc, miwake.example"))
    with Client(made, base_url="http://lab-pc") as client:
        assert client.get("/").status_code == 200


def test_body__too_large_is_refused_before_it_is_read(client):
    headers = {"Content-Length": str(security.PAGE_LIMIT + 1), "Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/projects", content=b"name=x", headers=headers)
    assert answer.status_code == 413
    assert "larger than 8 MB" in answer.text


def test_body__without_a_length_is_counted(client):
    def pieces():
        for _ in range(20):
            yield b"name=" + b"x" * 2**19

    answer = client.post("/projects", content=pieces(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413


def test_body__uploads_may_be_larger(settings):
    limit = security.body_limits(settings)
    assert limit("/p/x/imports/1/zip") > settings.max_zip_mb * 2**20
    assert limit("/p/x/imports/1/files") > settings.max_file_mb * 2**20
    assert limit("/p/x/labels") == security.PAGE_LIMIT


def test_commit__that_fails_is_never_a_redirect(settings, database, monkeypatch):
    made = create_app(settings)
    with Client(made, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        client.errors_expected = True

        def fail(_session):
            raise RuntimeError("the disk broke")

        monkeypatch.setattr(Session, "commit", fail)
        answer = client.post("/projects", data={"name": "lost"}, follow_redirects=False)
        assert answer.status_code == 500
        monkeypatch.undo()
        assert "lost" not in client.get("/").text


def test_write_session__gives_the_queue_and_runs_what_follows_the_commit(settings, database):
    router, seen = APIRouter(), []

    @router.post("/probe")
    def probe(session: WriteSession, state: StateDep) -> str:
        after_commit(session, lambda: seen.append(session.info["queue"] is state.queue))
        assert not seen
        return "ok"

    made = create_app(settings)
    made.include_router(router)
    with Client(made, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        assert client.post("/probe").status_code == 200
    assert seen == [True]


def test_static__hash_in_the_address_keeps_it_for_ever(client):
    kept = client.get(asset("css/app.css"))
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    asked = client.get("/static/css/app.css?v=0")
    assert asked.headers["cache-control"] == "no-cache"
    again = client.get("/static/css/app.css", headers={"If-None-Match": asked.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/static/../app/main.py", "/static/%2e%2e/pyproject.toml", "/static/css", "/static/no.css?v=1", "/static/%00"],
)
def test_static__nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


def test_docs__of_the_framework_are_off(client):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
