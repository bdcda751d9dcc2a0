"""``python -m app train`` without a preset: the ready recipes that fit are tried, and the better one is the result."""

from typing import Any

from sqlalchemy.orm import Session

from app.commands.common import put, put_json
from app.services import report, searches


def result(session: Session, job_id: int) -> dict[str, Any]:
    """The training with the better recipe, with the seconds of all of them; {} when none came to an end."""
    found = searches.trials(session, job_id)
    winner = searches.chosen(found)
    if winner is None:
        return {}
    own = report.result_json(session, winner.run)
    tried = [
        {"run": trial.run.number, "preset": trial.recipe.preset,
         "validation": trial.score.accuracy if trial.score else None, "seconds": trial.run.seconds}
        for trial in found
    ]  # fmt: skip
    return own | {"tried": tried, "seconds": sum(trial.run.seconds or 0.0 for trial in found)}


def queued(project: str, number: int, *, as_json: bool) -> None:
    """Say that the search waits."""
    if as_json:
        put_json({"project": project, "search": number, "state": "waiting"})
    else:
        put(f"Search {number} of {project} waits for a worker.")
