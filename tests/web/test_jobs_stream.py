"""The event stream of the jobs page: what comes, what comes again after a break, through a proxy, at the end."""

import contextlib
import json
import re
import select
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from app.domain.enums import JobKind, Lane
from app.main import create_app
from app.services import jobs
from app.web import events, job_board
from tests.web.proxy import Proxy

pytestmark = pytest.mark.slow
GRACE_SECONDS = 120  # far more than the tests wait: streams end because they are told to, not because it is over
WAIT_SECONDS = 60


@pytest.fixture
def server(settings, database):
    """The address of a real server with the pages of ``settings``, and the server itself."""
    app = create_app(settings)
    made = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=GRACE_SECONDS))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]})
        thread.start()
        while not made.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", made, app, thread
        events.shutdown(app)
        made.should_exit = True
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


@pytest.fixture
def add(database, project):
    def make(**values) -> int:
        with database.write() as session:
            lane = values.pop("lane", Lane.CPU)
            kind = values.pop("kind", JobKind.EXPLAIN)
            return jobs.create(session, project_id=project.id, kind=kind, lane=lane, spec={}, **values).id

    return make


def shown(client_or_url) -> str:
    """The digests that the page shows."""
    text = client_or_url.get("/jobs").text if hasattr(client_or_url, "get") else httpx.get(f"{client_or_url}/jobs").text
    found = re.search(r'data-shown="([^"]+)"', text)
    assert found
    return found.group(1)


@contextlib.contextmanager
def opened(url, after="", last_id=""):
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with httpx.stream(
        "GET", f"{url}/jobs/events", params={"after": after}, headers=headers, timeout=WAIT_SECONDS
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert "no-cache" in answer.headers["cache-control"]
        yield parsed(answer.iter_lines())


def parsed(lines):
    """(name of the part, html, id) of each event."""
    number, data = "", ""
    for line in lines:
        if line.startswith("id: "):
            number = line[4:]
        elif line.startswith("data: "):
            data = line[6:]
        elif not line and data:
            values = json.loads(data)
            yield values["name"], values["html"], number
            data = ""


def test_stream__a_page_that_is_new_gets_nothing_until_something_changes(server, add):
    url = server[0]
    with opened(url, after=shown(url)) as stream:
        began = time.monotonic()
        job_id = add()
        changed = {}
        while "waiting" not in changed:
            name, html, _ = next(stream)
            changed[name] = html
        assert f'id="job-{job_id}"' in changed["waiting"]
        assert set(changed) <= {"alert", "waiting", "disk"}
        assert time.monotonic() - began < job_board.DRAWN_SECONDS / 2  # nobody waited for the next drawing by the clock


def test_stream__after_a_break_exactly_what_has_changed_meanwhile(server, add, database):
    url = server[0]
    first = add()
    with opened(url) as stream:
        parts = [next(stream) for _ in job_board.PARTS]
    assert [name for name, _, _ in parts] == list(job_board.PARTS)
    number = parts[-1][2]
    second = add()
    with database.write() as session:
        jobs.cancel(session, first)
    with opened(url, last_id=number) as stream:
        (one, html, _), (two, other, last) = next(stream), next(stream)
    assert (one, two) == ("waiting", "ended")
    assert f"job-{second}" in html
    assert f"job-{first}" in other
    assert last.split(".")[0] == number.split(".")[0]


def test_stream__a_page_that_comes_after_a_change_is_not_given_what_was_drawn_before(server, add, database):
    url = server[0]
    job_id = add()
    with opened(url) as stream:
        assert any(f"job-{job_id}" in html for name, html, _ in (next(stream) for _ in job_board.PARTS))
    with database.write() as session:
        jobs.cancel(session, job_id)
    with opened(url) as stream:
        parts = {name: html for name, html, _ in (next(stream) for _ in job_board.PARTS)}
    assert f"job-{job_id}" not in parts["waiting"]
    assert f"job-{job_id}" in parts["ended"]


def test_stream__an_id_of_something_else_gets_everything(server):
    with opened(server[0], last_id="77") as stream:
        assert [next(stream)[0] for _ in job_board.PARTS] == list(job_board.PARTS)


def test_stream__through_a_proxy_that_buffers_what_it_may(server, add):
    """As nginx does: an answer is held back until it ends or 8 KB have come, unless it says otherwise."""
    url = server[0]
    with Proxy(url) as proxy:
        after = shown(proxy.url)
        with opened(proxy.url, after=after) as stream:
            began = time.monotonic()
            job_id = add()
            html = next(html for name, html, _ in stream if name == "waiting")
            assert f"job-{job_id}" in html
            assert time.monotonic() - began < job_board.DRAWN_SECONDS / 2
        assert proxy.held_back > 0  # the page itself went through the buffer


def test_shutdown__with_50_open_streams_does_not_wait_for_them(server):
    url, made, app, thread = server
    host, port = url.removeprefix("http://").split(":")
    request = f"GET /jobs/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(50)]
        for stream in streams:
            stream.sendall(request)
        for stream in streams:
            stream.settimeout(WAIT_SECONDS)
            assert b"200 OK" in stream.recv(400)
        began = time.monotonic()
        events.shutdown(app)  # as the signal handler of the command does
        made.should_exit = True
        thread.join(WAIT_SECONDS)
        seconds = time.monotonic() - began
        assert not thread.is_alive()
        for stream in streams:  # all were ended by the server, none was left hanging
            while select.select([stream], [], [], 0)[0] and stream.recv(65536):
                pass
    print(f"shutdown with 50 open streams: {seconds:.2f} s")
    assert seconds < GRACE_SECONDS / 4


def test_draw__once_for_all_pages(server, add, monkeypatch):
    drawn = []
    draw = job_board.Board.draw

    def counted(board, language):
        drawn.append(language)
        return draw(board, language)

    monkeypatch.setattr(job_board.Board, "draw", counted)
    url = server[0]
    after = shown(url)
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(opened(url, after=after)) for _ in range(10)]
        drawn.clear()
        job_id = add()
        for stream in streams:
            assert any(f"job-{job_id}" in html for name, html, _ in stream if name == "waiting")
    assert len(drawn) < len(streams)  # two or three times: the disk is measured meanwhile


def test_disk__is_counted_again_soon_while_counting_is_quick(server, store, monkeypatch):
    monkeypatch.setattr(job_board, "NEWEST", 0.0)
    monkeypatch.setattr(job_board, "DRAWN_SECONDS", 0.1)
    with opened(server[0]) as stream:
        assert any("0 files" in html for name, html, _ in stream if name == "disk")
        store.put(b"a picture")
        assert any("1 file<" in html for name, html, _ in stream if name == "disk")
