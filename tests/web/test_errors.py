"""Error pages: same design, right status, no trace; JSON for callers that ask for it."""

import logging
import re

import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from app.domain.errors import Conflict, Invalid, OutOfSpace
from app.main import create_app
from app.web.deps import WriteSession
from tests.conftest import ORIGIN, Client

pytestmark = pytest.mark.page

JSON = {"Accept": "application/json"}
router = APIRouter()


class Body(BaseModel):
    count: int


@router.get("/fail/{kind}")
def fail(kind: str, session: WriteSession) -> str:
    raise {
        "full": OperationalError("INSERT INTO secret", {}, Exception("database or disk is full")),
        "locked": OperationalError("INSERT INTO secret", {}, Exception("database is locked")),
        "broken": OperationalError("SELECT secret", {}, Exception("no such table: secret")),
        "space": OutOfSpace(folder="/var/secret"),
        "bug": ZeroDivisionError("secret /somewhere/x.py"),
        "conflict": Conflict("class_in_use", name="<b>", count=2),
        "fields": Invalid.of_fields({"epochs": Invalid("class_name_empty")}),
    }[kind]


@router.post("/fail/body")
def body(body: Body) -> str:
    return "ok"


@pytest.fixture
def failing(settings, database):
    app = create_app(settings)
    app.include_router(router)
    with Client(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        client.errors_expected = True
        yield client


@pytest.mark.parametrize(
    ("kind", "status"),
    [("full", 507), ("locked", 503), ("broken", 500), ("space", 507), ("bug", 500), ("conflict", 409), ("fields", 422)],
)
def test_error__is_a_page_in_the_same_design(failing, kind, status):
    page = failing.get(f"/fail/{kind}", headers={"Accept": "text/html"})
    assert page.status_code == status
    assert 'class="shell-header"' in page.text
    assert f"<title>{status} · Miwake</title>" in page.text
    assert "secret" not in page.text
    answer = failing.get(f"/fail/{kind}", headers=JSON)
    assert answer.status_code == status
    assert set(answer.json()["error"]) >= {"code", "message", "params"}
    assert "INSERT" not in answer.text


def test_error__unexpected_shows_an_id_that_is_in_the_log(failing, caplog):
    with caplog.at_level(logging.ERROR):
        page = failing.get("/fail/bug")
    (shown,) = re.findall("<code>([0-9a-f]{8})</code>", page.text)
    record = next(record for record in caplog.records if record.message.startswith("unexpected_error"))
    assert shown in record.message
    assert record.exc_info[0] is ZeroDivisionError


def test_error__json_has_the_parts(failing):
    error = failing.get("/fail/conflict", headers=JSON).json()["error"]
    assert error["code"] == "class_in_use"
    assert error["params"] == {"name": "<b>", "count": 2}
    assert "“<b>”" in error["message"]
    fields = failing.get("/fail/fields", headers=JSON).json()["error"]["fields"]
    assert fields["epochs"]["code"] == "class_name_empty"


def test_error__names_are_escaped_on_the_page(failing):
    page = failing.get("/fail/conflict")
    assert "<b>" not in page.text
    assert "“&lt;b&gt;”" in page.text


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"count": "many"}', b"\xff"])
def test_error__wrong_json_is_422_with_a_code(failing, content):
    answer = failing.post("/fail/body", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["code"] in ("request_invalid", "request_unreadable")


def test_error__unknown_address_and_wrong_method(client):
    page = client.get("/nowhere/<script>")
    assert page.status_code == 404
    assert "<script>" not in page.text.replace('<script type="module"', "")
    answer = client.request("DELETE", "/help")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    error = client.get("/nowhere", headers=JSON).json()["error"]
    assert error["code"] == "page_missing"
    assert error["params"] == {"path": "/nowhere", "method": "GET"}


def test_error__in_japanese(client):
    page = client.get("/nowhere", headers={"Accept-Language": "ja"})
    assert page.status_code == 404
    assert '<html lang="ja"' in page.text


def test_ready__says_when_the_disk_is_full(client, monkeypatch):
    assert client.get("/readyz").json()["status"] == "ready"

    def full(_store):
        raise OutOfSpace(folder="x")

    monkeypatch.setattr("app.storage.LocalStore.check_space", full)
    assert client.get("/readyz").status_code == 507
