"""Files of weights: downloaded as a whole or not at all, by a worker or a command that was asked to."""

import hashlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from app.commands import line
from app.commands.common import Exit
from app.db.run_models import Job
from app.domain import backbones
from app.domain.backbones import Backbone
from app.domain.enums import JobState, Lane
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from app.services import jobs, projects, rates, runs, web_pieces, weight_download, weight_jobs, weight_places
from tests.jobs import processes
from tests.jobs.rows import claim, row
from tests.jobs.weight_server import CONTENT, Served, serving
from tests.train.pages import JSON, form_of, rows_of
from worker import runner

PART = {"HX-Request": "true"}
RECIPE = Recipe(architecture="vgg16", image_size=64)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture
def about(monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """VGG16 with a small file in place of its own."""
    monkeypatch.setattr(weight_download, "PAUSE_SECONDS", 0.0)
    digest = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    small = replace(backbones.KNOWN["vgg16"], digest=digest, size=len(CONTENT))
    monkeypatch.setitem(backbones.KNOWN, "vgg16", small)
    return small


def got(about: Backbone, url: str, folder: Path, should_stop: Callable[[], bool] = lambda: False) -> list[int]:
    told: list[int] = []
    weight_download.download(about, url, folder, lambda done, _total: told.append(done), should_stop)
    return told


def test_download__is_whole_and_asked_for_once(tmp_path, served, about):
    folder = tmp_path / "made" / "weights"
    assert got(about, served.url, folder)[-1] == len(CONTENT)
    assert got(about, served.url, folder) == []
    assert served.asked == [(f"/keras/vgg16/{about.file}", "")]
    assert [path.name for path in folder.iterdir()] == [about.file]
    assert (folder / about.file).read_bytes() == CONTENT


def test_download__that_is_cut_goes_on_where_it_ended(tmp_path, served, about):
    served.cuts = [100_000, 300_000]
    got(about, served.url, tmp_path)
    assert [wanted for _path, wanted in served.asked] == ["", "bytes=100000-", "bytes=300000-"]
    assert (tmp_path / about.file).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"cuts": [1000] * 9}, "weights_cut"),
        ({"content": CONTENT[:-1] + b"x"}, "weights_differ"),
        ({"content": CONTENT * 3}, "weights_differ"),
        ({"status": 404}, "weights_refused"),
        ({"length": 10**9}, "weights_differ"),  # never asked of the disk, and not read to its end
        ({"part": "bytes 1000000000-1000000511/1000000512"}, "weights_refused"),  # a hole before it
        ({"part": "all of it"}, "weights_refused"),
        ({"moved": "file:///etc/passwd"}, "weights_refused"),
    ],
)
def test_download__that_fails_leaves_nothing_and_what_was_there(tmp_path, served, about, wrong, code):
    for name, value in wrong.items():
        setattr(served, name, value)
    (tmp_path / about.file).write_bytes(b"another file that somebody put there")
    with pytest.raises(AppError) as refused:
        got(about, served.url, tmp_path)
    assert refused.value.code == code
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        about.file: b"another file that somebody put there"
    }


def test_download__a_server_that_leads_on_is_followed_within_the_web_alone(tmp_path, served, about):
    served.moved = "ftp://127.0.0.1:9/x"
    with pytest.raises(AppError) as refused:
        got(about, served.url, tmp_path)
    assert refused.value.params["reason"] == "unknown url type: ftp"
    assert len(served.asked) == 1


def test_download__what_a_server_says_becomes_one_readable_line(tmp_path, served, about):
    served.moved = "/keras/again"  # for ever
    with pytest.raises(AppError) as refused:
        got(about, served.url, tmp_path)
    assert str(refused.value.params["reason"]).isprintable()


