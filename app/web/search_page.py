"""Puts together what the page of a search for settings shows."""

import gettext as gettext_module
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job
from app.domain import matrix, search
from app.domain.enums import FINAL_STATES, JobState
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.domain.search import Honest
from app.domain.stats import exact
from app.domain.text import N_
from app.services import jobs, run_list, searches
from app.services.run_list import RunLine
from app.services.searches import Plan, Trial
from app.web import run_names, run_words, search_form, several, trial_charts
from app.web.messages import say
from app.web.trial_charts import Plot, Point

Catalogue = gettext_module.NullTranslations


@dataclass(frozen=True)
class Row:
    """A training with its values in words."""

    trial: Trial
    values: Sequence[str]
    duration: str
    best: bool


@dataclass(frozen=True)
class Lead:
    """Of the best ready recipe over run ``over``: images that only one of them has right, and McNemar's exact p."""

    over: int
    gained: int
    lost: int
    p: float

    @property
    def proven(self) -> bool:
        """At 5 %."""
        return self.p < exact.LEVEL


@dataclass(frozen=True)
class SearchPage:
    """One search."""

    project: Project
    job: Job
    state: JobState
    plan: Plan
    title: str
    method: str
    labels: Sequence[str]
    rows: Sequence[Row]  # trials, the best of the last round first
    ready: bool  # the best of ready recipes: ordinary trainings, each with its test set
    left_out: int  # of those, which were not begun because the others had settled it
    lead: Lead | None
    tested: RunLine | None  # what the test set says of the best of them
    best: Trial | None
    honest: Honest | None
    plots: Sequence[Plot]
    rounds: Sequence[tuple[int, int]]
    ended: int
    begun: int
    left: str
    duration: str
    failure: str
    finished: bool
    tests: bool  # one of the trainings has images of the test set
    unattended: bool  # it has not ended, and no worker is alive


def build(session: Session, project: Project, job: Job, t: Catalogue) -> SearchPage:
    """Everything the page shows."""
    plan, base = Plan.of(job.spec[searches.PLAN]), Recipe.from_json(job.spec[searches.RECIPE])
    found = searches.trials(session, job.id)
    best, ready = searches.chosen(found), plan.method == search.READY
    names = [] if ready or not found else matrix.varied([base, *(trial.recipe for trial in found)])
    names = [name for name in names if name != "epochs"]
    rounds, seconds = plan.rounds(base.epochs), [trial.run.seconds or 0.0 for trial in found]
    kept = job.result.get(searches.HONEST)
    return SearchPage(
        project=project,
        job=job,
        state=_state(job, found),
        plan=plan,
        title=t.gettext(search_form.READY if ready else N_("Search for settings")),
        method="" if ready else t.gettext(search_form.METHODS[plan.method][0]),
        labels=[t.gettext("Recipe")] if ready else [search_form.label(name, t.gettext) for name in names],
        rows=[_row(trial, names, best, t) for trial in _in_order(found)],
        ready=ready,
        left_out=len(plan.ready) - len(found) if ready and job.state == JobState.DONE else 0,
        lead=_lead(job, best),
        tested=_tested(session, project, job, best) if ready and best else None,
        best=best,
        honest=Honest(**kept) if kept else None,
        plots=[] if ready else _plots(found, names, best, t),
        rounds=rounds if len(rounds) > 1 else [],
        ended=sum(trial.ended for trial in found),
        begun=len(plan.ready) if ready and job.state not in FINAL_STATES else len(found),
        left="" if ready else _left(plan, base, found, t),
        duration=run_words.duration(sum(seconds), t),
        failure=say(job.error_code, dict(job.error_params), t.gettext) if job.error_code else "",
        finished=JobState(job.state) in FINAL_STATES,
        tests=searches.tested(session, job.id),
        unattended=JobState(job.state) not in FINAL_STATES and not jobs.workers_alive(session),
    )


def _state(job: Job, found: Sequence[Trial]) -> JobState:
    if job.state == JobState.WAITING and any(trial.state == JobState.RUNNING for trial in found):
        return JobState.RUNNING
    return JobState(job.state)


def _tested(session: Session, project: Project, job: Job, best: Trial) -> RunLine | None:
    return next((line for line in run_list.lines(session, project.id, job.id) if line.number == best.run.number), None)


def _lead(job: Job, best: Trial | None) -> Lead | None:
    kept = job.result.get(searches.LEAD)
    if not kept or best is None:
        return None
    return Lead(**kept, p=exact.mcnemar(kept["gained"], kept["lost"]))


def _in_order(found: Sequence[Trial]) -> list[Trial]:
    """The last round first, in each the best first, those without numbers last."""

    def place(trial: Trial) -> tuple[float, ...]:
        score = trial.score
        return (-trial.round, *((0, -score.accuracy, score.loss) if score else (1, 0, 0)), trial.number)

    return sorted(found, key=place)


def _row(trial: Trial, names: Sequence[str], best: Trial | None, t: Catalogue) -> Row:
    values = [_word(name, _value(trial.recipe, name), t) for name in names]
    if not names and trial.recipe.preset in PRESETS:
        values = [t.gettext(PRESETS[trial.recipe.preset].title)]
    marked = best is not None and trial.run.id == best.run.id
    return Row(trial, values, run_words.duration(trial.run.seconds, t), marked)


def _value(recipe: Recipe, name: str) -> Any:
    if name != matrix.AUGMENTATION:
        return recipe.flat()[name]
    return round(recipe.augmentation.rotation, 1) if recipe.augmentation.rotation else recipe.all_changes.active


def _word(name: str, value: Any, t: Catalogue) -> str:
    if name == matrix.AUGMENTATION:
        if isinstance(value, bool):
            switch = "on" if value else "off"
            return t.gettext(several.SWITCHED[switch])
        return t.gettext("rotation %(degrees)s°") % {"degrees": f"{value:g}"}
    if name in run_names.OF_CLASSES:
        return run_names.word(name, value, t.gettext)
    return run_names.plain_word(name, value, t.gettext, digits=3)


def _plots(found: Sequence[Trial], names: Sequence[str], best: Trial | None, t: Catalogue) -> list[Plot]:
    done = [trial for trial in found if trial.score is not None]
    if len(done) < 2:
        return []
    return [
        trial_charts.plot(
            search_form.label(name, t.gettext),
            [
                Point(
                    _value(trial.recipe, name), _word(name, _value(trial.recipe, name), t),
                    trial.score.accuracy if trial.score else 0.0, trial.round, trial.run.number,
                    best is not None and trial.run.id == best.run.id,
                )
                for trial in done
            ],
        )
        for name in names
    ]  # fmt: skip


def _left(plan: Plan, base: Recipe, found: Sequence[Trial], t: Catalogue) -> str:
    """About the time of the trials that are not done yet, from those that are; "" while nobody knows."""
    done = [trial for trial in found if trial.score is not None and trial.run.seconds]
    if not done:
        return ""
    pace = sum(trial.run.seconds or 0.0 for trial in done) / sum(trial.recipe.epochs for trial in done)
    work = sum(count * epochs for count, epochs in plan.rounds(base.epochs))
    seconds = pace * (work - sum(trial.recipe.epochs for trial in found if trial.ended))
    if plan.minutes:
        seconds = min(seconds, plan.minutes * 60 - sum(trial.run.seconds or 0.0 for trial in found))
    if seconds <= 0:
        return ""
    return t.gettext("about %(time)s of training left") % {"time": run_words.duration(max(seconds, 1.0), t)}
