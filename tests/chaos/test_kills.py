"""kill -9 at any moment of a 5-fold training: it goes on after its checkpoint and ends as if nothing had happened."""

import contextlib
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from app.db.models import Project
from app.db.run_models import EpochMetric, Job
from app.domain.enums import FINAL_STATES, JobState
from app.services import jobs, runs
from tests.chaos.outcome import Left, differences, left, resumed
from tests.chaos.record import FULL, Tally, only_full, rounds, tally
from tests.chaos.site import Process, Site, site
from tests.jobs import processes

pytestmark = [pytest.mark.slow, pytest.mark.ml]

RECIPE = processes.QUICK.updated(
    {
        "folds": 5,
        "epochs": 60 if FULL else 24,
        "batch_size": 4,
        "deterministic": True,
        "architecture": "conv2-plus",
        "augmentation.rotation": 20,
        "augmentation.horizontal_flip": True,
    }
)
SEED = 20
WEB, WORKER, CHILD = "web", "worker", "child"


@dataclass
class Server:
    """``python -m app serve`` with a project."""

    made: Site
    serve: Process
    project_id: int

    def pid(self, victim: str) -> int | None:
        """The process, if it is there at this moment."""
        below = processes.descendants(self.serve.pid)
        if victim == WEB:
            return next((pid for pid, words in below.items() if " web " in words), None)
        worker = next((pid for pid, words in below.items() if "-m worker" in words), None)
        if victim == WORKER or worker is None:
            return worker
        servers = [pid for pid, words in processes.descendants(worker).items() if "forkserver" in words]
        return next((pid for server in servers for pid in processes.descendants(server)), None)

    def train(self) -> tuple[int, int]:
        """Queue the training again; ids of the run and of its job."""
        with self.made.database.write() as session:
            project = session.get_one(Project, self.project_id)
            run = runs.create(session, project, RECIPE, actor="tester")
            return run.id, run.job_id

    def job(self, job_id: int) -> Job:
        return processes.job_of(self.made.database, job_id)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with site(tmp_path, warm=0) as made:  # the one child of the worker is the training
        project_id = processes.add_project(made.database, made.store)
        yield Server(made, made.start("-m", "app", "serve", "--port", "0"), project_id)


@dataclass(frozen=True)
class Unbroken:
    """What the training leaves when nobody disturbs it, and the seconds it takes."""

    left: Left
    seconds: float


def unbroken(server: Server) -> Unbroken:
    run_id, job_id = server.train()
    processes.wait_for("the training", lambda: server.job(job_id).state == JobState.RUNNING)
    begin = time.monotonic()
    assert processes.ended(server.made.database, job_id, 240).state == JobState.DONE
    return Unbroken(left(server.made.database, run_id), time.monotonic() - begin)


@only_full
def test_killed_at_seeded_moments(server):
    chance = random.Random(SEED)
    name = "kill -9 of child, worker or web in a 5-fold training: weights and numbers as of an unbroken one"
    with tally(name) as told:
        struck, expected = 0, unbroken(server)
        told.figure("seconds of the unbroken training", expected.seconds)
        for number in rounds(2, 20):
            victim = (WORKER, CHILD, WEB)[number % 3]
            moment = chance.uniform(-0.05, 1.1)
            with told.round(f"{victim} at {moment:.0%} of the epochs"):
                struck += kill_once(server, expected, victim, moment, told)
        told.note = f"{struck} of {told.rounds} before the training had ended"
        assert struck >= 0.8 * told.rounds, told.note


def reached(server: Server, run_id: int, job_id: int, moment: float) -> bool:
    """Whether a training has come so far: below 0 as soon as a worker has it, above 1 behind its last epoch."""
    job = server.job(job_id)
    if job.state in FINAL_STATES:
        return True
    with server.made.database.read() as session:
        rows = sa.select(sa.func.count()).where(EpochMetric.run_id == run_id)
        done = session.scalar(rows) or 0
    wanted = round(moment * RECIPE.epochs * RECIPE.folds)
    return done >= wanted if moment <= 1 else job.progress.get("phase") in ("evaluate", "explain")


def kill_once(server: Server, expected: Unbroken, victim: str, moment: float, told: Tally) -> bool:
    """A training that is broken at a moment; whether it was still going on then."""
    run_id, job_id = server.train()
    processes.wait_for("the training", lambda: server.job(job_id).state == JobState.RUNNING)
    processes.wait_for("the moment", lambda: reached(server, run_id, job_id, moment), 240)
    epochs = RECIPE.epochs * RECIPE.folds
    if struck := server.job(job_id).state not in FINAL_STATES:
        pid = processes.wait_for(f"the {victim}", lambda: server.pid(victim))
        with contextlib.suppress(ProcessLookupError):  # the training may have ended at this very moment
            processes.send(pid, signal.SIGKILL)
        processes.wait_for("its end", lambda: processes.gone(pid))
    begin = time.monotonic()
    job = processes.ended(server.made.database, job_id, 240)
    if victim == CHILD and job.state == JobState.FAILED:
        # Almost always for memory: a person decides whether it shall go on. "fold_failed": the run was spread.
        assert job.error_code in ("killed", "fold_failed")
        with server.made.database.write() as session:
            assert jobs.retry(session, job_id)
        job = processes.ended(server.made.database, job_id, 240)
    assert job.state == JobState.DONE, (job.state, job.error_code, job.error_trace)
    told.figure("seconds from the kill to the end", time.monotonic() - begin)
    if job.attempt > 1:
        told.figure(f"epochs kept of {epochs}", resumed(server.made.database, run_id))
    assert differences(expected.left, left(server.made.database, run_id)) == []
    # The next round begins with a whole server.
    processes.wait_for("web and worker", lambda: server.pid(WEB) and server.pid(WORKER))
    return struck
