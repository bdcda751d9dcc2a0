"""``python -m app train``: a training without a browser, with the result as JSON."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.commands import reporting
from app.commands.common import Exit, Parts, find_project, opened, put, put_json, say
from app.config import Settings, child_environment
from app.db.run_models import Job, Run
from app.domain.enums import FINAL_STATES, JobState
from app.domain.errors import AppError, Invalid, NotFound
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.services import jobs, report, runs
from app.web import messages
from app.web.deps import login_name

LOOK_SECONDS = 0.3
TOLD_SECONDS = 2.0
WORKER_GRACE = 20.0


@dataclass(frozen=True)
class Wish:
    """What was typed."""

    project: str
    preset: str
    folds: int | None
    changes: Sequence[str]
    seed: int | None
    name: str
    wait: bool
    as_json: bool


def run(settings: Settings, wish: Wish) -> int:
    """Queue the training; with ``wait`` stay until it has ended, and fail when it did not end well."""
    recipe = recipe_of(wish)
    with opened(settings) as parts:
        with parts.write() as session:
            project = find_project(session, wish.project)
            if project is None:
                raise NotFound("project_missing", slug=wish.project)
            run = runs.create(session, project, recipe, name=wish.name, actor=settings.user or login_name())
            queued = {"project": project.slug, "run": run.number, "state": str(JobState.QUEUED)}
        if not wish.wait:
            if wish.as_json:
                put_json(queued)
            else:
                put(f"Run {queued['run']} of {queued['project']} waits for a worker.")
            return Exit.OK
        return _wait(parts, run, as_json=wish.as_json)


def recipe_of(wish: Wish) -> Recipe:
    """The preset with the changes that were typed.

    Raises:
        Invalid: an unknown preset, an unreadable ``--set``, or values that cannot be used.
    """
    if wish.preset not in PRESETS:
        raise Invalid("preset_unknown", preset=wish.preset, known=", ".join(PRESETS))
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
    return PRESETS[wish.preset].recipe.updated(values)


def _wait(parts: Parts, run: Run, *, as_json: bool) -> int:
    try:
        with _some_worker(parts) as own:
            job = _follow(parts, run.job_id, own)
    except KeyboardInterrupt:
        with parts.write() as session:
            jobs.cancel(session, run.job_id)
        say("Stopped; the run was cancelled.")
        return Exit.INTERRUPTED
    with parts.database.read() as session:
        reporting.show(report.result_json(session, session.get_one(Run, run.id)), as_json=as_json)
    if job.error_code:
        say(messages.say(job.error_code, job.error_params))
    return Exit.OK if job.state == JobState.DONE else Exit.FAILED


@contextlib.contextmanager
def _some_worker(parts: Parts) -> Iterator[subprocess.Popen[bytes] | None]:
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


def _follow(parts: Parts, job_id: int, own: subprocess.Popen[bytes] | None) -> Job:
    """Look at the job until it has ended; tell from time to time how far it is.

    Raises:
        AppError: ``worker_ended``: our own worker is gone.
    """
    told, next_at = "", 0.0
    while True:
        with parts.database.read() as session:
            job = session.get_one(Job, job_id)
        if job.state in FINAL_STATES:
            return job
        if own is not None and own.poll() is not None:
            raise AppError("worker_ended", code=own.returncode)
        text = _progress(job)
        if text != told and time.monotonic() >= next_at:
            say(text)
            told, next_at = text, time.monotonic() + TOLD_SECONDS
        time.sleep(LOOK_SECONDS)


def _progress(job: Job) -> str:
    told = job.progress
    if not told:
        return str(job.state)
    if told["phase"] == "train":
        return f"fold {told['fold'] + 1} of {told['folds']}, epoch {told['epoch']} of {told['epochs']}"
    return f"{told['phase']}: {told['done']} of {told['total']}"
