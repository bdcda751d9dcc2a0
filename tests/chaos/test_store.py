"""The S3 server is away, dead or slow: trainings wait and end as if nothing had happened, and pages say it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.domain.enums import JobState
from app.storage import Store, open_store
from tests import factories, servers
from tests.chaos.outcome import Left, differences, left
from tests.chaos.pages import Pages, open_pages
from tests.chaos.record import Tally, only_full, rounds, tally
from tests.chaos.site import Site, site
from tests.chaos.whole import images
from tests.chaos.wire import State, Wire, wire
from tests.jobs import processes

pytestmark = [pytest.mark.slow, pytest.mark.s3, only_full]

RECIPE = processes.QUICK.updated({"epochs": 150, "batch_size": 4, "deterministic": True})
FAULT_SECONDS = 6.0


@dataclass
class Bucketed:
    """An installation whose pictures are in a bucket at the other end of ``wire``."""

    made: Site
    store: Store
    wire: Wire


@pytest.fixture
def bucketed(s3_endpoint, tmp_path) -> Iterator[Bucketed]:
    address = urlsplit(s3_endpoint)
    assert address.port is not None
    stored = servers.bucket(s3_endpoint, f"chaos-{tmp_path.name.replace('_', '-').lower()}")
    with wire(address.port) as cable:
        changes: dict[str, Any] = {
            "storage_url": stored.storage_url, "s3_endpoint": f"http://127.0.0.1:{cable.port}",
            "s3_key_id": stored.s3_key_id, "s3_secret": stored.s3_secret, "cache_mb": 0, "lease_seconds": 15.0,
        }  # fmt: skip
        with site(tmp_path, **changes) as made:
            yield Bucketed(made, open_store(made.settings.patient_store_address), cable)


@pytest.mark.ml
@pytest.mark.parametrize("how", [State.AWAY, State.DEAD, State.SLOW])
def test_store_broken_in_a_training(how, bucketed):
    name = f"S3 {how} for {FAULT_SECONDS:.0f} s in a training, no cache: weights and numbers as of an unbroken one"
    with tally(name) as told:
        project_id = processes.add_project(bucketed.made.database, bucketed.store)
        bucketed.made.worker()
        bucketed.made.wait_for_workers(1)
        expected = train(bucketed, project_id)
        for number in rounds(1, 4):
            begins = number % 2 == 0
            with told.round("while the pictures are read" if begins else "while it trains"):
                begin = time.monotonic()
                seen = train(bucketed, project_id, how, begins=begins)
                told.figure("seconds with the fault", time.monotonic() - begin)
                assert differences(expected, seen) == []


def train(bucketed: Bucketed, project_id: int, how: State | None = None, *, begins: bool = False) -> Left:
    """A training that meets the fault at its beginning or in its middle; what it leaves."""
    database = bucketed.made.database
    run = processes.add_run(database, project_id, RECIPE)
    if how is not None:
        if not begins:
            processes.in_training(database, run.job_id)
        with bucketed.wire.broken(how):
            time.sleep(FAULT_SECONDS)  # the fault itself
    job = processes.ended(database, run.job_id, 180)
    assert (job.state, job.attempt) == (JobState.DONE, 1), (job.error_code, job.error_params, job.error_trace)
    return left(database, run.id)


def test_store_away_in_an_upload(bucketed):
    with tally("S3 away in an upload: refused with a sentence, taken afterwards") as told:
        pages = open_pages(bucketed.made, bucketed.store)
        for number in rounds(1, 5):
            with told.round():
                upload_round(pages, bucketed.wire, 1000 * (number + 1), told)


def upload_round(pages: Pages, cable: Wire, first: int, told: Tally) -> None:
    files = [("files", (f"{number}.png", factories.png(number), "image/png")) for number in range(first, first + 10)]
    before = images(pages.made)
    with pages.client() as client:
        begun = client.post(f"/p/{pages.slug}/imports", json={"name": "new", "total": 10}).json()
        with cable.broken(State.AWAY):
            begin = time.monotonic()
            answer = client.post(begun["files"], files=files)
            told.figure("seconds until it is said", time.monotonic() - begin)
            assert answer.status_code == 503, answer.text
            assert json.loads(answer.text)["error"]["code"] == "store_unreachable"
        assert images(pages.made) == before
        assert client.post(begun["files"], files=files).status_code == 200
        client.post(begun["finish"])
    assert images(pages.made) == before + 10
