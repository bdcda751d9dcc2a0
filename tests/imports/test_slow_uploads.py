"""Uploads that take their time: what other requests and a restart see of them meanwhile."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from starlette.requests import Request

from app.db.models import Image, ImportEntry
from app.db.session import Database
from app.services import uploads
from app.web.bundles import MEDIA_TYPE, pack
from tests import servers
from tests.imports.pages import uploaded
from tests.imports.pictures import picture, zip_of
from tests.waiting import SECONDS, until

HEADERS = {"Sec-Fetch-Site": "none", "Accept": "application/json"}
BOUNDARY = b"--x\r\nContent-Disposition: form-data; name=files; filename=1.png\r\n\r\n"


@pytest.fixture
def databases(monkeypatch):
    """The databases that the application under test has opened."""
    made = []
    opened = Database.__init__

    def note(self, url):
        opened(self, url)
        made.append(self)

    monkeypatch.setattr(Database, "__init__", note)
    return made


@pytest.fixture
def reading(monkeypatch):
    """Is set once the application begins to read a body."""
    begun = threading.Event()
    stream = Request.stream

    def note(self):
        begun.set()
        return stream(self)

    monkeypatch.setattr(Request, "stream", note)
    return begun


@pytest.fixture
def web(settings, database, databases):
    databases.clear()
    with servers.web(settings) as url, httpx.Client(base_url=url, headers=HEADERS, timeout=SECONDS) as client:
        client.post("/projects", data={"name": "p"})
        yield client


class Slow:
    """A request whose body stops in the middle until ``go_on``."""

    def __init__(self, client: httpx.Client, path: str, body: bytes, **headers: str) -> None:
        self._sent, self._go = threading.Event(), threading.Event()
        self.answer: httpx.Response | None = None

        def parts() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            self._sent.set()
            self._go.wait(SECONDS)
            yield body[len(body) // 2 :]

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, headers=HEADERS | headers, timeout=SECONDS) as own:
                self.answer = own.post(path, content=parts())

        self._thread = threading.Thread(target=ask)
        self._thread.start()
        assert self._sent.wait(SECONDS)

    def go_on(self) -> httpx.Response:
        self._go.set()
        self._thread.join(SECONDS)
        assert self.answer is not None
        return self.answer


def coming(settings):
    return list((settings.data_dir / uploads.FOLDER).glob("*" + uploads.PART))


def test_zip__a_second_one_at_the_same_time_spoils_nothing(web, settings):
    urls = web.post("/p/p/imports", json={"total": 1, "source": "zip"}).json()
    data = zip_of({"cat/1.png": picture(1)})
    first = Slow(web, urls["zip"], data)
    until(lambda: coming(settings))
    second = web.post(urls["zip"], content=data)
    assert (second.status_code, second.json()["error"]["code"]) == (422, "import_zip_coming")
    assert first.go_on().status_code == 202
    third = web.post(urls["zip"], content=data)
    assert (third.status_code, third.json()["error"]["code"]) == (409, "import_has_zip")
    assert [path.name.partition("-")[0] for path in uploaded(settings)] == ["import"]
    assert web.get(urls["report"]).status_code == 200


@pytest.mark.parametrize("kind", ["zip", "files"])
def test_upload__keeps_no_connection_while_it_comes(web, databases, reading, kind):
    urls = web.post("/p/p/imports", json={"total": 1, "source": "zip" if kind == "zip" else "browser"}).json()
    body = zip_of({"1.png": picture(1)}) if kind == "zip" else BOUNDARY + picture(1) + b"\r\n--x--\r\n"
    headers = {} if kind == "zip" else {"Content-Type": "multipart/form-data; boundary=x"}
    reading.clear()
    slow = Slow(web, urls[kind], body, **headers)
    assert reading.wait(SECONDS)
    until(lambda: databases[-1].engine.pool.checkedout() == 0, seconds=20)  # the body comes after a minute at most
    assert slow.go_on().status_code in (200, 202)


@pytest.mark.parametrize("path", ["/p/p/train", "/p/p/splits"])
def test_form__keeps_no_connection_while_it_comes(web, databases, reading, path):
    reading.clear()
    slow = Slow(web, path, b"epochs=20&folds=5", **{"Content-Type": "application/x-www-form-urlencoded"})
    assert reading.wait(SECONDS)
    until(lambda: databases[-1].engine.pool.checkedout() == 0, seconds=20)  # the body comes after a minute at most
    assert slow.go_on().status_code == 422


@pytest.mark.parametrize("kind", ["bundle", "files", "list"])
def test_upload__that_breaks_off_is_no_error_and_leaves_nothing(web, databases, reading, caplog, kind):
    """The tab was closed in the middle of a request: nothing is stored, and the log has no trace."""
    urls = web.post("/p/p/imports", json={"total": 1, "source": "browser"}).json()
    multipart = kind == "files"
    body = BOUNDARY + picture(1) + b"\r\n--x--\r\n" if multipart else pack([({"path": "1.png", "size": 9}, b"x" * 9)])
    media = "multipart/form-data; boundary=x" if multipart else MEDIA_TYPE
    head = f"POST {urls[kind]} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nContent-Type: {media}\r\n"
    place = (web.base_url.host, web.base_url.port)
    route = urls[kind].replace("/p/p/imports/1", "/p/{slug}/imports/{number}")
    reading.clear()
    with caplog.at_level("INFO"), socket.create_connection(place, timeout=SECONDS) as line:
        line.sendall(head.encode() + b"Sec-Fetch-Site: none\r\n\r\n" + body[:-8])
        assert reading.wait(SECONDS)
        line.close()
        until(lambda: [one for one in caplog.records if one.message == "request" and one.fields["route"] == route])
    assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR") or one.exc_info]
    with databases[-1].read() as session:
        assert not session.scalars(sa.select(ImportEntry)).all()
        assert not session.scalars(sa.select(Image)).all()
    assert web.get(urls["report"]).status_code == 200


def test_start__removes_what_no_job_needs(client, settings, project):
    urls = client.post(f"/p/{project.slug}/imports", json={"total": 1, "source": "zip"}).json()
    assert client.post(urls["zip"], content=zip_of({"1.png": picture(1)})).status_code == 202
    (waiting,) = uploaded(settings)
    folder = settings.data_dir / uploads.FOLDER
    for name in ("import-7.zip", "import-8.zip.part", "import-9.mark.part"):
        (folder / name).touch()
    state = client.app.state.miwake
    assert uploads.sweep(state.database, state.store, settings.data_dir) == 3
    assert uploaded(settings) == [waiting]
