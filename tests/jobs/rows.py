"""Job rows for tests, without a worker."""

from typing import Any

from app.db.run_models import Job
from app.db.session import Database
from app.domain.enums import JobKind, Lane
from app.services import jobs

LEASE = 30.0


def make(database: Database, project_id: int, count: int = 1, lane: Lane = Lane.GPU, **values: Any) -> list[int]:
    """Queue some jobs; returns their ids."""
    with database.write() as session:
        made = [
            jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=lane, spec={}, **values)
            for _ in range(count)
        ]
        return [job.id for job in made]


def row(database: Database, job_id: int) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)


def claim(database: Database, job_id: int, owner: str = "w1", lease: float = LEASE) -> Any:
    with database.write() as session:
        return jobs.claim(session, job_id, owner, lease)
