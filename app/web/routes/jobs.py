"""The jobs page: what runs, what waits, what ended, and which workers are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from app.db.run_models import Worker
from app.domain.enums import JobKind
from app.domain.text import N_
from app.services import job_list, jobs
from app.services.job_list import JobLine
from app.web import i18n
from app.web.deps import ReadSession, WriteSession
from app.web.messages import say
from app.web.templating import redirect, render

router = APIRouter()

KINDS: dict[JobKind, str] = {
    JobKind.TRAIN: N_("Training"),
    JobKind.IMPORT: N_("Import of a zip"),
    JobKind.EXPLAIN: N_("Heat maps"),
}


@dataclass(frozen=True)
class JobsPage:
    """The jobs by what they are doing; ``reasons`` has a sentence for each job that failed."""

    running: Sequence[JobLine]
    waiting: Sequence[JobLine]
    ended: Sequence[JobLine]
    workers: Sequence[Worker]
    kinds: Mapping[JobKind, str]
    reasons: Mapping[int, str]


@router.get("/jobs", name="jobs")
def show(request: Request, session: ReadSession) -> Response:
    """Show all jobs and workers."""
    found = job_list.overview(session)
    gettext = i18n.translations(i18n.choose(request)).gettext
    page = JobsPage(
        running=found.running,
        waiting=found.waiting,
        ended=found.ended,
        workers=found.workers,
        kinds={kind: gettext(title) for kind, title in KINDS.items()},
        reasons={
            line.job_id: say(line.error_code, line.error_params, gettext) for line in found.ended if line.error_code
        },
    )
    return render(request, "jobs/index.html", page)


@router.post("/jobs/{job_id}/stop", name="job_stop")
def stop(request: Request, session: WriteSession, job_id: int, keep: Annotated[bool, Form()] = False) -> Response:
    """Stop a job; with ``keep`` a training keeps its best weights so far."""
    job_list.exists(session, job_id)
    jobs.cancel(session, job_id, keep_best=keep)
    return redirect(request, "jobs")
