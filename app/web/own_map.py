"""What the page of the map says of the map that a run's own network makes."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Run, RunFold, RunItem
from app.domain.enums import FINAL_STATES, JobState
from app.services import run_map
from app.services.feature_map import Plane
from app.services.run_map import Hindrance
from app.storage.arrays import Arrays
from app.web.messages import say


@dataclass(frozen=True)
class OwnMap:
    """The map of a run.

    Attributes:
        shown: it is the one on the page, or would be once it is made.
        there: it was made.
        hindrance: why there can be none; None when there can.
        layer: whose values it is made of.
        models: how many there are.
        drawn: of so many pictures only ``run_map.MOST`` were taken; 0 when all were.
        running: a job makes it; ``done`` of ``steps``; ``error``: why the last one failed.
    """

    shown: bool
    there: bool
    hindrance: Hindrance | None
    layer: str
    models: int
    drawn: int
    running: bool
    done: int
    steps: int
    error: str


def look(session: Session, run: Run, plane: Plane | None, say_it: Callable[[str], str], *, shown: bool) -> OwnMap:
    """For a template; ``plane`` is what ``run_map.load`` gave."""
    job = run_map.newest(session, run)
    running = job is not None and job.state not in FINAL_STATES
    failed = job is not None and job.state == JobState.FAILED and job.error_code is not None
    pictures = session.scalar(sa.select(sa.func.count()).where(RunItem.run_id == run.id)) or 0
    models = session.scalar(sa.select(sa.func.count()).where(RunFold.run_id == run.id)) or 0
    return OwnMap(
        shown=shown,
        there=plane is not None,
        hindrance=run_map.hindrance(session, run),
        layer=run_map.last_layer(run) or "",
        models=models,
        drawn=pictures if pictures > run_map.MOST else 0,
        running=running,
        done=int(job.progress.get("done", 0)) if job is not None else 0,
        steps=int(job.progress.get("total", 0)) if job is not None else 0,
        error=say(job.error_code or "", dict(job.error_params), say_it) if job is not None and failed else "",
    )


def chosen(session: Session, arrays: Arrays, run: Run | None, asked: str, *, named: bool) -> tuple[bool, Plane | None]:
    """Whether the map of the run is meant, and that map.

    ``asked``: "run" or "project" when the address says it; else that of the run is meant where the run is ``named`` in
    the address and has one.
    """
    plane = run_map.load(session, arrays, run) if run is not None and asked != "project" else None
    return run is not None and (asked == "run" or (named and asked != "project" and plane is not None)), plane
