"""The event stream through a real uvicorn: resume without gap or repeat, the end of a run, stopping the server."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from sqlalchemy.exc import OperationalError

from app.db.run_models import Job
from app.domain.enums import JobState
from app.main import create_app
from app.services import progress
from app.web import events
from tests.inspect import factory

URL = "/p/blood/runs/1/events"


@pytest.fixture
def running(database, store, made):
    with database.write() as session:
        run = factory.run(session, store, made, folds=0, state=JobState.RUNNING)
        for epoch in range(1, 4):
            factory.add_epoch(session, run, 0, epoch)
    return run


@pytest.fixture
def server(settings):
    """The address of a real server with the pages of ``settings``, and the server itself."""
    app = create_app(settings)
    made = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=120))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]})
        thread.start()
        while not made.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", made, app
        events.shutdown(app)
        made.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def parsed(lines):
    """Events of a stream as (name, id, data), as they come."""
    event, number, data = None, None, None
    for line in lines:
        if not line:
            if event:
                yield event, number, json.loads(data or "null")
            event, number, data = None, None, None
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "id":
            number = int(value)
        elif name == "data":
            data = value


@contextlib.contextmanager
def opened(server, last_id=None, after=None):
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    query = {} if after is None else {"after": str(after)}
    with httpx.stream("GET", server[0] + URL, headers=headers, params=query, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parsed(answer.iter_lines())


def test_stream__brings_new_epochs_with_the_ids_of_their_rows(server, database, running):
    with opened(server) as stream:
        first = [next(stream) for _ in range(4)]
        assert [name for name, _, _ in first] == ["epoch"] * 3 + ["progress"]
        with database.write() as session:
            row = factory.add_epoch(session, running, 0, 4)
        name, number, data = next(one for one in stream if one[0] == "epoch")
    assert (name, number, data["epoch"]) == ("epoch", row.id, 4)
    assert set(data) >= {"fold", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}


def test_stream__resumes_without_gap_or_repeat(server, database, running):
    seen = []
    with opened(server) as stream:
        seen += [next(stream) for _ in range(2)]  # then the connection breaks
    with database.write() as session:
        for epoch in (4, 5):
            factory.add_epoch(session, running, 0, epoch)
    with opened(server, last_id=seen[-1][1]) as stream:
        seen += [next(stream) for _ in range(3)]
    assert [data["epoch"] for _, _, data in seen] == [1, 2, 3, 4, 5]
    with opened(server, after=seen[-1][1]) as stream:
        assert next(stream)[0] == "progress"


def test_stream__ends_with_the_run(server, database, running):
    with opened(server) as stream:
        assert next(stream)[0] == "epoch"
        with database.write() as session:
            session.get_one(Job, running.job_id).state = JobState.DONE
        rest = list(stream)
    assert rest[-1] == ("end", None, {"state": "done"})
    assert rest[-2][0] == "progress"
    assert rest[-2][2]["share"] == 1.0


def test_stream__of_a_run_that_ended_long_ago(client, kfold):
    answer = client.get(URL, params={"after": 10**6})
    names = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names == ["progress", "end"]


def test_stream__at_most_two_progress_events_a_second(server, database, running):
    with opened(server, after=10**6) as stream:
        next(stream)
        began, count = time.monotonic(), 0
        for done in range(60):
            with database.write() as session:
                session.get_one(Job, running.job_id).progress = {"fold": 0, "epoch": 4, "done": done, "total": 60}
        with database.write() as session:
            session.get_one(Job, running.job_id).state = JobState.DONE
        count = sum(name == "progress" for name, _, _ in stream)
        seconds = time.monotonic() - began
    assert 1 <= count <= 2 * seconds + 2


def test_stream__words_in_the_readers_language(client, kfold):
    answer = client.get(URL, params={"after": 10**6}, headers={"Accept-Language": "ja"})
    assert "event: progress" in answer.text


def test_stream__refuses_an_unusable_id(client, kfold):
    assert client.get(URL, headers={"Last-Event-ID": "x"}).status_code == 422


def test_shutdown__open_streams_do_not_hold_the_server(server, running):
    _, made, app = server
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(opened(server, after=10**6)) for _ in range(5)]
        assert [next(stream)[0] for stream in streams] == ["progress"] * 5
        began = time.monotonic()
        events.shutdown(app)
        made.should_exit = True
        rest = [event for stream in streams for event in stream]
        assert all(name == "progress" for name, _, _ in rest)  # no "end": the browsers shall come back
        while made.started and made.servers and any(one.is_serving() for one in made.servers):
            time.sleep(0.01)
        assert time.monotonic() - began < 20  # the server would wait six times as long for them


def test_shutdown__a_stream_that_has_much_to_tell_does_not_finish_it(database, running):
    async def told():
        hub = events.Hub(database)
        seen = []
        async for event in hub.stream(running.id, 0, lambda _now: {}):
            seen.append(event.event)
            if event.event == "epoch":
                hub.shutdown()
        return seen

    with ThreadPoolExecutor(1) as other:  # as below
        assert other.submit(asyncio.run, told()).result() == [None, "epoch"]


def test_stream__ends_without_an_error_when_the_database_does_not_answer(database, running, monkeypatch):
    def gone(*_arguments, **_more):
        raise OperationalError("SELECT", {}, ConnectionError("restarting"))

    async def told():
        return [event.event async for event in events.Hub(database).stream(running.id, 0, lambda _now: {})]

    monkeypatch.setattr(progress, "snapshot", gone)
    with ThreadPoolExecutor(1) as other:  # as below
        assert other.submit(asyncio.run, told()).result() == [None]


def test_hub__one_poller_for_all_and_none_when_nobody_watches(database, running, statements):
    async def watch():
        hub = events.Hub(database)
        streams = [hub.stream(running.id, 10**6, lambda now: {"share": now.share}) for _ in range(20)]
        for stream in streams:
            first = await anext(stream)
            assert first.retry == events.RETRY_MS
            assert (await anext(stream)).event == "progress"
        statements.clear()

        async def following(stream):
            return await anext(stream)

        waits = [asyncio.create_task(following(stream)) for stream in streams]
        await asyncio.sleep(3.2 * events.INTERVAL)
        looks = [one for one in statements if "FROM run JOIN job AS own" in one]
        assert 1 <= len(looks) < len(streams)  # three; a busy machine may sleep longer
        hub.shutdown()
        ended = await asyncio.gather(*waits, return_exceptions=True)
        assert all(isinstance(one, StopAsyncIteration) or getattr(one, "event", "") == "progress" for one in ended)
        for stream in streams:
            await stream.aclose()
        assert hub._wakes == {}

    with ThreadPoolExecutor(1) as other:  # the browser tests keep a loop running in this thread
        other.submit(asyncio.run, watch()).result()
