"""The chain as a laboratory runs it: PostgreSQL, Redis with password and TLS, an S3-compatible server, two workers.

Web and workers have data folders of their own, so nothing is shared but what is named in the settings.
"""

import dataclasses
import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.config import Settings
from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import JobKind, JobState
from app.services.jobs import workers_alive
from app.storage import open_store
from tests import certificates, factories, servers
from tests.chaos.record import only_full
from tests.chaos.site import Process, environment
from tests.e2e import test_chain as chain
from tests.jobs import processes

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.ml, pytest.mark.postgres, pytest.mark.redis, pytest.mark.s3,
    pytest.mark.timeout(600),  # of a busy machine
]  # fmt: skip

SECRETS = ("db-CANARY", "redis-CANARY", "s3-CANARY")
FILES = 1100  # more than one part


@dataclass(frozen=True)
class Cluster:
    """A running installation. ``settings`` are those of the web process."""

    address: str
    settings: Settings
    database: Database
    web: Process
    workers: tuple[Process, ...]

    def logs(self) -> str:
        return "\n".join(one.log.read_text(errors="replace") for one in (self.web, *self.workers))


@pytest.fixture
def shared(postgres_database: Database, tmp_path: Path, s3_endpoint: str) -> Iterator[Settings]:
    """What all hosts of the installation have in common."""
    pem = certificates.make(tmp_path / "pem")
    stored = servers.bucket(s3_endpoint, "cluster-chain")
    url = postgres_database.engine.url.set(password="db-CANARY").render_as_string(hide_password=False)
    try:
        with servers.redis("redis-CANARY", pem) as broker:
            yield dataclasses.replace(
                stored, database_url=url, broker_url=broker, broker_ca_file=str(pem.ca), log_format="json", warm=0
            )
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED WITH REDIS: {missing}")


@pytest.fixture
def cluster(shared: Settings, postgres_database: Database, tmp_path: Path) -> Iterator[Cluster]:
    """Web and two workers, each with a folder of its own."""
    started: list[Process] = []

    def start(name: str, *words: str, **changes: int) -> tuple[Settings, Process]:
        port = changes.get("port", shared.port)
        settings = dataclasses.replace(shared, data_dir=tmp_path / name, worker_host=name, port=port)
        started.append(Process(words, settings, tmp_path / f"{name}.log", (), {}))
        return settings, started[-1]

    try:
        port = servers.free_port()
        settings, web = start("web", "-m", "app", "web", port=port)
        workers = tuple(start(name, "-m", "worker", "--end-with-parent")[1] for name in ("worker-1", "worker-2"))
        processes.wait_for("the pages", lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        processes.wait_for("two workers", lambda: alive(postgres_database) == 2)
        yield Cluster(f"http://127.0.0.1:{port}", settings, postgres_database, web, workers)
    except BaseException:
        for one in started:
            sys.stderr.write(f"--- {one.log.name}\n{one.log.read_text(errors='replace')[-4000:]}\n")
        raise
    finally:
        for one in started:
            one.ask_to_end()
        for one in started:
            one.end()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def alive(database: Database) -> int:
    with database.read() as session:
        return len(workers_alive(session))


def files_below(folder: Path) -> set[str]:
    """The places of all files, relative, with the first part of their path."""
    return {os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def import_zip(page: Page, project: str, folder: Path) -> None:
    """A zip that is cut into parts, through the page."""
    path = folder / "たくさん.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(FILES):
            archive.writestr(f"好中球/{number:04d}.png", factories.png(number + 5000, size=16))
    page.goto(f"{project}/import")
    page.set_input_files("#pick-files", path)
    page.locator("#plan-go").click()
    expect(page.locator("#counts [data-count=new]")).to_have_text(f"{FILES:,}", timeout=120_000)


@only_full
def test_chain__of_a_cluster_without_a_shared_disk(page: Page, cluster: Cluster, tmp_path: Path):
    project = chain.make_project(page, cluster.address)
    chain.import_pictures(page, project, tmp_path / "files")
    chain.label(page, project)
    chain.select_in_gallery(page, project)
    chain.draw_test_set(page, project)
    chain.start_training(page, project)
    chain.watch(page)
    chain.correct_a_label(page, project)
    import_zip(page, project, tmp_path)
    ended_well(cluster)
    nothing_lies_on_a_disk_alone(cluster, tmp_path)
    everything_agrees(cluster)
    text = cluster.logs() + page.content()
    assert [secret for secret in SECRETS if secret in text] == []


def ended_well(cluster: Cluster) -> None:
    """The training is done, and each worker has had a part of the zip."""
    with cluster.database.read() as session:
        found = list(session.scalars(sa.select(Job).order_by(Job.id)))
    parts = [job for job in found if job.kind == JobKind.IMPORT_PART]
    assert len(parts) == 2
    assert {job.state for job in parts} == {JobState.DONE}
    assert next(job for job in found if job.kind == JobKind.TRAIN).state == JobState.DONE
    for worker in cluster.workers:
        assert "(import_part) begins" in worker.log.read_text()


def everything_agrees(cluster: Cluster) -> None:
    """``python -m app check`` reads every blob and finds nothing wrong between rows, files and queue."""
    found = subprocess.run(
        [sys.executable, "-m", "app", "check"],
        check=False,
        cwd=processes.ROOT,
        env={**os.environ, **environment(cluster.settings)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def nothing_lies_on_a_disk_alone(cluster: Cluster, folder: Path) -> None:
    """All blobs are in the bucket; the hosts have copies in their caches and nothing else."""
    listed = {entry.digest for entry in open_store(cluster.settings.store_address).entries()}
    assert len(listed) > 3 * FILES
    for name in ("web", "worker-1", "worker-2"):
        places = files_below(folder / name)
        kept = {place for place in places if not place.startswith(("cache", "lock"))}
        assert kept == set()
        assert {Path(place).name for place in places if place.startswith("cache")} - {"lock"} <= listed
    assert list(open_store(cluster.settings.store_address).uploads()) == []
