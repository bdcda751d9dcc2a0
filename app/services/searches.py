"""Searches for good settings: planned, carried on whenever their trainings have ended, and chosen by validation alone.

A search is a job whose children are trainings. Which they are follows from the seed and from the children there are,
so it does not matter who carries it on, or after which interruption. The models of drawn trials are never asked about
the test set; only a training with the chosen settings is. Ready recipes are few and ordinary trainings: each is tested,
but which one is better is for validation to say, before anybody looks at that.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run, RunFold, RunItem
from app.domain import best, search
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane, Split
from app.domain.errors import Invalid, NotFound
from app.domain.recipe import Recipe
from app.services import jobs, pacing, projects, renamed, runs, search_scores, splits
from app.services.runs import ANYHOW, MOST_ITEMS, REQUEST, How
from app.services.spreading import Spread

PLAN, RECIPE, NAME, ACTOR, SPREAD = "plan", "recipe", "name", "actor", "spread"  # keys of the specification of a search
HONEST, LEAD = "honest", "lead"  # keys of its result
TRIAL, ROUND = "trial", "round"  # and of its children; the training with the chosen settings has neither
AT_ONCE = 2  # trials that are begun together when only the minutes are limited


@dataclass(frozen=True)
class Plan:
    """What is searched.

    Attributes:
        method: one of ``search.METHODS``.
        trials: settings that are tried, at most.
        minutes: of training after which nothing new is begun; 0 is no limit.
        fields: what varies, names of ``search.dimensions``.
        ready: the values of the recipes that are tried, for the method ``ready``.
        seed: of the draws.
    """

    method: str = search.RANDOM
    trials: int = 12
    minutes: int = 0
    fields: tuple[str, ...] = ()
    ready: tuple[dict[str, Any], ...] = ()
    seed: int = 0

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Plan":
        """From the specification of a job."""
        known = {one.name: values[one.name] for one in fields(cls)}
        return cls(**{**known, "fields": tuple(values["fields"]), "ready": tuple(values["ready"])})

    def rounds(self, epochs: int) -> list[tuple[int, int]]:
        """(trials, epochs) of each round; only halving has several."""
        if self.method == search.HALVING:
            return search.rounds(self.trials, epochs)
        return [(self.trials, epochs)]


@dataclass(frozen=True)
class Trial:
    """One training of a search with its place, and what validation says of it once it is done."""

    job: Job
    run: Run
    number: int
    round: int
    recipe: Recipe
    score: search_scores.Score | None

    @property
    def state(self) -> JobState:
        """Of its job."""
        return JobState(self.job.state)

    @property
    def ended(self) -> bool:
        """True when nothing of it will change any more."""
        return self.state in FINAL_STATES


def start(
    session: Session, project: Project, recipe: Recipe, plan: Plan, *, name: str = "", actor: str, how: How = ANYHOW
) -> Job:
    """Make the job of a search and its first trainings.

    Raises:
        Invalid: whatever a training would be refused for; ``search_nothing_varies``; ``matrix_items``; ``queue_full``.
    """
    if plan.method != search.READY and not set(plan.fields) & set(search.dimensions(recipe)):
        raise Invalid("search_nothing_varies")
    projects.lock(session, project.id)
    images = sum(row.total for row in splits.table(session, project.id).used)
    if images * plan.trials > MOST_ITEMS:
        raise Invalid("matrix_items", count=plan.trials, images=images * plan.trials, most=MOST_ITEMS)
    jobs.refuse_full(session, project.id, plan.trials)
    spec = {
        PLAN: asdict(plan), RECIPE: recipe.to_json(), NAME: name.strip()[:200], ACTOR: actor, REQUEST: how.request,
        SPREAD: str(how.spread),
    }  # fmt: skip
    job = jobs.create(
        session, project_id=project.id, kind=JobKind.SEARCH, lane=Lane.GPU, spec=spec, priority=how.priority,
        needs=how.needs, state=JobState.WAITING,
    )  # fmt: skip
    advance(session, job)
    return job


def advance(session: Session, job: Job) -> bool:
    """Begin what comes next, if all that was begun has ended; False when the search is over.

    Raises:
        Invalid: ``search_no_result``: no trial has come to an end; or what ``runs.create`` refuses.
    """
    found = trials(session, job.id)
    if any(not trial.ended for trial in found):
        return True
    plan, base = Plan.of(job.spec[PLAN]), Recipe.from_json(job.spec[RECIPE])
    wanted = _next_ready(session, plan, found) if plan.method == search.READY else _next(plan, base, found)
    for number, turn, recipe in wanted:
        known = renamed.now(session, found[0].run.id, recipe) if found else recipe
        _begin(session, job, known, {TRIAL: number, ROUND: turn})
    if not wanted and chosen(found) is None:
        raise Invalid("search_no_result", count=len(found))
    return bool(wanted)


def chosen(found: Sequence[Trial]) -> Trial | None:
    """The best trial of the longest round that has any results, None while there are none."""
    done = [trial for trial in found if trial.score is not None]
    last = [trial for trial in done if trial.round == max(one.round for one in done)]
    return _best_first(last)[0] if last else None


def whole(job: Job, winner: Trial) -> Recipe:
    """The settings of a trial with all epochs of the recipe that the search began with."""
    return replace(winner.recipe, epochs=Recipe.from_json(job.spec[RECIPE]).epochs)


def train_best(session: Session, project: Project, job: Job, *, actor: str) -> Run:
    """Queue a training with the best settings so far, with all epochs and with the test set at its end.

    Raises:
        Invalid: ``search_no_result``: no trial has come to an end yet; or as ``runs.create``.
    """
    found = trials(session, job.id)
    winner = chosen(found)
    if winner is None:
        raise Invalid("search_no_result", count=len(found))
    recipe = renamed.now(session, winner.run.id, whole(job, winner))
    return runs.create(session, project, recipe, name=str(job.spec[NAME]), actor=actor)


def _next_ready(session: Session, plan: Plan, found: Sequence[Trial]) -> list[tuple[int, int, Recipe]]:
    """One after the other, until nothing is left to win; as long as the time allows."""
    scores = [trial.score for trial in found if trial.score is not None]
    if len(found) == len(plan.ready) or any(best.settled(score.right, score.images) for score in scores):
        return []
    recipe = Recipe.from_json(plan.ready[len(found)])
    if found:
        spent = sum(trial.run.seconds or 0.0 for trial in found)
        first = found[0].run
        learned = session.scalar(sa.select(sa.func.sum(RunFold.train_count)).where(RunFold.run_id == first.id)) or 0
        images = session.scalar(sa.select(sa.func.count()).where(RunItem.run_id == first.id)) or 0
        recipe = pacing.bounded(session, first.project_id, recipe, (learned, images), spent)
    return [(len(found), 0, recipe)]


def _next(plan: Plan, base: Recipe, found: Sequence[Trial]) -> list[tuple[int, int, Recipe]]:
    """(number, round, recipe) of the trials that come next; all that were begun have ended."""
    seconds = [trial.run.seconds or 0.0 for trial in found if trial.score is not None]
    left = plan.minutes * 60 - sum(trial.run.seconds or 0.0 for trial in found) if plan.minutes else None
    if left is not None and left <= 0:
        return []
    steps = plan.rounds(base.epochs)
    turn = max((trial.round for trial in found), default=0)
    now = [trial for trial in found if trial.round == turn]
    count, epochs = steps[turn]
    if turn == 0 and len(now) < count:
        most = count - len(now)
        if left is not None and plan.method == search.RANDOM:
            fitting = int(left // (sum(seconds) / len(seconds))) if seconds and sum(seconds) else AT_ONCE
            most = min(most, AT_ONCE, fitting)
        return [(number, 0, _recipe(plan, base, number, epochs)) for number in range(len(now), len(now) + most)]
    if turn + 1 >= len(steps):
        return []
    count, epochs = steps[turn + 1]
    going = _best_first([trial for trial in now if trial.score is not None])[:count]
    return [(trial.number, turn + 1, replace(trial.recipe, epochs=epochs)) for trial in going]


def _recipe(plan: Plan, base: Recipe, number: int, epochs: int) -> Recipe:
    offered = search.dimensions(base)
    varied = [offered[name] for name in plan.fields if name in offered]
    return replace(search.trial(base, varied, plan.seed, number), epochs=epochs)


def _best_first(done: Sequence[Trial]) -> list[Trial]:
    scores = {place: (trial.score.accuracy, trial.score.loss) for place, trial in enumerate(done) if trial.score}
    return [done[place] for place in search.ranked(scores)]


def _begin(session: Session, job: Job, recipe: Recipe, place: dict[str, int]) -> None:
    project = session.get_one(Project, job.project_id)
    unseen = Plan.of(job.spec[PLAN]).method != search.READY
    how = How(job.needs, Spread(job.spec.get(SPREAD, Spread.AUTO)), job.priority, job.id, unseen_test=unseen)
    name, actor, base = str(job.spec[NAME]), str(job.spec[ACTOR]), Recipe.from_json(job.spec[RECIPE])
    fits = replace(recipe, batch_size=base.batch_size, image_size=base.image_size)
    try:
        run = runs.create(session, project, recipe, name=name, actor=actor, how=how)
    except Invalid as error:
        # A draw that no worker can hold must not end the search: it is tried with steps that fit.
        if error.code not in ("memory_too_small", "zca_too_large") or recipe == fits:
            raise
        run = runs.create(session, project, fits, name=name, actor=actor, how=how)
    own = session.get_one(Job, run.job_id)
    own.spec = {**own.spec, **place}


def trials(session: Session, job_id: int) -> list[Trial]:
    """The trainings of a search in the order in which they were begun."""
    query = sa.select(Job, Run).join(Run, Run.job_id == Job.id).where(Job.parent_id == job_id).order_by(Job.id)
    rows = session.execute(query).all()
    scores = search_scores.of(session, [run.id for job, run in rows if job.state == JobState.DONE])
    return [
        Trial(job, run, int(job.spec.get(TRIAL, 0)), int(job.spec.get(ROUND, 0)), Recipe.from_json(run.recipe),
              scores.get(run.id))
        for job, run in rows
    ]  # fmt: skip


def result(session: Session, job_id: int) -> dict[str, Any]:
    """What is kept of a search that is over: the accuracy to expect of its best settings, and its lead over the next.

    The lead is that of a ready recipe: the run that is next, and how many images only one of the two has right.
    """
    compared = [trial for trial in trials(session, job_id) if trial.score is not None]
    longest = {trial.number: trial.run.id for trial in compared}  # of each trial its last round
    found = search_scores.honest(session, list(longest.values()))
    kept: dict[str, Any] = {HONEST: asdict(found)} if found else {}
    if Plan.of(session.get_one(Job, job_id).spec[PLAN]).method == search.READY and len(compared) > 1:
        first, second = _best_first(compared)[:2]
        only, other = search_scores.lead(session, first.run.id, second.run.id)
        kept[LEAD] = {"over": second.run.number, "gained": only, "lost": other}
    return kept


def tested(session: Session, job_id: int) -> bool:
    """True when a training of a search has images of the test set."""
    query = sa.select(RunItem.id).join(Run, RunItem.run_id == Run.id).join(Job, Run.job_id == Job.id)
    mine = query.where(Job.parent_id == job_id, RunItem.split == Split.TEST)
    return session.scalar(mine.limit(1)) is not None


def asked_for(session: Session, project_id: int, request: str) -> Job | None:
    """The search that ``request`` started, None when there is none yet; the project stays locked until the commit."""
    projects.lock(session, project_id)
    query = sa.select(Job).where(Job.project_id == project_id, Job.kind == JobKind.SEARCH)
    return session.scalar(query.where(Job.spec[REQUEST].as_string() == request).limit(1))


def exists(session: Session, project_id: int, number: int) -> bool:
    """True for the number of a search."""
    mine = (Job.id == number, Job.project_id == project_id, Job.kind == JobKind.SEARCH)
    return session.scalar(sa.select(Job.id).where(*mine)) is not None


def job_of(session: Session, project_id: int, number: int) -> Job:
    """The job of a search.

    Raises:
        NotFound: the project has no such search.
    """
    job = session.get(Job, number)
    if job is None or job.project_id != project_id or job.kind != JobKind.SEARCH:
        raise NotFound("search_missing", number=number)
    return job
