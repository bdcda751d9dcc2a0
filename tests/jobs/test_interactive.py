"""Questions through pages, table and a real worker: answered at once, also after its process was killed."""

import io
import json
import os
import signal
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.db.run_models import Explanation, Job, RunFold
from app.domain.enums import JobState
from tests.inspect import factory
from tests.jobs import processes, trained

pytestmark = [pytest.mark.slow, pytest.mark.ml]

JSON = {"Accept": "application/json", "Sec-Fetch-Site": "none"}


@pytest.fixture
def run(database, store):
    """Run 1 of two folds with models that answer."""
    with database.write() as session:
        return trained.run(session, store, factory.project(session, store, train=4, test=2), folds=2)


@pytest.fixture
def client(live_server):
    with httpx.Client(base_url=live_server, headers=JSON, timeout=120) as made:
        yield made


@pytest.fixture
def at_desk(desk):
    """A client of its pages."""
    with httpx.Client(base_url=desk.address, headers=JSON, timeout=120) as made:
        yield made


def ask(client, **form):
    """What the run says; a worker that has only just been started may need longer than one request waits."""
    answer = client.post("/p/blood/runs/1/try?wait=30", **form)
    while answer.status_code == 202:
        answer = client.get(f"/p/blood/runs/1/try/{answer.json()['job']}?wait=30")
    assert answer.status_code == 200, answer.text
    return answer.json()


def warm_process(worker):
    """The id of the process that answers."""
    below = processes.descendants(worker.process.pid)
    servers = [pid for pid, words in below.items() if "forkserver" in words]
    found = [pid for server in servers for pid in processes.descendants(server)]
    return found[0] if len(found) == 1 else None


def expected(desk, digest):
    """What the two models say, computed here."""
    from worker.ml import data, predict, saving  # noqa: PLC0415 - TensorFlow

    with desk.database.read() as session:
        weights = session.scalars(sa.select(RunFold.weights_sha256).order_by(RunFold.fold)).all()
    pictures = data.square(desk.store.get(digest), trained.RECIPE)[None]
    return np.mean([predict.probabilities(saving.load(desk.store.get(one)), pictures)[0] for one in weights], axis=0)


def test_prediction__of_a_file_and_of_an_image(at_desk, desk):
    sent = factory.drawing(1, 77, side=64)
    values = ask(at_desk, files={"picture": ("新しい.png", sent, "image/png")})
    digest = desk.store.put(sent)
    np.testing.assert_allclose(list(values["probabilities"].values()), expected(desk, digest), atol=1e-5)
    assert len(values["models"]) == 2
    assert next(iter(values["heat_maps"])) == values["predicted"]
    assert at_desk.get(values["heat_maps"]["単球"]).headers["content-type"] == "image/png"
    with desk.database.read() as session:
        image = session.scalars(sa.select(Image)).first()
    values = ask(at_desk, data={"image": str(image.id), "layer": "conv1"})
    wanted = expected(desk, image.canonical_sha256)
    np.testing.assert_allclose(list(values["probabilities"].values()), wanted, atol=1e-5)
    assert (values["layer"], values["views"]) == ("conv1", "none")
    turned = ask(at_desk, data={"image": str(image.id), "views": "turns"})
    assert (turned["views"], turned["view_count"]) == ("turns", 8)
    assert turned["probabilities"] != values["probabilities"]
    with desk.database.read() as session:
        epoch = session.scalars(sa.select(RunFold.best_epoch).where(RunFold.fold == 1)).one()
    for _ in range(2):  # the second time it is there already
        answer = at_desk.post("/p/blood/runs/1/weights", data={"model": "2", "epoch": str(epoch)})
        assert answer.headers["content-type"] == "application/zip", answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["model.keras", "model.json", "predict.py", "weights.zip"]
        assert json.loads(archive.read("model.json"))["model"] == 2
    with desk.database.read() as session:
        assert sum("weights" in spec for spec in session.scalars(sa.select(Job.spec))) == 1
    missing = at_desk.post("/p/blood/runs/1/weights", data={"model": "2", "epoch": "999"})
    assert missing.json()["error"]["code"] == "weights_not_kept"


