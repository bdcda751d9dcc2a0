"""The health page: can the data be trusted? What a check found, its pictures, and buttons that mend it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain import leaks
from app.domain.errors import AppError, Invalid, NotFound
from app.domain.findings import GROUPS, Topic
from app.services import health, health_check, health_mend, health_runs, labels, plans, splits
from app.services.gallery import ImageRow
from app.services.health import Finding
from app.services.health_mend import Act
from app.web import i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.health_words import ACTS, PROPERTIES, WORDS, Words
from app.web.messages import sentence
from app.web.pictures import SPLITS
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/health")

PER_PAGE = {True: 20, False: 60}  # groups, single pictures
SHOWN = 6  # pictures of a finding on the first page
MANY = 24  # pictures of one group in its list


@dataclass(frozen=True)
class Done:
    """What the last act did, and how it is taken back: a change set, or "move"."""

    act: str
    count: int
    undo: str


@dataclass(frozen=True)
class Part:
    """One topic on the first page, with its first pictures."""

    topic: Topic
    words: Words
    count: int
    images: Sequence[ImageRow]


@dataclass(frozen=True)
class HealthPage:
    """The first page."""

    project: Project
    state: health.State
    table: splits.Table
    most: int
    warnings: Sequence[str]
    sizes: health.Sizes
    detectable: float | None
    discordant: float | None
    groups: Sequence[Part]
    singles: Sequence[Part]
    properties: Sequence[Mapping[str, object]]
    names: Mapping[str, str]
    done: Done | None


@dataclass(frozen=True)
class TopicPage:
    """The list of one topic."""

    project: Project
    topic: Topic
    words: Words
    grouped: bool
    findings: Sequence[Finding]
    total: int
    offset: int
    per_page: int
    many: int
    kept: bool
    kept_count: int
    acts: Mapping[Act, str]
    split_names: Mapping[str, str]
    classes: Mapping[int, LabelClass]
    done: Done | None
    error: str


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
    found = health.counts(session, project.id)
    state = health.state(session, project.id)
    parts = [_part(session, project, topic, found[topic]) for topic in Topic]
    different = health_runs.discordant(session, project.id)
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = HealthPage(
        project=project,
        state=state,
        table=table,
        most=max((row.total for row in table.classes), default=0),
        warnings=[sentence(warning, gettext) for warning in plans.balance(table)],
        sizes=health.sizes(session, project.id),
        detectable=leaks.detectable(table.test, different or leaks.DISCORDANT),
        discordant=different,
        groups=[part for part in parts if part.topic in GROUPS],
        singles=[part for part in parts if part.topic not in GROUPS],
        properties=state.results.get("properties", []),
        names=PROPERTIES,
        done=_done(request),
    )
    return render(request, "health/index.html", context)


def _part(session: Session, project: Project, topic: Topic, count: int) -> Part:
    first = health.ids(session, project.id, topic)[:SHOWN] if count else []
    found = health.load(session, project.id, first)
    images = [image for one in found for image in one.images][:SHOWN]
    return Part(topic, WORDS[topic], count, images)


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
    """Take the last act back: ``undo`` is "move" or the id of a change set."""
    what = str(sent.values.get("undo", ""))
    if what == "move":
        count = health_mend.undo_move(session, project.id)
    else:
        if not (what.isascii() and what.isdigit() and len(what) < 16):
            raise Invalid("finding_act", value=what[:40])
        taken = labels.undo(session, project.id, int(what), actor=actor, request_id=f"undo-{uuid.uuid4().hex}")
        count = taken.change_set.image_count
    return redirect(request, "health_page", slug=project.slug, query={"done": "undo", "count": count})


@router.get("/{topic}", name="health_topic")
def topic_list(request: Request, topic: str, project: ProjectDep, session: ReadSession) -> Response:
    """Show the findings of a topic with their pictures."""
    return _topic_page(request, session, project, _topic(topic))


@router.post("/{topic}", name="health_mend")
def mend(
    request: Request, topic: str, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep
) -> Response:
    """Do what a button says: ``do`` is ``act:finding``, ``relabel:finding:class`` or ``act:all``."""
    chosen = _topic(topic)
    try:
        act, which, class_id = _button(str(sent.values.get("do", "")))
        wanted = health.ids(session, project.id, chosen, kept=act is Act.UNKEEP)
        if which != "all":
            wanted = [finding for finding in wanted if str(finding) == which]
        mended = health_mend.mend(session, project.id, chosen, wanted, act, actor=actor, class_id=class_id)
    except Invalid as error:
        session.rollback()
        return _topic_page(request, session, project, chosen, error)
    undoable = "move" if act in (Act.TRAIN, Act.TEST) else str(mended.change_set_id or "")
    query = {"done": act, "count": mended.count, "undo": undoable or None, "kept": "1" if act is Act.UNKEEP else None}
    return redirect(request, "health_topic", slug=project.slug, topic=chosen, query=query)


def _topic(name: str) -> Topic:
    if name not in tuple(Topic):
        raise NotFound("topic_missing", value=name[:40])
    return Topic(name)


def _button(text: str) -> tuple[Act, str, int | None]:
    name, _, rest = text.partition(":")
    which, _, label = rest.partition(":")
    numbers = [value for value in (which if which != "all" else "", label) if value]
    if name not in tuple(Act) or not which or not all(n.isascii() and n.isdigit() and len(n) < 16 for n in numbers):
        raise Invalid("finding_act", value=text[:40])
    return Act(name), which, int(label) if label else None


def _topic_page(
    request: Request, session: Session, project: Project, topic: Topic, error: AppError | None = None
) -> Response:
    kept = request.query_params.get("kept") == "1"
    everything = health.ids(session, project.id, topic, kept=kept)
    text = request.query_params.get("offset", "")
    per_page = PER_PAGE[topic in GROUPS]
    offset = min(int(text), len(everything)) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = TopicPage(
        project=project,
        topic=topic,
        words=WORDS[topic],
        grouped=topic in GROUPS,
        findings=health.load(session, project.id, everything[offset : offset + per_page]),
        total=len(everything),
        offset=offset,
        per_page=per_page,
        many=MANY,
        kept=kept,
        kept_count=0 if kept else len(health.ids(session, project.id, topic, kept=True)),
        acts=ACTS,
        split_names=SPLITS,
        classes={item.id: item for item in project.classes},
        done=_done(request),
        error=sentence(error, gettext) if error else "",
    )
    return render(request, "health/topic.html", context, status_code=error.status if error else 200)


def _done(request: Request) -> Done | None:
    """What the address says was done just now; nothing where it makes no sense."""
    values = request.query_params
    act, count, back = values.get("done", ""), values.get("count", ""), values.get("undo", "")
    if act not in (*Act, "undo") or not (count.isascii() and count.isdigit() and len(count) < 10):
        return None
    return Done(act, int(count), back if back == "move" or (back.isascii() and back.isdigit()) else "")
