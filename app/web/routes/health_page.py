"""The health page: can the data be trusted? What a check found, its pictures, and buttons that mend it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.db.models import Project
from app.domain import leaks
from app.domain.errors import Invalid
from app.domain.findings import GROUPS, SERIOUS, Topic
from app.services import health, health_check, health_mend, health_runs, labels, plans, splits
from app.services.gallery import ImageRow
from app.web import i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.health_done import KEPT, Done, done, is_number
from app.web.health_words import PROPERTIES, WORDS, Words
from app.web.messages import sentence
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/health")

SHOWN = 6  # pictures of a finding on the first page


@dataclass(frozen=True)
class Part:
    """One topic on the first page, with its first pictures."""

    topic: Topic
    words: Words
    count: int
    serious: bool
    images: Sequence[ImageRow]


@dataclass(frozen=True)
class HealthPage:
    """The first page. ``open``: how many findings nobody has mended or kept, warnings among them."""

    project: Project
    state: health.State
    open: int
    serious: int
    table: splits.Table
    most: int
    warnings: Sequence[str]
    sizes: health.Sizes
    detectable: float | None
    blind: bool  # the test set is too small to tell any two runs apart
    discordant: float | None
    groups: Sequence[Part]
    singles: Sequence[Part]
    properties: Sequence[Mapping[str, Any]]
    kept: Mapping[str, str | None]
    names: Mapping[str, str]
    done: Done | None


@dataclass(frozen=True)
class RunsPage:
    """What copies do to the figures of runs."""

    project: Project
    effects: Sequence[health_runs.Effect]
    copies: int


@router.get("", name="health_page")
def index(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show what the newest check found."""
    table = splits.table(session, project.id)
    state = health.state(session, project.id)
    found = health.summary(session, project.id, SHOWN)
    parts = [_part(topic, *first) for topic, first in found.items()]
    different = health_runs.discordant(session, project.id)
    detectable = leaks.detectable(table.test, different or leaks.DISCORDANT)
    blind = table.test > 0 and not detectable
    warnings = plans.balance(table)
    kept = {name: found.kept_by for name, found in health.shortcuts(session, project.id).items()}
    telling = sum(by is None for by in kept.values())
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = HealthPage(
        project=project,
        state=state,
        open=sum(part.count for part in parts if not part.serious and part.topic != Topic.FOLDS)
        + telling
        + len(warnings)
        + blind,
        serious=health.serious(session, project.id) + telling,
        table=table,
        most=max((row.total for row in table.classes), default=0),
        warnings=[sentence(warning, gettext) for warning in warnings],
        sizes=health.sizes(session, project.id),
        detectable=detectable,
        blind=blind,
        discordant=different,
        groups=[part for part in parts if part.topic in GROUPS],
        singles=[part for part in parts if part.topic not in GROUPS],
        properties=state.results.get("properties", []),
        kept=kept,
        names=PROPERTIES,
        done=done(request),
    )
    return render(request, "health/index.html", context)


def _part(topic: Topic, count: int, found: Sequence[health.Finding]) -> Part:
    images = [image for one in found for image in one.images][:SHOWN]
    return Part(topic, WORDS[topic], count, topic in SERIOUS, images)


@router.get("/state", name="health_state")
def state(project: ProjectDep, session: ReadSession) -> Response:
    """How far the check is, for the module of the page."""
    now = health.state(session, project.id)
    return JSONResponse(
        {
            "over": now.job_id is None,
            "state": now.job_state,
            "done": now.measured,
            "total": now.total,
        }
    )


@router.post("/check", name="health_check")
def check(request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession) -> Response:
    """Have a worker check the project."""
    health_check.request(session, project.id, turned=sent.values.get("turned") == "1")
    return redirect(request, "health_page", slug=project.slug)


@router.get("/runs", name="health_runs")
def runs(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Show the newest runs with and without the pictures that leaked."""
    copies = health.counts(session, project.id)[Topic.COPIES]
    return render(request, "health/runs.html", RunsPage(project, health_runs.effects(session, project.id), copies))


@router.post("/undo", name="health_undo")
def undo(request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep) -> Response:
    """Take the last act back: ``undo`` is "kept" or the id of a change set; ``topic`` is the list to go to."""
    what, topic = str(sent.values.get("undo", "")), str(sent.values.get("topic", ""))
    if what == KEPT:
        count = health_mend.undo_keep(session, project.id)
    elif is_number(what):
        taken = labels.undo(session, project.id, int(what), actor=actor, request_id=f"undo-{uuid.uuid4().hex}")
        count = taken.change_set.image_count
    else:
        raise Invalid("finding_act", value=what[:40])
    query = {"done": "undo", "count": count}
    if topic in tuple(Topic):
        return redirect(request, "health_topic", slug=project.slug, topic=topic, query=query)
    return redirect(request, "health_page", slug=project.slug, query=query)
