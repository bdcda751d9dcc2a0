"""A training that crashes or wants too much memory is one failed run: it is said why, and the worker loses nothing."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from app.config import Settings
from app.domain.enums import JobState
from app.services import preflight, results
from tests.chaos.record import only_full
from tests.jobs import processes
from tests.jobs.processes import ENDLESS, QUICK
from tests.jobs.rows import claim
from worker import limits, runner
from worker.supervisor import Outcome, died
from worker.tail import MOST_BYTES, MOST_LINES, Tail

HUNGRY = QUICK.updated({"architecture": "cifar4-plus", "image_size": 256, "batch_size": 24})
LIMIT_MB = 900  # of data; a small training takes about half of it


def resident_mb(pid: int) -> float:
    """Memory of a process that is its own, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no memory of {pid}")


@only_full
@pytest.mark.ml
@pytest.mark.slow
def test_memory__a_limit_names_the_batch_and_the_worker_gets_everything_back(
    settings, database, store, tmp_path, monkeypatch
):
    monkeypatch.setattr(preflight, "refuse", lambda *_values: None)  # as if the forecast had been too low
    small = dataclasses.replace(settings, job_memory_mb=LIMIT_MB)
    project_id = processes.add_project(database, store)
    with processes.worker(small, tmp_path / "log") as worker:
        first = processes.add_run(database, project_id)
        assert processes.ended(database, first.job_id).state == JobState.DONE
        before = resident_mb(worker.process.pid)
        for _ in range(2):
            run = processes.add_run(database, project_id, HUNGRY)
            job = processes.ended(database, run.job_id)
            assert (job.state, job.error_code) == (JobState.FAILED, "out_of_memory"), job.error_trace
            assert job.error_params == {"batch_size": 24, "image_size": 256}
        after = processes.add_run(database, project_id)
        assert processes.ended(database, after.job_id).state == JobState.DONE
        grown = resident_mb(worker.process.pid) - before
        print(f"worker: {before:.0f} MB, {grown:+.1f} MB after two trainings that ran out of memory")
        assert grown < 12


@pytest.mark.ml
@pytest.mark.slow
def test_crash__leaves_the_last_lines_and_where_it_was(settings, database, store, tmp_path):
    project_id = processes.add_project(database, store)
    with processes.worker(settings, tmp_path / "log") as worker:
        run = processes.add_run(database, project_id, ENDLESS)
        processes.in_training(database, run.job_id)
        processes.send(processes.child_of(worker), signal.SIGSEGV)
        job = processes.ended(database, run.job_id)
        assert (job.error_code, job.error_params) == ("crashed", {"signal": "SIGSEGV"})
        assert "Fatal Python error: Segmentation fault" in (job.error_trace or "")
        assert "worker/training.py" in (job.error_trace or "")


@pytest.mark.slow
def test_limit__of_the_seconds_of_a_job_ends_it_with_a_reason(settings, database, store):
    short = dataclasses.replace(settings, job_seconds=1.0)
    run = processes.add_run(database, processes.add_project(database, store), ENDLESS)
    runner.run(processes.parts(short, database, store), claim(database, run.job_id))
    job = processes.job_of(database, run.job_id)
    assert (job.state, job.error_code, job.error_params) == (JobState.FAILED, "job_too_long", {"seconds": 1})


@pytest.mark.ml
@pytest.mark.slow
def test_results__that_the_database_refuses_end_the_job_with_a_reason(settings, database, store, monkeypatch):
    run = processes.add_run(database, processes.add_project(database, store), ENDLESS)

    def refuse(*_arguments: object) -> None:
        raise IntegrityError("INSERT", {}, ValueError("no such item"))

    monkeypatch.setattr(results, "set_environment", refuse)
    got = claim(database, run.job_id)
    runner.run(processes.parts(settings, database, store), got)
    job = processes.job_of(database, run.job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "internal")
    assert "no such item" in job.error_params["error"]


# --- without processes of a training ---------------------------------------------------------------------------------


def test_tail__keeps_the_end_and_never_blocks_the_writer(settings: Settings):
    tail = Tail(processes.parts_context())
    write = "import os; os.write(1, b'x' * 3_000_000); [print(i, end='\\x1b[0m\\n') for i in range(500)]"
    process = subprocess.Popen([sys.executable, "-c", write], stdout=tail.far_end.fileno())
    tail.listen()
    assert process.wait(60) == 0
    lines = tail.close().split("\n")
    assert len(lines) == MOST_LINES
    assert lines[-1] == "499?[0m"
    assert len("\n".join(lines)) <= MOST_BYTES


def test_tail__of_a_child_that_said_nothing_is_empty():
    tail = Tail(processes.parts_context())
    tail.listen()
    assert tail.close() == ""


def test_died__c_code_that_gave_up_for_memory_is_out_of_memory():
    recipe = QUICK.to_json()
    written = "terminate called after throwing an instance of 'std::bad_alloc'"
    assert died(-signal.SIGABRT, recipe, written).code == "out_of_memory"
    other = died(-signal.SIGABRT, recipe, "CUDA error: an illegal memory access was encountered")
    assert (other.outcome, other.code, other.params) == (Outcome.FAILED, "crashed", {"signal": "SIGABRT"})
    assert "CUDA error" in (other.trace or "")


def test_limits__a_share_of_the_machine_for_each_place():
    whole = limits.machine_memory()
    assert 0 < whole <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert limits.for_training(0, 2) == int(limits.SHARE * whole / 2)
    assert limits.for_training(500, 2) == 500 * 2**20
