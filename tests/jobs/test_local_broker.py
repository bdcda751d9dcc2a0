"""The embedded broker wakes the thread that waits: for a message, and when the worker is told to end."""

import threading
import time
from contextlib import contextmanager

import pytest
from kombu import Connection, Queue

from worker import local_broker

LONG = 600.0


@contextmanager
def waiting(connection):
    """A thread that waits for a message; its end, and what came, in a list."""
    came = []

    def drain():
        try:
            connection.drain_events(timeout=LONG)
        except TimeoutError:
            came.append("nothing")

    with connection.Consumer(Queue("work"), callbacks=[lambda body, _message: came.append(body)], no_ack=True):
        thread = threading.Thread(target=drain, daemon=True)
        thread.start()
        yield came
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def connection(monkeypatch):
    monkeypatch.setattr(local_broker, "_ending", threading.Event())
    with Connection(transport=local_broker.Transport) as made:
        yield made


def test_message__wakes_who_waits(connection):
    started = time.monotonic()
    with waiting(connection) as came, Connection(transport=local_broker.Transport) as other:
        other.SimpleQueue("work").put({"job": 7})
    assert came == [{"job": 7}]
    assert time.monotonic() - started < LONG / 2


def test_end__wakes_who_waits(connection):
    with waiting(connection) as came:
        local_broker.end()
    assert came == ["nothing"]
