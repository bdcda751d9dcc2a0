"""How far the features of a project are, for pages and their modules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.services import features
from app.web.messages import say


@dataclass(frozen=True)
class StateCard:
    """``error``: why the last job failed, as a sentence."""

    done: int
    total: int
    job_id: int | None
    seconds_left: int | None
    error: str

    @property
    def missing(self) -> int:
        """Images without features."""
        return self.total - self.done


def state_card(session: Session, project_id: int, gettext: Callable[[str], str]) -> StateCard:
    """For a template."""
    state = features.state(session, project_id)
    progress = state.progress or {}
    error = say(state.failed, state.params or {}, gettext) if state.failed else ""
    done = int(progress.get("done", state.done))
    return StateCard(done, state.total, state.job_id, progress.get("seconds_left"), error)


def state_data(session: Session, project_id: int) -> dict[str, Any]:
    """For features.js: the same as numbers; ``over`` is true when no job waits or runs."""
    state = features.state(session, project_id)
    progress = state.progress or {}
    return {
        "over": state.job_id is None,
        "done": int(progress.get("done", state.done)),
        "total": state.total,
        "seconds_left": progress.get("seconds_left"),
    }