def test_download__without_room_on_the_disk(tmp_path, served, about, monkeypatch):
    monkeypatch.setattr(weight_download, "FLOOR_BYTES", 10**18)
    with pytest.raises(AppError, match="disk_full"):
        got(about, served.url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_download__offline_says_so_within_seconds(tmp_path, about, monkeypatch):
    monkeypatch.setattr(web_pieces, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(AppError) as unanswered:
            got(about, url, tmp_path)
    with pytest.raises(AppError) as closed:
        got(about, url, tmp_path)
    for error in (unanswered.value, closed.value):
        assert error.code == "weights_unreachable"
        assert error.params["url"] == f"{url}/vgg16/{about.file}"
        assert error.params["folder"] == str(tmp_path)
    assert closed.value.params["reason"] == "Connection refused"
    assert list(tmp_path.iterdir()) == []


def test_download__stops_while_nothing_comes(tmp_path, served, about):
    served.stalls = True
    began = time.monotonic()
    with pytest.raises(web_pieces.Stopped):
        got(about, served.url, tmp_path, lambda: bool(served.asked) and time.monotonic() > began + 0.5)
    assert time.monotonic() < began + web_pieces.STALL_SECONDS / 2
    assert list(tmp_path.iterdir()) == []


def test_download__into_what_is_no_folder_is_refused(tmp_path, served, about):
    (tmp_path / "weights").write_bytes(b"")
    with pytest.raises(AppError, match="weights_folder_unusable"):
        got(about, served.url, tmp_path / "weights")
    assert served.asked == []


@pytest.fixture
def slug(database) -> str:
    return rows_of(database, {"好中球": 30, "単球": 30}).slug


def work(settings, database, store, job_id: int) -> Job:
    """Have one job done as a worker does it."""
    made = processes.parts(settings, database, store)
    with database.write() as session:
        jobs.heartbeat(session, made.name, made.info())
    taken = claim(database, job_id, owner=made.name)
    runner.run(made, taken)
    return row(database, job_id)


def waiting(database) -> list[Job]:
    with database.read() as session:
        return list(session.scalars(sa.select(Job).order_by(Job.id)))


def test_form__has_a_file_downloaded_and_then_trains(client, settings, database, store, served, about, slug):
    settings = replace(settings, weights_url=served.url)
    typed = form_of(RECIPE, name="最初", epochs="7")
    page = client.get(f"/p/{slug}/train", params=typed).text
    assert f'formaction="/p/{quote(slug)}/weights/vgg16/download"' in page
    assert "Download (512 KB)" in page
    assert "licence CC BY 4.0" in page
    assert f"from {backbones.PUBLIC}/vgg16/{about.file}" in page
    assert f"Or put the file {about.file} into the folder {settings.weights_folder} by hand." in page
    assert "This would work: Network: EfficientNet-Lite0, pretrained (always there)" in page
    refused = client.post(f"/p/{slug}/train", data=typed)
    assert refused.status_code == 422
    assert f"needs the file of weights {about.file}" in refused.text[refused.text.index('id="summary"') :]
    assert waiting(database) == [], "looking at the form downloads nothing"
    for _ in range(2):  # the second press finds the download of the first
        answer = client.post(f"/p/{slug}/weights/vgg16/download", data=typed, follow_redirects=False)
        assert answer.status_code == 303
    again = client.get(answer.headers["location"]).text
    assert 'name="epochs" value="7"' in again
    assert "no worker answers" in again[again.index('id="weights-vgg16"') :]
    (job,) = waiting(database)
    assert (job.kind, job.lane, job.spec) == ("weights", Lane.CPU, {"name": "vgg16"})
    done = work(settings, database, store, job.id)
    assert (done.state, done.progress["done"], done.progress["total"]) == (JobState.DONE, len(CONTENT), len(CONTENT))
    assert re.search(r"<dt>Files of weights</dt><dd>VGG16</dd>", client.get("/jobs").text)
    fresh = client.get(f"/p/{slug}/train", params=typed).text
    assert 'id="weights-vgg16"' not in fresh
    assert "needs the file of weights" not in fresh
    assert client.post(f"/p/{slug}/train", data=typed, follow_redirects=False).status_code == 303


def test_form__shows_a_failure_and_stops_a_download(client, settings, database, store, served, about, slug):
    served.status = 503
    sent = client.post(f"/p/{slug}/weights/vgg16/download", json={}, headers=JSON)
    assert (sent.status_code, sent.json()["state"]) == (202, "queued")
    failed = work(replace(settings, weights_url=served.url), database, store, sent.json()["job"])
    assert (failed.state, failed.error_code) == (JobState.FAILED, "weights_refused")
    part = client.get(f"/p/{slug}/weights", params={"architecture": "vgg16"}, headers=PART).text
    assert "was answered with HTTP 503" in part
    assert 'id="download-vgg16"' in part
    second = client.post(f"/p/{slug}/weights/vgg16/download", json={}, headers=JSON).json()["job"]
    assert second != failed.id
    assert client.post(f"/p/{slug}/weights/vgg16/stop", json={}, headers=JSON).status_code == 200
    assert row(database, second).state == JobState.CANCELLED
    for name in ("conv2", "efficientnet-lite0", "..%2F"):
        assert client.post(f"/p/{slug}/weights/{name}/download", json={}, headers=JSON).status_code == 404
    wrong = client.post(f"/p/{slug}/weights/vgg16/download", json={"needs": "moon"}, headers=JSON)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "needs_unknown")
    assert "File of weights of VGG16" in client.get("/jobs").text


def test_start__is_refused_where_the_file_is_missing_on_all_workers(client, database, about, slug):
    def alive(name: str, names: list[str]) -> None:
        info: dict[str, Any] = {"host": name, "slots": {"gpu": 1}}
        info[weight_places.TOLD] = {"folder": f"/data/{name}", "names": names}
        with database.write() as session:
            jobs.heartbeat(session, f"{name}:1", info)

    alive("a", [])
    values = {**RECIPE.flat(), "augmented_classes": []}
    answer = client.post(f"/p/{slug}/train", json=values, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "backbone_file_missing")
    assert "“/data/a”" in answer.json()["error"]["message"]
    with database.write() as session, pytest.raises(Invalid, match="backbone_file_missing"):
        rates.start(session, projects.by_slug(session, slug), RECIPE)
    with database.write() as session:  # one machine gets one file, however it was named
        here = projects.by_slug(session, slug)
        assert weight_jobs.order(session, here, "vgg16") is weight_jobs.order(session, here, "vgg16", "worker:a")
    alive("b", ["vgg16"])
    part = client.get(f"/p/{slug}/weights", params={"architecture": "vgg16"}, headers=PART).text
    assert "The file is missing on a, and a training there would fail" in part
    with database.write() as session:
        here = projects.by_slug(session, slug)
        assert weight_jobs.order(session, here, "vgg16").needs == "worker:a"
        with pytest.raises(Invalid, match="backbone_file_missing"):
            runs.create(session, here, RECIPE, actor="test", how=runs.How(needs="worker:a"))
        assert runs.create(session, here, RECIPE, actor="test").number == 1


def test_command__lists_and_downloads(settings, database, served, about, slug, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MIWAKE_WEIGHTS_URL", served.url)

    def said(*words: str) -> Any:
        assert line.main(["weights", *words, "--json"]) == Exit.OK
        return json.loads(capsys.readouterr().out)

    assert {one["state"] for one in said()} == {"missing"}
    assert line.main(["train", slug, "--preset", "transfer", "--set", "architecture=vgg16"]) == Exit.USAGE
    assert f"needs the file of weights {about.file}" in capsys.readouterr().err
    assert served.asked == []
    (one,) = said("vgg16", "--download")
    assert (one["state"], one["bytes"], one["url"]) == ("there", len(CONTENT), f"{served.url}/vgg16/{about.file}")
    Path(one["file"]).write_bytes(b"cut short")
    assert said("vgg16")[0]["state"] == "wrong"
    served.status = 404
    assert line.main(["weights", "vgg16", "--download"]) == Exit.FAILED
    assert "HTTP 404" in capsys.readouterr().err
    assert line.main(["weights", "conv2"]) == Exit.USAGE
    monkeypatch.setenv("MIWAKE_WEIGHTS_URL", "ftp://lab/files")
    assert line.main(["weights"]) == Exit.UNUSABLE
