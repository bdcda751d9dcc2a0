"""Downloads of files of weights that somebody asked for, as jobs of a worker."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import Project
from app.db.run_models import Job
from app.domain import backbones
from app.domain.backbones import Backbone
from app.domain.enums import FINAL_STATES, JobKind, Lane
from app.domain.errors import NotFound
from app.services import jobs, weight_places
from app.services.jobs.workers import ON_WORKER

LATELY = timedelta(days=1)  # so long the failure of a download is shown
NAME = "name"  # key of ``Job.spec``: the network


def by_name(name: str) -> Backbone:
    """A network whose weights are a file.

    Raises:
        NotFound: ``weights_name``: there is none of this name.
    """
    about = backbones.KNOWN.get(name)
    if about is None or about.packaged:
        known = ", ".join(one.name for one in backbones.KNOWN.values() if one.file)
        raise NotFound("weights_name", name=name[:60], known=known)
    return about


def order(session: Session, project: Project, name: str, needs: str = "") -> Job:
    """Have a worker download a file; while one does, that is the answer.

    Where several machines may train, one of those that lack the file gets it.

    Raises:
        NotFound: ``weights_name``.
        Invalid: ``queue_full``.
    """
    about = by_name(name)
    known, without = weight_places.lacking(session, about, needs)
    if without and len(known) > 1:
        needs = ON_WORKER + without[0].host
    for job in running(session):
        if job.spec[NAME] == name and _same_folders(session, job.needs, needs):
            return job
    spec = {NAME: name}
    return jobs.create(session, project_id=project.id, kind=JobKind.WEIGHTS, lane=Lane.CPU, spec=spec, needs=needs)


def _same_folders(session: Session, one: str, other: str) -> bool:
    """Whether two ways to say where a file goes mean the same machines, as far as workers are alive."""
    hosts = [{place.host for place in weight_places.places(session, needs)} for needs in (one, other)]
    return one == other or (bool(hosts[0]) and hosts[0] == hosts[1])


def stop(session: Session, name: str) -> None:
    """End the downloads of a file, whoever asked for them.

    Raises:
        NotFound: ``weights_name``.
    """
    by_name(name)
    for job in running(session):
        if job.spec[NAME] == name:
            jobs.cancel(session, job.id)


def running(session: Session) -> list[Job]:
    """The downloads of all projects that wait or run, the oldest first."""
    unfinished = Job.state.not_in(sorted(FINAL_STATES))
    query = sa.select(Job).where(Job.kind == JobKind.WEIGHTS, unfinished)
    return list(session.scalars(query.order_by(Job.id)))


def newest(session: Session) -> dict[str, Job]:
    """The newest download of each file by the name of the network: those of the last day, and those under way."""
    found: dict[str, Job] = {}
    fresh = sa.or_(Job.created_at > utc_now() - LATELY, Job.state.not_in(sorted(FINAL_STATES)))
    query = sa.select(Job).where(Job.kind == JobKind.WEIGHTS, fresh)
    for job in session.scalars(query.order_by(Job.id.desc()).limit(50)):
        found.setdefault(str(job.spec[NAME]), job)
    return found
