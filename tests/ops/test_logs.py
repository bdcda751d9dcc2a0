"""The log: one line for each event, ids on it, nothing from outside that could forge a line."""

import io
import json
import logging
import sys
import threading

import pytest

from app import log_fields
from app.commands import logs
from app.domain.errors import AppError
from app.web import observe

NASTY = "evil\r\nINFO forged\x1b[31m\u2028line\x9b\x00"


def log_error():
    try:
        int(NASTY)
    except ValueError:
        logging.getLogger("app.test").exception("went wrong")


@pytest.fixture
def written(monkeypatch):
    """Lines of the log in a format."""
    out = io.StringIO()
    root = logging.getLogger()
    kept = list(root.handlers)

    def begin(form, wanted="INFO"):
        monkeypatch.setattr(sys, "stderr", out)
        root.handlers[:] = []
        logs.set_up(wanted, form)
        return lambda: out.getvalue().splitlines()

    yield begin
    root.handlers[:] = kept


def test_json__has_time_level_message_and_the_ids(written):
    lines = written("json")
    with log_fields.about(job=7, run=3, attempt=2, request=None):
        logging.getLogger("app.test").info("Job %s begins.", 7)
    logging.getLogger("app.test").info("outside")
    first, second = [json.loads(line) for line in lines()]
    assert first["time"].endswith("Z")
    assert {"level": "INFO", "message": "Job 7 begins.", "job": 7, "run": 3, "attempt": 2}.items() <= first.items()
    assert "request" not in first
    assert "job" not in second


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_from_outside__makes_a_line_or_colours(written, form):
    lines = written(form)
    with log_fields.about(route=NASTY):
        logging.getLogger("app.test").warning("name=%s", NASTY)
    (line,) = lines()
    assert not [char for char in line if ord(char) < 32 or ord(char) in range(127, 160) or char == "\u2028"]
    assert "forged" in line


def test_trace__in_text_every_line_is_marked(written):
    lines = written("text")
    log_error()
    first, *rest = lines()
    assert "ERROR went wrong" in first
    assert rest
    assert all(line.startswith("  | ") and "\x1b" not in line for line in rest)


def test_trace__in_json_is_one_value(written):
    lines = written("json")
    log_error()
    (line,) = lines()
    assert "ValueError" in json.loads(line)["trace"]


def test_fields__of_one_thread_are_not_those_of_another(written):
    lines = written("json")
    with log_fields.about(job=1):
        thread = threading.Thread(target=lambda: logging.getLogger("app.test").info("beside"))
        thread.start()
        thread.join()
    assert "job" not in json.loads(lines()[0])


@pytest.mark.parametrize(("level", "form"), [("LOUD", "text"), ("INFO", "xml")])
def test_set_up__refuses_what_it_does_not_know(level, form):
    with pytest.raises(AppError, match="setting_invalid"):
        logs.set_up(level, form)


def test_request__one_line_with_route_status_and_the_id_of_the_answer(written, client, project):
    written("text")  # which leaves requests out, as a command that ran before in this process may have done
    lines = written("json")
    answer = client.get("/p/blood", headers={"X-Request-Id": "from-outside-1", "Cookie": "theme=canary-cookie"})
    assert answer.headers["x-request-id"] == "from-outside-1"
    mine = [json.loads(line) for line in lines() if observe.__name__ in line]
    assert [(one["method"], one["route"], one["status"], one["request"]) for one in mine] == [
        ("GET", "/p/{slug}", 404, "from-outside-1")
    ]
    assert mine[0]["seconds"] >= 0
    assert "canary-cookie" not in "\n".join(lines())


@pytest.mark.parametrize("wish", ["", "x", "a b c d e f", "a" * 65, "id\x1bid-id"])
def test_request__an_id_that_cannot_be_used_is_replaced(client, wish):
    made = client.get("/healthz", headers={"X-Request-Id": wish}).headers["x-request-id"]
    assert made != wish
    assert len(made) == 16


def test_request__not_in_text_unless_everything_is_asked_for(written, client):
    lines = written("text")
    client.get("/healthz")
    assert not [line for line in lines() if "route=" in line]
