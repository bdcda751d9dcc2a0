"""The queue against the job table: messages about nothing, and a broker that does not answer."""

from dataclasses import replace

import pytest

from app.domain.enums import JobKind, Lane
from app.queue import Queue
from app.services import jobs
from app.services.checks import broker
from tests import servers


def codes(database, settings):
    with database.read() as session:
        return [(one.code, one.params.get("job")) for one in broker.messages(session, settings)]


def test_embedded__has_nothing_to_look_at(database, settings):
    assert codes(database, settings) == []


def test_broker__that_does_not_answer_is_named(database, settings):
    dead = replace(settings, broker_url=f"redis://:secret-word@127.0.0.1:{servers.free_port()}/0")
    with database.read() as session:
        (found,) = broker.messages(session, dead)
    assert found.code == "check_broker_silent"
    assert "secret-word" not in str(found.params)


@pytest.mark.redis
def test_message__about_a_job_that_is_not_there(database, settings, project, redis_url):
    own = replace(settings, broker_url=redis_url.replace("/0", "/7"))  # the other tests use database 0
    queue = Queue(own.broker_url)
    with database.write() as session:
        session.info[jobs.QUEUE] = queue
        for lane, needs in ((Lane.GPU, ""), (Lane.GPU, "gpu"), (Lane.CPU, "worker:研究室")):
            jobs.create(session, project_id=project.id, kind=JobKind.EXPLAIN, lane=lane, spec={}, needs=needs)
    assert codes(database, own) == []
    queue.announce(4711, Lane.GPU)
    queue.announce(4712, Lane.CPU, "gpu")
    assert codes(database, own) == [("check_message_unknown", 4711), ("check_message_unknown", 4712)]
