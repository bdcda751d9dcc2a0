"""Redis as a laboratory runs it for many hosts: with a password and TLS, checked, and no password in any text."""

import dataclasses
import logging
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import kombu.pools
import pytest
import redis as client

from app.commands import logs
from app.config import Settings
from app.domain.enums import JobState
from app.queue import Queue
from app.services import imports, uploads
from app.services.jobs import workers_alive
from tests import certificates, factories, servers
from tests.certificates import Certificates
from tests.chaos.site import Process
from tests.jobs import processes

pytestmark = pytest.mark.redis

PASSWORD = "p@ss/CANARY:+%1"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and its server."""
    return certificates.make(tmp_path_factory.mktemp("pem"))


@pytest.fixture(scope="module")
def broker(pem: Certificates) -> Iterator[str]:
    """A Redis that speaks TLS only and wants a password."""
    try:
        with servers.redis(PASSWORD, pem) as url:
            yield url
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED WITH REDIS: {missing}")


@pytest.fixture(autouse=True)
def no_old_connections() -> None:
    """The library keeps connections by address alone: one that was checked would serve a test that must be refused."""
    kombu.pools.reset()


def waiting(broker: str, pem: Certificates, queue: str) -> int:
    with client.Redis.from_url(broker, ssl_ca_certs=str(pem.ca)) as connection:
        return int(connection.llen(queue))


def test_announce__arrives(broker, pem, caplog):
    Queue(broker, str(pem.ca)).announce(7, "tls-test")
    assert waiting(broker, pem, "tls-test") == 1
    assert caplog.text == ""


@pytest.mark.parametrize("wrong", ["authority", "system", "name", "password", "plain"])
def test_announce__a_server_or_password_that_is_wrong_is_refused_and_said_without_the_password(
    broker, pem, wrong, tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    url, ca = broker, str(pem.ca)
    if wrong == "authority":
        ca = str(certificates.make(tmp_path / "other").ca)
    elif wrong == "system":
        ca = ""
    elif wrong == "name":
        url = broker.replace("127.0.0.1", "localhost")
    elif wrong == "password":
        url = broker.replace("CANARY", "CANARY2")
    else:
        url = broker.replace("rediss:", "redis:")
    Queue(url, ca).announce(7, f"tls-{wrong}")
    assert "could not be announced" in caplog.text
    assert waiting(broker, pem, f"tls-{wrong}") == 0
    assert "CANARY" not in caplog.text


@pytest.mark.slow
def test_worker__takes_work_over_tls_and_its_log_has_no_password(settings, database, store, broker, pem, tmp_path):
    settings = dataclasses.replace(
        settings, broker_url=broker, broker_ca_file=str(pem.ca), log_level="DEBUG", warm=0, resend_seconds=60.0,
        start_method="spawn",
    )  # fmt: skip
    worker = Process(("-m", "worker", "--end-with-parent"), settings, tmp_path / "log", (), {})
    try:
        processes.wait_for("the worker", lambda: alive(database))
        job_id = begin_import(settings, database, store)
        assert processes.ended(database, job_id).state == JobState.DONE
    finally:
        worker.end()
    text = worker.log.read_text()
    assert f"Job {job_id} (import) begins" in text
    assert "CANARY" not in text


def alive(database) -> bool:
    with database.read() as session:
        return bool(workers_alive(session))


def begin_import(settings: Settings, database, store) -> int:
    """A zip of two pictures; the worker hears of it only by the message."""
    path = settings.data_dir / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2):
            archive.writestr(f"好中球/{number}.png", factories.png(number))
    with database.write() as session:
        project = factories.make_project(session, "袋", ())
        import_id = imports.create(session, project, source="zip", name="袋.zip", actor="tester").id
    queue = Queue(settings.broker_url, settings.broker_ca_file)
    uploads.accept(database, store, queue, import_id, path, max_file_bytes=2**20)
    with database.read() as session:
        found: int = imports.open_batch(session, import_id).options["job"]
        return found


def test_log__takes_passwords_out_of_messages_fields_and_traces(capsys):
    settings = Settings(
        broker_url="rediss://:p%40ss%2FCANARY@h/0", database_url="postgresql://u:CANARY%20two@h/d", s3_secret="CANARY3"
    )
    assert "CANARY" not in repr(settings)
    logger = logging.getLogger("test.masked")
    try:
        for form in ("text", "json"):
            logs.set_up("INFO", form, settings.masked)
            try:
                int("CANARY two or CANARY%20two")
            except ValueError:
                logger.exception("to %s and p@ss/CANARY", settings.broker_url, extra={"fields": {"key": "CANARY3"}})
        logger.info("plain")
    finally:
        logging.basicConfig(handlers=[logging.StreamHandler(sys.stderr)], force=True, level="WARNING")
    said = capsys.readouterr().err
    assert "CANARY" not in said
    assert said.count("***") >= 8
    assert Path(__file__).name in said, "the trace itself is there"
