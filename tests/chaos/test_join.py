"""Folds on several workers are joined once, also when the worker that joins them is killed."""

import time

import pytest

from app.db.models import Project
from app.domain.enums import JobState
from app.services import jobs, runs
from app.services.runs import How
from app.services.spreading import Spread
from tests.chaos.outcome import differences, left
from tests.chaos.record import only_full, rounds, tally
from tests.chaos.site import Site, site
from tests.jobs import processes

pytestmark = [pytest.mark.slow, pytest.mark.ml, only_full]

RECIPE = processes.QUICK.updated({"folds": 3, "seed": 5, "deterministic": True})


def test_joiner_killed(tmp_path):
    name = "kill -9 of the worker that joins 3 folds: joined once, no fold trained again, numbers as of an unbroken run"
    with tally(name) as told, site(tmp_path) as made:
        project_id = processes.add_project(made.database, made.store)
        for _ in range(2):
            made.worker()
        made.wait_for_workers(2)
        run_id, job_id = spread(made, project_id)
        assert processes.ended(made.database, job_id).state == JobState.DONE
        expected = left(made.database, run_id)
        for _ in rounds(1, 5):
            with told.round():
                run_id, job_id = spread(made, project_id)
                owner = processes.wait_for("the joining", lambda: joiner(made, job_id))  # noqa: B023
                next(one for one in made.started if owner.endswith(f":{one.pid}")).kill()
                killed = time.monotonic()
                made.worker()
                job = processes.ended(made.database, job_id)
                told.figure("seconds from the kill to the end", time.monotonic() - killed)
                assert (job.state, job.attempt) == (JobState.DONE, 3), (job.error_code, job.error_params)
                with made.database.read() as session:
                    assert [one.attempt for one in jobs.children(session, job_id)] == [1, 1, 1]
                assert differences(expected, left(made.database, run_id)) == []
                made.wait_for_workers(2)


def spread(made: Site, project_id: int) -> tuple[int, int]:
    """Queue the training with a child for each fold; ids of run and job."""
    with made.database.write() as session:
        project = session.get_one(Project, project_id)
        run = runs.create(session, project, RECIPE, actor="tester", how=How(spread=Spread.SPREAD))
        return run.id, run.job_id


def joiner(made: Site, job_id: int) -> str | None:
    """Who joins the folds at this moment."""
    job = processes.job_of(made.database, job_id)
    assert job.state != JobState.DONE, "it was too quick to be killed"
    return job.owner if job.attempt > 1 and job.state == JobState.RUNNING else None
