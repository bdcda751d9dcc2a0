"""``python -m app train``: a training, or many, without a browser, with the result as JSON."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.commands import best, matrix, reporting
from app.commands.common import Exit, Parts, find_project, opened, put, put_json, say
from app.config import Settings, child_environment
from app.db.models import Project
from app.db.run_models import Job, Run
from app.domain import matrix as varying
from app.domain.best import NAME
from app.domain.enums import FINAL_STATES, JobState
from app.domain.errors import AppError, Invalid, NotFound
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.services import choosing, jobs, report, runs
from app.services.jobs.workers import GPU, ON_WORKER
from app.services.spreading import Spread
from app.web import messages
from app.web.deps import login_name
from app.web.forms import NEEDS

LOOK_SECONDS = 0.3
TOLD_SECONDS = 2.0
WORKER_GRACE = 20.0


@dataclass(frozen=True)
class Wish:
    """What was typed. ``vary`` makes a training of every combination; ``on`` is "", "gpu" or the name of a host."""

    project: str
    preset: str
    folds: int | None
    changes: Sequence[str]
    seed: int | None
    name: str
    wait: bool
    as_json: bool
    vary: Sequence[str] = ()
    spread: Spread = Spread.AUTO
    on: str = ""
    priority: int = 0


def run(settings: Settings, wish: Wish) -> int:
    """Queue the trainings; with ``wait`` stay until they have ended, and fail when one did not end well."""
    values, how = _values(wish), _how(wish)
    with opened(settings) as parts:
        with parts.write() as session:
            project = find_project(session, wish.project)
            if project is None:
                raise NotFound("project_missing", slug=wish.project)
            base = choosing.default(session, project) if wish.preset == NAME else PRESETS[wish.preset].recipe
            order = _order(session, project, base.updated(values), wish, settings.user or login_name(), how)
        if not wish.wait:
            _say_queued(order, as_json=wish.as_json)
            return Exit.OK
        return _wait(parts, order, as_json=wish.as_json)


@dataclass(frozen=True)
class _Ordered:
    """The job to wait for, and its runs, none yet of a search; ``group`` when they are a matrix."""

    project: str
    job_id: int
    runs: Sequence[Run]
    group: int | None = None


def _order(session: Session, project: Project, recipe: Recipe, wish: Wish, actor: str, how: runs.How) -> _Ordered:
    """Queue what was typed: the recipes that are tried, every combination of some values, or one training."""
    if wish.vary:
        named = _named(choosing.plain(session, project, recipe), wish)
        name = wish.name or " ".join(wish.vary)
        job, made = runs.create_matrix(session, project, named, actor=actor, name=name, how=how)
        return _Ordered(project.slug, job.id, made, group=job.id)
    begun = choosing.train(session, project, recipe, name=wish.name, actor=actor, how=how)
    if isinstance(begun, Job):
        return _Ordered(project.slug, begun.id, [])
    return _Ordered(project.slug, begun.job_id, [begun])


def _named(recipe: Recipe, wish: Wish) -> list[tuple[str, Recipe]]:
    """Every combination of the values that were typed, each with its name."""
    return varying.recipes(recipe, [varying.read(text) for text in wish.vary], wish.name)


def _how(wish: Wish) -> runs.How:
    """Where and when: nothing of it changes the result.

    Raises:
        Invalid: ``needs_unknown``.
    """
    on = wish.on.strip()
    needs = on if on in ("", GPU) else ON_WORKER + on
    if not NEEDS.fullmatch(needs):
        raise Invalid("needs_unknown", value=on[:60])
    return runs.How(needs, wish.spread, wish.priority)


def _say_queued(order: _Ordered, *, as_json: bool) -> None:
    if not order.runs:
        best.queued(order.project, order.job_id, as_json=as_json)
        return
    numbers = [run.number for run in order.runs]
    queued = {"project": order.project, "run": numbers[0], "state": str(JobState.QUEUED)}
    if order.group is None and as_json:
        put_json(queued)
    elif as_json:
        named = [{"run": run.number, "name": run.name} for run in order.runs]
        put_json({"project": order.project, "group": order.group, "runs": named, "state": queued["state"]})
    elif order.group is None:
        put(f"Run {numbers[0]} of {order.project} waits for a worker.")
    else:
        put(f"{len(numbers)} runs of {order.project} wait for workers: {numbers[0]} to {numbers[-1]}.")


def _values(wish: Wish) -> dict[str, str]:
    """The changes that were typed, checked as far as it can be done before anybody knows the images.

    Raises:
        Invalid: an unknown preset, an unreadable ``--set`` or ``--vary``, or values that cannot be used.
    """
    if wish.preset not in (*PRESETS, NAME):
        raise Invalid("preset_unknown", preset=wish.preset, known=", ".join([*PRESETS, NAME]))
    values: dict[str, str] = {}
    for text in wish.changes:
        name, sign, value = text.partition("=")
        if not sign:
            raise Invalid("option_unreadable", text=text)
        values[name.strip()] = value.strip()
    if wish.folds is not None:
        values["folds"] = str(wish.folds)
    if wish.seed is not None:
        values["seed"] = str(wish.seed)
    recipe = Recipe() if wish.preset == NAME else PRESETS[wish.preset].recipe.updated(values)
    if wish.vary:
        _named(recipe, wish)
    return values


def _wait(parts: Parts, order: _Ordered, *, as_json: bool) -> int:
    try:
        with some_worker(parts) as own:
            job = follow(parts, order.job_id, own)
    except KeyboardInterrupt:
        with parts.write() as session:
            jobs.cancel(session, order.job_id)
        say("Stopped; what had not ended was cancelled.")
        return Exit.INTERRUPTED
    with parts.database.read() as session:
        results = [report.result_json(session, session.get_one(Run, run.id)) for run in order.runs]
        if not results:
            results = [one for one in [best.result(session, order.job_id)] if one]
    if order.group is None and results:
        reporting.show(results[0], as_json=as_json)
    elif order.group is not None:
        matrix.show(order.project, order.group, results, as_json=as_json)
    if job.error_code:
        say(messages.say(job.error_code, job.error_params))
    return Exit.OK if job.state == JobState.DONE else Exit.FAILED


@contextlib.contextmanager
def some_worker(parts: Parts) -> Iterator[subprocess.Popen[bytes] | None]:
    """A worker of our own for the time of this command, unless one is alive already."""
    with parts.database.read() as session:
        alive = bool(jobs.workers_alive(session))
    if alive:
        yield None
        return
    words = [sys.executable, "-m", "worker", "--end-with-parent"]
    process = subprocess.Popen(  # noqa: S603 - our own module
        words, env=child_environment(), stdin=subprocess.PIPE, stdout=sys.stderr, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(WORKER_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def follow(parts: Parts, job_id: int, own: subprocess.Popen[bytes] | None) -> Job:
    """Look at the job until it has ended; tell from time to time how far it is.

    Raises:
        AppError: ``worker_ended``: our own worker is gone.
    """
    told, next_at = "", 0.0
    while True:
        with parts.database.read() as session:
            job = session.get_one(Job, job_id)
            below = [] if job.progress else jobs.children(session, job_id)
        if job.state in FINAL_STATES:
            return job
        if own is not None and own.poll() is not None:
            raise AppError("worker_ended", code=own.returncode)
        text = _progress(job, below)
        if text != told and time.monotonic() >= next_at:
            say(text)
            told, next_at = text, time.monotonic() + TOLD_SECONDS
        time.sleep(LOOK_SECONDS)


def _progress(job: Job, below: Sequence[Job]) -> str:
    told = job.progress
    if below:
        ended = sum(child.state in FINAL_STATES for child in below)
        return f"{ended} of {len(below)} done, {sum(child.state in jobs.ACTIVE for child in below)} running"
    if not told:
        return str(job.state)
    if told["phase"] == "train":
        return f"fold {told['fold'] + 1} of {told['folds']}, epoch {told['epoch']} of {told['epochs']}"
    return f"{told['phase']}: {told['done']} of {told['total']}"
