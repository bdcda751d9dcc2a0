"""The lists of the health page: the findings of one topic, and one property of the pictures, each with its buttons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.domain import leaks
from app.domain.errors import AppError, Invalid, NotFound
from app.domain.findings import GROUPS, Topic
from app.services import gallery, health, health_mend, health_runs
from app.services.gallery import ImageRow
from app.services.health import Finding
from app.services.health_mend import Act
from app.web import i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.fields import TEXTS
from app.web.health_done import KEPT, Done, done, is_number
from app.web.health_words import ACTS, PROPERTIES, WORDS, Words
from app.web.messages import sentence
from app.web.pictures import SPLITS
from app.web.submitted import SubmittedDep
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/health")

PER_PAGE = {True: 20, False: 60}  # groups, single pictures
FOLDS = 5  # that the page speaks of
MANY = 24  # pictures of one group in its list


@dataclass(frozen=True)
class Folds:
    """What folds do to groups: of copies (``torn``: the share that five folds tear apart), and of other kinds."""

    torn: float
    effects: Sequence[health_runs.Effect]
    others: Mapping[str, Sequence[int]]  # by what -> groups, images
    names: Mapping[str, str]


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
    checked: bool
    acts: Mapping[Act, str]
    split_names: Mapping[str, str]
    classes: Mapping[int, LabelClass]
    folds: Folds | None
    done: Done | None
    error: str


@dataclass(frozen=True)
class PropertyPage:
    """A property that gives the class away: its values, with the classes and some pictures of each."""

    project: Project
    name: str
    names: Mapping[str, str]
    row: Mapping[str, Any]
    kept_by: str | None
    images: Mapping[int, ImageRow]
    done: Done | None


@router.get("/properties/{name}", name="health_property")
def show_property(request: Request, name: str, project: ProjectDep, session: ReadSession) -> Response:
    """Show what a property tells of the classes."""
    finding, row = _property(session, project, name)
    wanted = [int(image_id) for value in row["values"] for image_id in value["examples"]]
    images = {image.id: image for image in gallery.rows(session, project.id, wanted)}
    context = PropertyPage(project, name, PROPERTIES, row, finding.kept_by, images, done(request))
    return render(request, "health/property.html", context)


@router.post("/properties/{name}", name="health_property_keep")
def keep_property(
    request: Request, name: str, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep
) -> Response:
    """Keep a property as it is, or show it again."""
    finding, _row = _property(session, project, name)
    act = Act.UNKEEP if sent.values.get("do") == Act.UNKEEP else Act.KEEP
    count = health_mend.keep(session, finding, actor if act is Act.KEEP else None)
    undoable = KEPT if act is Act.KEEP else None
    query = {"done": act, "count": count, "undo": undoable}
    return redirect(request, "health_property", slug=project.slug, name=name, query=query)


def _property(session: Session, project: Project, name: str) -> tuple[Finding, Mapping[str, Any]]:
    rows = {row["name"]: row for row in health.state(session, project.id).results.get("properties", [])}
    found = health.shortcuts(session, project.id).get(name)
    if found is None or name not in rows:
        raise NotFound("topic_missing", value=name[:40])
    return found, rows[name]


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
    undoable = {Act.KEEP: KEPT}.get(act) or mended.change_set_id
    query = {"done": act, "count": mended.count, "undo": undoable, "kept": "1" if act is Act.UNKEEP else None}
    return redirect(request, "health_topic", slug=project.slug, topic=chosen, query=query)


def _topic(name: str) -> Topic:
    if name not in tuple(Topic):
        raise NotFound("topic_missing", value=name[:40])
    return Topic(name)


def _button(text: str) -> tuple[Act, str, int | None]:
    name, _, rest = text.partition(":")
    which, _, label = rest.partition(":")
    numbers = [value for value in (which if which != "all" else "", label) if value]
    if name not in tuple(Act) or not which or not all(map(is_number, numbers)):
        raise Invalid("finding_act", value=text[:40])
    return Act(name), which, int(label) if label else None


def _topic_page(
    request: Request, session: Session, project: Project, topic: Topic, error: AppError | None = None
) -> Response:
    kept = request.query_params.get("kept") == "1"
    total = health.count(session, project.id, topic, kept=kept)
    text = request.query_params.get("offset", "")
    per_page = PER_PAGE[topic in GROUPS]
    offset = min(int(text), total) if is_number(text) else 0
    shown = health.ids(session, project.id, topic, kept=kept, offset=offset, limit=per_page)
    gettext = i18n.translations(i18n.choose(request)).gettext
    context = TopicPage(
        project=project,
        topic=topic,
        words=WORDS[topic],
        grouped=topic in GROUPS,
        findings=health.load(session, project.id, shown),
        total=total,
        offset=offset,
        per_page=per_page,
        many=MANY,
        kept=kept,
        kept_count=0 if kept else health.count(session, project.id, topic, kept=True),
        checked=health.state(session, project.id).checked_at is not None,
        acts=ACTS,
        split_names=SPLITS,
        classes={item.id: item for item in project.classes},
        folds=_folds(session, project) if topic is Topic.FOLDS else None,
        done=done(request),
        error=sentence(error, gettext) if error else "",
    )
    return render(request, "health/topic.html", context, status_code=error.status if error else 200)


def _folds(session: Session, project: Project) -> Folds:
    told = health.state(session, project.id).results.get("groups", {})
    sizes = health.fold_groups(session, project.id)
    effects = health_runs.fold_effects(session, project.id)
    return Folds(leaks.torn_share(sizes, FOLDS), effects, told, TEXTS["group_by"].choices)
