"""How soon something happens: from the submitted form to the first training step, and small jobs in a second.

``python -m benchmarks.latency``. The first training step is seen in the table, so its figure includes the way there:
the row of the first epoch, where an epoch is one step, or the first progress that says a step is done.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from app.db.run_models import EpochMetric, Job, Run
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobState
from benchmarks.processes import server, wait_for
from benchmarks.records import Record, machine, write
from tests.chaos import ledger, machines
from tests.chaos.site import site

COMMAND = "python -m benchmarks.latency"
TRIES = 9
JOBS = 200
WARM_SECONDS = 1.5
# One step for each epoch: all images of the sample are one batch.
VALUES = {"architecture": "conv2", "image_size": 32, "epochs": 1, "patience": 0, "batch_size": 512}


class Sample:
    """A sample project on a running server."""

    def __init__(self, address: str, database: Database) -> None:
        self._client = httpx.Client(base_url=address, headers={"Origin": address}, timeout=120, follow_redirects=False)
        self._database = database
        answer = self._client.post("/samples/cells")
        answer.raise_for_status() if answer.status_code >= 400 else None
        self._slug = answer.headers["location"].rstrip("/").rsplit("/p/", 1)[1].split("/")[0]

    def train(self) -> tuple[float, float, float]:
        """Submit one training; seconds until its worker has it, until its first step is done, until its end."""
        begin = time.perf_counter()
        answer = self._client.post(f"/p/{self._slug}/train", json=VALUES)
        answer.raise_for_status()
        number = answer.json()["run"]
        with self._database.read() as session:
            run = session.scalars(sa.select(Run).where(Run.number == number).order_by(Run.id.desc())).first()
        assert run is not None
        running = 0.0

        def stepped() -> bool:
            nonlocal running
            with self._database.read() as session:
                job = session.get_one(Job, run.job_id)
                first = session.scalar(sa.select(EpochMetric.id).where(EpochMetric.run_id == run.id).limit(1))
            running = running or (time.perf_counter() - begin if job.state == JobState.RUNNING else 0.0)
            if job.state in FINAL_STATES and job.state != JobState.DONE:
                raise RuntimeError(f"{job.state} {job.error_code} {job.error_params}")
            return first is not None or (job.progress.get("phase") == "train" and job.progress["done"] > 0)

        wait_for("the first step", stepped)
        step = time.perf_counter() - begin

        def ended() -> bool:
            with self._database.read() as session:
                return session.get_one(Job, run.job_id).state in FINAL_STATES

        wait_for("the end", ended)
        return running, step, time.perf_counter() - begin


def trainings() -> list[Record]:
    """From the form to the first step: the first training of a server that has just started, and later ones."""
    with server() as own:
        address = own.address()
        database = Database(own.settings.database)
        sample = Sample(address, database)
        cold = sample.train()
        warm = [sample.train() for _ in range(TRIES)]
        database.dispose()
    starts, steps, ends = ([one[index] for one in warm] for index in range(3))
    middle, worst = statistics.median(steps), max(steps)
    note = f"middle of {TRIES}; at most {worst:.2f} s; SQLite, embedded broker, 32 x 32 pixels, two convolutions"
    begun = f"middle of {TRIES}, with the answer of the form; at most {1000 * max(starts):.0f} ms"
    whole = "one epoch with validation, predictions and heat maps"
    first = "Submit to first training step"
    return [
        Record(f"{first}, warm", round(middle, 2), "s", WARM_SECONDS, middle <= WARM_SECONDS, COMMAND, note),
        _figure(f"{first}, cold", round(cold[1], 2), "s", "the server has just started"),
        _figure("Submit until a worker has it", round(1000 * statistics.median(starts), 1), "ms", begun),
        _figure("Whole small trainings in turn", round(60 / statistics.median(ends), 1), "in a minute", whole),
    ]


def _figure(name: str, value: float, unit: str, note: str) -> Record:
    return Record(name, value, unit, command=COMMAND, note=note)


def small_jobs(workers: int, folder: Path, **settings: Any) -> float:
    """Jobs in a second: each is queued, claimed, fenced, written and ended; their work takes no time."""
    with site(folder, **settings) as made:
        run_id = made.run_without_job()
        made.ledger_workers(workers)
        begin = time.perf_counter()
        job_ids = ledger.add(made.database, run_id, made.ledger, JOBS, 0.0, made.settings.broker_url)
        ledger.all_ended(made.database, job_ids)
        seconds = time.perf_counter() - begin
        ledger.check(made.database, made.ledger, job_ids)
    return JOBS / seconds


def throughput() -> list[Record]:
    """Small jobs in a second on the two usual installations."""
    found: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="miwake-bench-") as name:
        for place in ("SQLite, embedded broker", "PostgreSQL, Redis"):
            for workers in (1, 4):
                with ExitStack() as stack:
                    settings = {}
                    if place.startswith("PostgreSQL"):
                        settings["database_url"] = stack.enter_context(machines.postgres()).url
                        settings["broker_url"] = stack.enter_context(machines.broker()).url
                    value = small_jobs(workers, Path(name) / f"{len(found)}", **settings)
                words = f"Jobs without work, {place}, {workers} worker{'s' if workers > 1 else ''}"
                note = f"{JOBS} jobs, each submitted in a transaction of its own; checked: each once"
                found.append(_figure(words, round(value, 1), "in a second", note))
    return found


def main(_arguments: Sequence[str] | None = None) -> int:
    """Measure and write the figures."""
    found = trainings() + throughput()
    write("latency", found, machine())
    for record in found:
        print(f"{record.name}: {record.value} {record.unit} {record.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
