"""The jobs of one run seen as one: its own job, and the folds that other jobs train."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db.run_models import Job
from app.domain.enums import JobState
from app.services import jobs


@dataclass(frozen=True)
class RunJobs:
    """Where the run stands.

    ``state`` is WAITING only while nothing of it runs; ``told`` has the progress of each job that runs, the lowest fold
    first; ``place`` is that of its next job in line, None when none waits. ``spread``: several jobs train its folds.
    """

    state: JobState
    told: tuple[Mapping[str, Any], ...]
    place: int | None
    spread: bool = False


def look(session: Session, job: Job) -> RunJobs:
    """The state of the run whose job is ``job``."""
    own = JobState(job.state)
    if own is JobState.QUEUED:
        return RunJobs(own, (), jobs.place_in_line(session, job))
    family = [job, *jobs.children(session, job.id)]
    active = [one for one in family if one.state in jobs.ACTIVE]
    spread = len(family) > 1
    told = tuple(sorted((one.progress for one in active), key=lambda values: int(values.get("fold", 0))))
    if own is not JobState.WAITING:
        return RunJobs(own, told, None, spread)
    if active:
        return RunJobs(JobState.CANCELLING if job.keep_best else JobState.RUNNING, told, None, spread)
    places = [jobs.place_in_line(session, one) for one in family if one.state == JobState.QUEUED]
    return RunJobs(JobState.QUEUED if places else own, (), min(places, default=None), spread)