def test_heat_map__on_demand_is_stored(at_desk, desk):
    form = {"item": 3, "fold": -1, "layer": "conv1", "position": 2}
    answer = at_desk.post("/p/blood/runs/1/explain?wait=30", data=form).json()
    while not answer["finished"]:
        answer = at_desk.get(f"{answer['url']}?wait=30").json()
    assert answer["state"] == "done"
    with desk.database.read() as session:
        made = session.scalars(sa.select(Explanation).where(Explanation.layer == "conv1")).one()
    assert (made.item_id, made.fold, made.class_position) == (3, -1, 2)
    assert desk.store.get(made.sha256).startswith(b"\x89PNG")


def test_kill__of_the_process_costs_a_moment_and_no_answer(at_desk, desk):
    first = ask(at_desk, data={"image": "1"})
    killed = processes.wait_for("the process", lambda: warm_process(desk.worker))
    os.kill(killed, signal.SIGKILL)
    again = ask(at_desk, data={"image": "1"})
    assert again["probabilities"] == pytest.approx(first["probabilities"])
    processes.wait_for("another process", lambda: warm_process(desk.worker) not in (None, killed))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_end__the_process_goes_with_its_worker(run, settings, tmp_path, number):
    with processes.worker(settings, tmp_path / "log") as worker:
        pid = processes.wait_for("the process", lambda: warm_process(worker))
        worker.process.send_signal(number)
        processes.wait_for("its end", lambda: processes.gone(pid))


def test_stopped__a_question_whose_worker_ends_goes_back_into_the_line(client, run, settings, database, tmp_path):
    """The process stands still, so the question is in the worker's hands when the worker is told to end."""
    with processes.worker(settings, tmp_path / "log") as worker:
        ask(client, data={"image": "1"})
        frozen = processes.wait_for("the process", lambda: warm_process(worker))
        os.kill(frozen, signal.SIGSTOP)
        job_id = client.post("/p/blood/runs/1/try?wait=0", data={"image": "1"}).json()["job"]
        processes.wait_for("the claim", lambda: processes.running(database, job_id))
        assert worker.end() == 0
    assert processes.job_of(database, job_id).state == JobState.QUEUED
    with processes.worker(settings, tmp_path / "log2"):
        assert processes.ended(database, job_id).state == JobState.DONE


def test_slow__is_a_reason_and_the_next_question_is_answered(client, run, settings, database, tmp_path, monkeypatch):
    monkeypatch.setenv("MIWAKE_ANSWER_SECONDS", "10")
    with processes.worker(settings, tmp_path / "log") as worker:
        processes.wait_for("the process", lambda: warm_process(worker))
        ask(client, data={"image": "1"})
        os.kill(warm_process(worker), signal.SIGSTOP)
        values = ask(client, data={"image": "1"})
        assert (values["state"], values["message"][:31]) == ("failed", "There was no answer within 10 s")
        assert ask(client, data={"image": "1"})["state"] == "done"


def test_broken__weights_fail_the_question_only(client, run, settings, database, store, tmp_path):
    broken = store.put(b"no model")
    with database.write() as session:
        session.execute(sa.update(RunFold).where(RunFold.fold == 1).values(weights_sha256=broken))
    with processes.worker(settings, tmp_path / "log") as worker:
        values = ask(client, data={"image": "1"})
        assert values["state"] == "failed"
        assert "cannot be used" in values["message"]
        assert worker.process.poll() is None
        with database.read() as session:
            assert session.get_one(Job, values["job"]).error_code == "model_broken"


def test_off__each_question_has_a_process_of_its_own(client, run, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("MIWAKE_WARM", "0")
    with processes.worker(replace(settings, warm=0), Path(tmp_path) / "log") as worker:
        assert ask(client, data={"image": "1"})["state"] == "done"
        processes.wait_for("its end", lambda: warm_process(worker) is None)
