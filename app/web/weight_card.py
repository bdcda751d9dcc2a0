"""Files of weights that are missing: size, source, licence, and how far their downloads are."""

import gettext
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.run_models import Job
from app.domain import backbones, weight_files
from app.domain.backbones import Backbone
from app.domain.enums import FINAL_STATES, JobState, Lane
from app.services import weight_jobs, weight_places, worker_list
from app.services.worker_list import WorkerLine
from app.web import i18n, job_words, search_words
from app.web.messages import say

Catalogue = gettext.NullTranslations


@dataclass(frozen=True)
class WeightLine:
    """One file that is missing.

    Attributes:
        hosts: the machines without it, where others have it.
        folder: where it belongs; "" where nobody says.
        waiting: a download waits or runs; ``status`` says how far it is, ``done`` and ``total`` in bytes.
        failure: of the last download.
    """

    name: str
    title: str
    size: str
    url: str
    source: str
    licence: str
    file: str
    hosts: Sequence[str]
    folder: str
    waiting: bool
    status: str
    done: int
    total: int
    failure: str


@dataclass(frozen=True)
class WeightCard:
    """``chosen``: the file of the network of the form, where it is missing; ``others``: those of the other networks."""

    chosen: WeightLine | None
    others: Sequence[WeightLine]

    @property
    def waiting(self) -> bool:
        """True while a download waits or runs."""
        return any(line.waiting for line in (*self.others, *((self.chosen,) if self.chosen else ())))


def build(session: Session, name: str, needs: str, base: str, t: Catalogue, language: str) -> WeightCard:
    """The files that no worker, or not every worker, has that may take a training which ``needs`` this.

    Args:
        name: the network of the form.
        base: the address that files are downloaded from.
    """
    downloads, workers = weight_jobs.newest(session), worker_list.lines(session)
    found: dict[str, WeightLine] = {}
    for about in backbones.KNOWN.values():
        known, without = weight_places.lacking(session, about, needs)
        job = downloads.get(about.name)
        waits = job is not None and JobState(job.state) not in FINAL_STATES
        if not about.packaged and (without or not known or waits):
            hosts = [one.host for one in without] if len(without) < len(known) else []
            folder = without[0].folder if without else ""
            found[about.name] = _line(about, (hosts, folder), base, (job, workers), t, language)
    chosen = found.pop(name, None)
    return WeightCard(chosen, list(found.values()))


def _line(
    about: Backbone,
    place: tuple[Sequence[str], str],
    base: str,
    download: tuple[Job | None, Sequence[WorkerLine]],
    t: Catalogue,
    language: str,
) -> WeightLine:
    job, workers = download
    told = job.progress if job else {}
    state = JobState(job.state) if job else JobState.CANCELLED
    return WeightLine(
        name=about.name,
        title=about.title,
        size=i18n.show_filesize(about.size, language),
        url=weight_files.address(about, base),
        source=about.source,
        licence=about.licence,
        file=about.file,
        hosts=place[0],
        folder=place[1],
        waiting=state not in FINAL_STATES,
        status=_status(job, workers, t) if job and state not in FINAL_STATES else "",
        done=int(told.get("done", 0)),
        total=int(told.get("total", about.size)),
        failure=say(job.error_code, dict(job.error_params), t.gettext) if job and job.error_code else "",
    )


def _status(job: Job, workers: Sequence[WorkerLine], t: Catalogue) -> str:
    if job.state == JobState.QUEUED:
        return job_words.wait_reason(worker_list.why(workers, Lane(job.lane), job.needs), job.needs, t)
    if not job.progress.get("total"):
        return t.gettext("connects …")
    return " · ".join(filter(None, (job_words.downloaded(job.progress, t), search_words.left(job.progress, t))))
