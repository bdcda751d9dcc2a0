"""Files of arrays with the answers of a run: which there are, whether they are still true, and how they are kept.

The worker makes them when a run is done (``worker.packing``), and later for runs that have none. The rows stay the
truth: number, newest id and sum of the classes said are asked of the table at each look, with the attempt of the job,
because SQLite gives the ids of the last rows out again.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import AnswerPack, Job, Prediction, Run
from app.domain.enums import JobState, PredictionRole
from app.domain.errors import AppError
from app.services.once import remembered
from app.storage import Store
from app.storage.packed import PackDamaged, Packed, open_packed

ALL = -1  # the fold of what all models said together
MODELS = "models"  # what the models of a K-fold run say, side by side
BORDERS = "borders"  # how far the heat maps lie on padding and border
IMAGES = "images"  # how many images the run has, and their fingerprint
MAP = "map"  # the map of the run by its own network, which is made when somebody asks for it
UNUSABLE = (AppError, PackDamaged, OSError, KeyError, ValueError, TypeError)
Array = NDArray[Any]
_ASKED = "states of answers"  # key of what ``states`` found in the transaction that reads now
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """What tells whether the answers of a role have changed."""

    count: int
    newest_id: int
    said: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is in the store."""

    role: str
    fold: int
    state: State
    sha256: str
    size: int


def attempt(run: Run) -> sa.ScalarSelect[int]:
    """Which attempt of its job has the run, as a part of a statement."""
    return sa.select(Job.attempt).where(Job.id == run.job_id).scalar_subquery()


def fitting(run: Run, role: PredictionRole, fold: int | None) -> list[sa.ColumnElement[bool]]:
    """The rows of a role, or of one model of it."""
    fits = [Prediction.run_id == run.id, Prediction.role == role]
    return fits if fold is None else [*fits, Prediction.fold == fold]


def state(session: Session, run: Run, role: PredictionRole, fold: int | None = None) -> State:
    """The state of the rows of a role, read from an index."""
    parts = [
        one
        for (named, model), one in _asked(session).get(run.id, {}).items()
        if named is role and fold in (None, model)
    ]
    if parts:
        return together(parts)
    sums = (sa.func.count(), sa.func.max(Prediction.id), sa.func.sum(Prediction.predicted), attempt(run))
    row = session.execute(sa.select(*sums).where(*fitting(run, role, fold))).one()
    return State(*(int(value or 0) for value in row))


def states(session: Session, run: Run) -> dict[tuple[PredictionRole, int], State]:
    """The states of all roles and models of a run in one statement; a page that only reads asks once."""
    asked = _asked(session)
    if run.id not in asked:
        asked[run.id] = _states(session, run)
    return asked[run.id]


def _asked(session: Session) -> dict[int, dict[tuple[PredictionRole, int], State]]:
    """What is known of runs by their ids as long as the transaction of ``session`` reads; nothing while it writes."""
    found: dict[int, dict[tuple[PredictionRole, int], State]] = remembered(session).setdefault(_ASKED, {})
    return found


def _states(session: Session, run: Run) -> dict[tuple[PredictionRole, int], State]:
    sums = (sa.func.count(), sa.func.max(Prediction.id), sa.func.sum(Prediction.predicted), attempt(run))
    query = sa.select(Prediction.role, Prediction.fold, *sums).where(Prediction.run_id == run.id)
    rows = session.execute(query.group_by(Prediction.role, Prediction.fold))
    return {
        (PredictionRole(role), fold): State(int(count), int(newest), int(said), int(attempt or 0))
        for role, fold, count, newest, said, attempt in rows
    }


def together(some: Iterable[State]) -> State:
    """The state of several models as that of one role; there is at least one."""
    parts = list(some)
    sums = (sum(one.count for one in parts), max(one.newest_id for one in parts), sum(one.said for one in parts))
    return State(*sums, parts[0].attempt)


def find(
    session: Session, store: Store, run: Run, role: str, fold: int | None, now: State | None = None
) -> Packed | None:
    """The file of a role, or None: there is none, the rows are others than ``now`` says, or it cannot be read."""
    row = session.get(AnswerPack, (run.id, str(role), ALL if fold is None else fold))
    if row is None or now not in (None, State(row.count, row.newest_id, row.said, row.attempt)):
        return None
    try:
        return open_packed(store, row.sha256)
    except UNUSABLE as error:
        log.warning("The packed answers of run %s cannot be read: %s", run.id, error)
        return None


def keep(session: Session, run: Run, made: list[Made]) -> bool:
    """Write the rows of files that were made of what the run is at this moment; False when it has changed since."""
    job = session.get_one(Job, run.job_id)
    if job.state != JobState.DONE or any(one.state.attempt != job.attempt for one in made):
        return False
    session.execute(sa.delete(AnswerPack).where(AnswerPack.run_id == run.id, AnswerPack.role != MAP))
    session.add_all(_row(run.id, one) for one in made)
    return True


def keep_map(session: Session, run: Run, made: Made) -> None:
    """Put the map of a run in the place of a former one."""
    session.execute(sa.delete(AnswerPack).where(AnswerPack.run_id == run.id, AnswerPack.role == MAP))
    session.add(_row(run.id, made))


def _row(run_id: int, made: Made) -> AnswerPack:
    values: Mapping[str, Any] = {"role": made.role, "fold": made.fold, "sha256": made.sha256, "size": made.size}
    return AnswerPack(run_id=run_id, **values, **asdict(made.state))


def drop(session: Session, run_id: int) -> None:
    """A run is trained again: what was packed is not true any more. The files go with the next cleaning."""
    session.execute(sa.delete(AnswerPack).where(AnswerPack.run_id == run_id))


def due(session: Session, most: int) -> list[int]:
    """Ids of finished runs whose answers are not packed, the newest first."""
    query = (
        sa.select(Run.id)
        .join(Job, Job.id == Run.job_id)
        .where(
            Job.state == JobState.DONE,
            sa.exists().where(Prediction.run_id == Run.id),
            ~sa.exists().where(AnswerPack.run_id == Run.id, AnswerPack.attempt == Job.attempt, AnswerPack.role != MAP),
        )
    )
    return list(session.scalars(query.order_by(Run.id.desc()).limit(most)))
