"""``python -m app train --preset best``: the ready recipes that fit are tried, and the better one is tested."""

from typing import Any

from sqlalchemy.orm import Session

from app.commands.common import put, put_json
from app.db.models import Project
from app.db.run_models import Job
from app.domain import search
from app.services import report, searches
from app.services.runs import How
from app.services.searches import Plan


def begin(session: Session, project: Project, seed: int, name: str, actor: str, how: How) -> Job:
    """Start the search.

    Raises:
        Invalid: as ``searches.start``.
    """
    ready = searches.candidates(session, project, seed)
    plan = Plan(search.READY, len(ready), ready=tuple(one.to_json() for one in ready), seed=seed, final=True)
    return searches.start(session, project, ready[0], plan, name=name, actor=actor, how=how)


def result(session: Session, job_id: int) -> dict[str, Any]:
    """What came of the training with the better recipe, with the seconds of all of them; {} without one."""
    found = searches.trials(session, job_id)
    final = next((trial for trial in found if trial.number is None), None)
    if final is None:
        return {}
    own = report.result_json(session, final.run)
    tried = [
        {"run": trial.run.number, "preset": trial.recipe.preset,
         "validation": trial.score.accuracy if trial.score else None, "seconds": trial.run.seconds}
        for trial in found
        if trial.number is not None
    ]  # fmt: skip
    return own | {"tried": tried, "seconds": sum(trial.run.seconds or 0.0 for trial in found)}


def queued(project: str, number: int, *, as_json: bool) -> None:
    """Say that the search waits."""
    if as_json:
        put_json({"project": project, "search": number, "state": "waiting"})
    else:
        put(f"Search {number} of {project} waits for a worker.")
