"""The workers: who is alive, and what each of them can do."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.run_models import Worker
from app.db.session import db_now

SILENT_SECONDS = 15.0  # a worker that said nothing for so long counts as gone
FORGOTTEN_SECONDS = 86_400.0
GPU = "gpu"
ON_WORKER = "worker:"


@dataclass(frozen=True)
class Able:
    """What a worker offers; ``needs`` lists the wishes (``Job.needs``) that it can meet."""

    host: str
    gpu: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """All values of ``Job.needs`` that this worker may take."""
        return ("", ON_WORKER + self.host, *((GPU,) if self.gpu else ()))


def heartbeat(session: Session, name: str, info: dict[str, Any]) -> None:
    """A worker says that it is alive, and forgets those that have been silent for a day."""
    if not session.execute(sa.update(Worker).where(Worker.name == name).values(heartbeat=db_now(), info=info)).rowcount:  # type: ignore[attr-defined]
        session.execute(sa.insert(Worker).values(name=name, heartbeat=db_now(), info=info, started_at=utc_now()))
        silent = sa.not_(Worker.heartbeat.between(db_now() - FORGOTTEN_SECONDS, db_now() + FORGOTTEN_SECONDS))
        session.execute(sa.delete(Worker).where(silent))


def sign_off(session: Session, name: str) -> None:
    """A worker ends as it should."""
    session.execute(sa.delete(Worker).where(Worker.name == name))


def workers_alive(session: Session, seconds: float = SILENT_SECONDS) -> list[Worker]:
    """The workers that were heard of lately, by name. A sign of life from the future is from before a clock was set."""
    lately = Worker.heartbeat.between(db_now() - seconds, db_now() + SILENT_SECONDS)
    return list(session.scalars(sa.select(Worker).where(lately).order_by(Worker.name)))


def able(worker: Worker) -> Able:
    """What a worker that signed its name offers."""
    return Able(str(worker.info.get("host", "")), bool(worker.info.get("gpus")))
