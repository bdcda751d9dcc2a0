"""A full disk, with the database on it: it is said, nothing is spoiled, and it goes on once there is room again."""

import json
import time
from collections.abc import Iterator

import pytest

from app.domain.enums import JobState
from app.services import jobs
from tests import factories
from tests.chaos import machines
from tests.chaos.machines import Disk
from tests.chaos.pages import Pages, open_pages
from tests.chaos.record import FULL, Tally, only_full, rounds, tally
from tests.chaos.site import Site, site
from tests.chaos.whole import check_whole, images
from tests.jobs import processes

pytestmark = pytest.mark.slow

RECIPE = processes.QUICK.updated({"epochs": 400 if FULL else 200, "batch_size": 4})


@pytest.fixture
def disk() -> Iterator[Disk]:
    with machines.disk() as made:
        yield made


@only_full
@pytest.mark.ml
def test_full_during_a_training(disk, tmp_path):
    with (
        tally("data folder full during a training, with the database on it") as told,
        site(tmp_path, data_dir=disk.folder / "data") as made,
    ):
        project_id = processes.add_project(made.database, made.store)
        made.worker()
        for _ in rounds(1, 5):
            with told.round():
                full_round(made, disk, project_id, told)


def full_round(made: Site, disk: Disk, project_id: int, told: Tally) -> None:
    job_id = processes.add_run(made.database, project_id, RECIPE).job_id
    processes.in_training(made.database, job_id)
    log = made.started[-1].log
    before = log.stat().st_size
    disk.fill()
    full = time.monotonic()
    try:

        def said() -> bool:
            words = log.read_bytes()[before:].decode(errors="replace")
            return "disk is full" in words or "No space left" in words or "disk_full" in words

        processes.wait_for("a word about the full disk", said, 30)
        told.figure("seconds until it is said", time.monotonic() - full)
        processes.wait_for("twice the lease", lambda: time.monotonic() > full + 2 * made.settings.lease_seconds)
    finally:
        disk.empty()
    room = time.monotonic()
    job = processes.ended(made.database, job_id, 120)
    if job.state == JobState.FAILED:
        assert job.error_code == "disk_full", (job.error_code, job.error_params, job.error_trace)
        with made.database.write() as session:
            assert jobs.retry(session, job_id)
        job = processes.ended(made.database, job_id, 120)
    told.figure("seconds from room to the end of the training", time.monotonic() - room)
    assert job.state == JobState.DONE, (job.error_code, job.error_params, job.error_trace)
    check_whole(made)


def test_full_during_an_upload(disk, tmp_path):
    with (
        tally("data folder full during an upload") as told,
        site(tmp_path, data_dir=disk.folder / "data") as made,
    ):
        pages = open_pages(made)
        for number in rounds(1, 5):
            with told.round():
                upload_round(pages, disk, 1000 * (number + 1))


def upload_round(pages: Pages, disk: Disk, first: int) -> None:
    """Half of the files come before the disk is full; the rest is refused with a sentence, and taken afterwards."""
    made = pages.made
    files = [(f"{number}.png", factories.png(number)) for number in range(first, first + 20)]
    before = images(made)
    with pages.client() as client:
        begun = client.post(f"/p/{pages.slug}/imports", json={"name": "new", "total": 20}).json()

        def send(part: list[tuple[str, bytes]]) -> tuple[int, str]:
            answer = client.post(begun["files"], files=[("files", (name, data, "image/png")) for name, data in part])
            return answer.status_code, answer.text

        assert send(files[:10])[0] == 200
        disk.fill()
        try:
            status, text = send(files[10:])
            assert status == 507, (status, text)
            assert "disk" in json.loads(text)["error"]["message"]
            assert client.get(f"/p/{pages.slug}/images").status_code == 200
        finally:
            disk.empty()
        assert images(made) == before + 10
        assert send(files[10:])[0] == 200
        client.post(begun["finish"])
    assert images(made) == before + 20
    check_whole(made)
