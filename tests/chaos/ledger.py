"""What the jobs of ``ledger_worker`` wrote down, and what must be true of it."""

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from app.db.models import Project
from app.db.run_models import EpochMetric, Job
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.queue import Queue
from app.services import jobs
from tests.jobs import processes


@dataclass(frozen=True)
class Execution:
    """One attempt of one job as its process saw it."""

    job_id: int
    attempt: int
    worker: str
    first: float
    last: float
    words: tuple[str, ...]


def add(
    database: Database, run_id: int, ledger: Path, count: int, seconds: float, broker_url: str = "memory://"
) -> list[int]:
    """Queue jobs as the pages do, each in a transaction of its own."""
    queue = Queue(broker_url)
    made = []
    for _ in range(count):
        with database.write() as session:
            session.info[jobs.QUEUE] = queue
            project_id = session.scalars(sa.select(Project.id)).one()
            spec = {"ledger": str(ledger), "seconds": seconds, "run_id": run_id}
            job = jobs.create(session, project_id=project_id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec=spec)
            made.append(job.id)
    return made


def executions(ledger: Path) -> list[Execution]:
    """All attempts in the order of their beginning."""
    lines: dict[tuple[int, int, str], list[tuple[float, str]]] = defaultdict(list)
    for line in ledger.read_text().splitlines() if ledger.exists() else []:
        at, job_id, attempt, worker, word = line.split(maxsplit=4)
        lines[int(job_id), int(attempt), worker].append((float(at), word))
    found = [
        Execution(*key, seen[0][0], seen[-1][0], tuple(word for _, word in seen if word != "tick"))
        for key, seen in lines.items()
    ]
    return sorted(found, key=lambda one: one.first)


def all_ended(database: Database, job_ids: list[int], seconds: float = processes.WAIT_SECONDS) -> None:
    """Wait until all jobs have ended."""

    def look() -> bool:
        open_jobs = sa.select(sa.func.count()).where(Job.id.in_(job_ids), Job.state.not_in(sorted(FINAL_STATES)))
        with database.read() as session:
            return session.scalar(open_jobs) == 0

    processes.wait_for(f"the end of {len(job_ids)} jobs", look, seconds)


def check(database: Database, ledger: Path, job_ids: list[int], *, attempts: int = 1) -> None:
    """Each job is done and left exactly one row; no two processes worked on one at a time; few attempts were needed."""
    check_rows(database, job_ids)
    by_job = defaultdict(list)
    for one in executions(ledger):
        by_job[one.job_id].append(one)
    for job_id in job_ids:
        done = by_job[job_id]
        assert 1 <= len(done) <= attempts, done
        for before, after in itertools.pairwise(done):
            assert before.last <= after.first, f"two processes worked on job {job_id} at a time: {before}, {after}"


def check_rows(database: Database, job_ids: list[int]) -> None:
    """Each job is done and left exactly one row."""
    with database.read() as session:
        wanted = sa.select(Job.id, Job.state).where(Job.id.in_(job_ids))
        states = {row.id: row.state for row in session.execute(wanted)}
        rows = Counter(session.scalars(sa.select(EpochMetric.fold)))
    assert Counter(states.values()) == {JobState.DONE: len(job_ids)}, states
    assert {job_id: rows[job_id] for job_id in job_ids} == dict.fromkeys(job_ids, 1)


def times(ledger: Path, job_id: int, attempt: int) -> list[float]:
    """When an attempt noted that it was at work; its last line, with which it gives up, is not work."""
    lines = (line.split(maxsplit=4) for line in ledger.read_text().splitlines())
    return [
        float(at) for at, job, number, _, word in lines if (int(job), int(number), word) == (job_id, attempt, "tick")
    ]
