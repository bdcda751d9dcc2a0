"""``python -m app judge``: a finished run judged again with several views of each picture, or what came of it."""

from dataclasses import dataclass
from typing import Any

from app.commands import training
from app.commands.common import Exit, Parts, find_project, opened, put, put_json, say
from app.config import Settings
from app.db.run_models import Job, Run
from app.domain.enums import JobState
from app.domain.errors import NotFound
from app.domain.views import SEVERAL
from app.services import jobs, judged, judging, runs
from app.services.answers import Kept
from app.web import messages
from app.web.deps import login_name


@dataclass(frozen=True)
class Wish:
    """What was typed; without ``views`` nothing is started, and all results are printed."""

    project: str
    run: int
    views: str
    wait: bool
    as_json: bool


def run(settings: Settings, wish: Wish) -> int:
    """Queue the job; with ``wait`` stay until it has ended, and fail when it did not end well."""
    with opened(settings) as parts:
        with parts.write() as session:
            project = find_project(session, wish.project)
            if project is None:
                raise NotFound("project_missing", slug=wish.project)
            run = runs.by_number(session, project.id, wish.run)
            job = None
            if wish.views:
                job = judging.start(session, run, wish.views, actor=settings.user or login_name())
        if job is not None and wish.wait:
            return _wait(parts, wish, run, job)
        _show(parts, wish, run)
    return Exit.OK


def _wait(parts: Parts, wish: Wish, run: Run, job: Job) -> int:
    try:
        with training.some_worker(parts) as own:
            job = training.follow(parts, job.id, own)
    except KeyboardInterrupt:
        with parts.write() as session:
            jobs.cancel(session, job.id)
        say("Stopped; a former result stays.")
        return Exit.INTERRUPTED
    _show(parts, wish, run)
    if job.error_code:
        say(messages.say(job.error_code, job.error_params))
    return Exit.OK if job.state == JobState.DONE else Exit.FAILED


def _show(parts: Parts, wish: Wish, run: Run) -> None:
    """Print what was asked for, or everything there is."""
    kept = Kept(parts.store)
    with parts.database.read() as session:
        rows = [row for row in judging.listed(session, run) if wish.views in ("", row.views)]
        found = [judged.result_json(session, kept, run, row) for row in rows]
    if wish.as_json:
        put_json({"project": wish.project, "run": wish.run, "judged": found})
        return
    if not found:
        put(f"Run {wish.run} was not judged again. Choose one of: --views {', '.join(SEVERAL)}.")
    for one in found:
        put(f"{one['count']} views ({one['views']}): {one['state']}")
        for role in ("test", "validation"):
            if one[role]:
                _line(role, one[role])


def _line(role: str, found: dict[str, Any]) -> None:
    if not found["images"]:
        return
    low, high = found["difference_95"]
    put(
        f"  {role:<11} accuracy {found['plain']['accuracy']:.4f} -> {found['views']['accuracy']:.4f}, "
        f"difference {found['difference']:+.4f} (95 % {low:+.4f} to {high:+.4f}), p {found['p']:.3f}, "
        f"{found['gained']} became right, {found['lost']} wrong, of {found['images']}"
    )
