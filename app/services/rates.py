"""Searches for a learning rate: asked for, what they have found, and the recipe with the rate that was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job
from app.domain import rate_search
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.domain.errors import NotFound
from app.domain.rate_search import Found
from app.domain.recipe import Recipe
from app.services import jobs, origins, plans, preflight, projects, run_images, splits
from app.services.run_images import Drawn
from app.services.runs import ANYHOW, REQUEST, How

RECIPE, LOSSES, DIVERGED = "recipe", "losses", "diverged"  # keys of ``Job.spec`` and ``Job.result``
LISTED = 20


@dataclass(frozen=True)
class Search:
    """A search as its page shows it.

    Attributes:
        rates, losses: of the steps so far.
        diverged: the training ended because the loss grew.
        found: what the curve proposes, None while it runs and when it shows nothing.
        told: how far it is; ``place``: in line, None when it does not wait.
        seconds: from its start to its end.
    """

    number: int
    state: JobState
    recipe: Recipe
    rates: Sequence[float]
    losses: Sequence[float]
    diverged: bool
    found: Found | None
    told: dict[str, Any]
    place: int | None
    seconds: float | None
    error_code: str
    error_params: dict[str, Any]
    created_at: datetime

    @property
    def finished(self) -> bool:
        """True when nothing of it will change any more."""
        return self.state in FINAL_STATES


def start(session: Session, project: Project, recipe: Recipe, how: How = ANYHOW) -> Job:
    """Queue a search for a rate for ``recipe`` on the images that a training would learn from.

    Raises:
        Invalid: whatever a training with this recipe would be refused for, or ``queue_full``.
    """
    forecast = plans.forecast(splits.table(session, project.id), recipe)
    if forecast.problems:
        raise forecast.problems[0]
    preflight.refuse(session, recipe, forecast, how.needs)
    origins.find(session, project.id, recipe)
    spec = {RECIPE: recipe.to_json(), REQUEST: how.request}
    return jobs.create(
        session, project_id=project.id, kind=JobKind.RATES, lane=Lane.GPU, spec=spec, needs=how.needs
    )  # fmt: skip


def pictures(
    session: Session, project_id: int, recipe: Recipe
) -> tuple[plans.Forecast, Drawn, NDArray[np.int64]]:  # fmt: skip
    """What a search looks at: of the images that the first model would learn from no more than its steps need.

    Neither validation nor test images are among them.

    Raises:
        Invalid: the images have changed since it was asked for, and cannot be trained on any more.
    """
    forecast = plans.forecast(splits.table(session, project_id), recipe)
    if forecast.problems:
        raise forecast.problems[0]
    drawn = run_images.drawn(session, project_id, recipe, forecast)
    places = drawn.learned()
    most = rate_search.STEPS * recipe.batch_size * recipe.accumulation
    if len(places) > most:
        places = np.sort(np.random.default_rng(recipe.seed).choice(places, most, replace=False))
    return forecast, drawn, places


def by_number(session: Session, project_id: int, number: int) -> Search:
    """A search with what it has found so far.

    Raises:
        NotFound: the project has no such search.
    """
    job = _job(session, project_id, number)
    losses = [float(loss) for loss in job.result.get(LOSSES, [])]
    used = rate_search.rates()[: len(losses)].tolist()
    state = JobState(job.state)
    done = state is JobState.DONE
    seconds = (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    return Search(
        number=job.id,
        state=state,
        recipe=Recipe.from_json(job.spec[RECIPE]),
        rates=used,
        losses=losses,
        diverged=bool(job.result.get(DIVERGED)),
        found=rate_search.find(used, losses) if done else None,
        told=dict(job.progress),
        place=jobs.place_in_line(session, job) if state is JobState.QUEUED else None,
        seconds=seconds,
        error_code=job.error_code or "",
        error_params=dict(job.error_params),
        created_at=job.created_at,
    )


def with_rate(session: Session, project_id: int, number: int, rate: str) -> Recipe:
    """The recipe of a search with a rate that was chosen.

    Raises:
        NotFound: the project has no such search.
        Invalid: no rate that a recipe may have.
    """
    recipe = Recipe.from_json(_job(session, project_id, number).spec[RECIPE])
    return recipe.updated({"learning_rate": rate}) if rate else recipe


def listed(session: Session, project_id: int) -> list[Job]:
    """The newest searches of a project, newest first."""
    query = sa.select(Job).where(Job.project_id == project_id, Job.kind == JobKind.RATES)
    return list(session.scalars(query.order_by(Job.id.desc()).limit(LISTED)))


def asked_for(session: Session, project_id: int, request: str) -> Job | None:
    """The search that ``request`` started, None when there is none yet; the project stays locked until the commit."""
    projects.lock(session, project_id)
    query = sa.select(Job).where(Job.project_id == project_id, Job.kind == JobKind.RATES)
    return session.scalar(query.where(Job.spec[REQUEST].as_string() == request).limit(1))


def again(session: Session, project: Project, number: int) -> Job:
    """The same search on the images as they are now.

    Raises:
        NotFound: the project has no such search.
        Invalid: as ``start``.
    """
    job = _job(session, project.id, number)
    return start(session, project, Recipe.from_json(job.spec[RECIPE]), replace(ANYHOW, needs=job.needs))


def stop(session: Session, project_id: int, number: int) -> None:
    """End a search; the curve so far stays.

    Raises:
        NotFound: the project has no such search.
    """
    jobs.cancel(session, _job(session, project_id, number).id)


def _job(session: Session, project_id: int, number: int) -> Job:
    job = session.get(Job, number)
    if job is None or job.project_id != project_id or job.kind != JobKind.RATES:
        raise NotFound("rate_search_missing", number=number)
    return job
